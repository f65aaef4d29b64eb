"""The last good configuration: a bad file is reported and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path

import structlog

from controller.config import ConfigError, ControllerSpec, Loaded, Problem, load, read_content

NEEDS_RESTART = ("name", "aws", "server")
"""The parts that cannot change while it runs: who we are, how AWS is reached (slots stand on it), where we listen."""


class OvertakenError(Exception):
    """While a look at the file hung, another one was begun; this one counts no more."""


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """How the last reload went."""

    at: float
    error: str | None = None
    """None: it was taken."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the file has found."""

    content: bytes | None
    digest: bytes | None
    """What tells two contents apart; all failures to read are alike."""
    error: ConfigError | None = None
    """Why there is no content; None: there is."""


class ConfigurationFile:
    """A configuration file, and the last good configuration that it held, which is in force.

    Every look reads the file once, and what is taken is what was seen then. A read may wait for as long as the file
    lets it, as a pipe or a network file system does, so it belongs in a thread that nothing waits for.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """Load the file; ``now`` gives seconds since the epoch. Raises ConfigError when the file is not valid."""
        self.path = path
        self._now = now
        self._seen: bytes | None = None
        self._settled: bytes | None = None
        self._in_force: bytes | None = None
        self._looks = 0
        look = self._look()
        self._note(look)
        loaded = self._load(look)
        self.spec = loaded.spec
        self._take(loaded, look)

    @property
    def is_readable(self) -> bool:
        """Whether the file could be read when it was last looked at, whatever was in it."""
        return self._seen is not None

    def reload(self) -> bool:
        """Take the file as it is now: True, also if it says what is in force.

        Raises ConfigError, and keeps what is in force, when it cannot be taken.
        Raises OvertakenError if another thread has begun a look meanwhile.
        """
        self._settle(self._look())
        return True

    def reload_if_changed(self) -> bool:
        """Take the file if its content has changed, and say whether it had; raises ConfigError as :meth:`reload` does.

        It has if it differs from what was last taken or refused, and has not since the last look. The content decides,
        not its time: a network file system shows times late. An editor that is still writing shows two contents in a
        row.
        """
        look = self._look()
        stands_still, self._seen = look.digest == self._seen, look.digest
        if not stands_still or look.digest == self._settled:
            return False
        self._settle(look)
        return True

    def _settle(self, look: _Look) -> None:
        self._note(look)
        if look.digest is not None and look.digest == self._in_force:
            # Nothing else decides what a content means, so that reading ten thousand scalers again would tell nothing.
            self.report = ReloadReport(self._now())
            return
        try:
            loaded = self._load(look)
            _refuse(_find_fixed(self.spec, loaded))
        except ConfigError as error:
            self.report = ReloadReport(self._now(), str(error))
            raise
        self._take(loaded, look)

    def _look(self) -> _Look:
        self._looks = number = self._looks + 1
        try:
            content = read_content(self.path)
            look = _Look(content, sha256(content).digest())
        except ConfigError as error:
            look = _Look(None, None, error)
        if number != self._looks:
            raise OvertakenError
        return look

    def _note(self, look: _Look) -> None:
        self._seen = self._settled = look.digest

    def _load(self, look: _Look) -> Loaded:
        if look.error is not None:
            raise look.error
        return load(self.path, look.content)

    def _take(self, loaded: Loaded, look: _Look) -> None:
        self.spec, self.hash, self.warnings = _reuse(self.spec, loaded.spec), loaded.hash, loaded.warnings
        self.places = loaded.find_places()
        self._in_force = look.digest
        self.report = ReloadReport(self._now())


def report_warnings(configuration: ConfigurationFile) -> None:
    """Log what works in the configuration that is in force, and is hardly meant."""
    for warning in configuration.warnings:
        structlog.get_logger().warning("configuration", warning=str(warning))


def _reuse(before: ControllerSpec, after: ControllerSpec) -> ControllerSpec:
    """Return what is said ``after``, with the very scalers of ``before`` where they are equal.

    A scaler that stays works on with those, and two of each would take 20 MB where there are 10,000.
    """
    known = {scaler.name: scaler for scaler in before.scalers}
    scalers = (known[each.name] if known.get(each.name) == each else each for each in after.scalers)
    return replace(after, scalers=tuple(scalers))


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise ConfigError(problems)


def _find_fixed(running: ControllerSpec, after: Loaded) -> tuple[Problem, ...]:
    """Find the values that differ and that only a restart can change."""
    return tuple(
        after.locate(
            key, f"differs from what runs ({_write(old)}), and cannot change while it runs: restart to take it"
        )
        for part in NEEDS_RESTART
        for key, old, new in _pair_values(part, getattr(running, part), getattr(after.spec, part))
        if old != new
    )


def _pair_values(key: str, before: object, after: object) -> list[tuple[str, object, object]]:
    """Return a part's keys with both their values; a plain value is its own key."""
    if isinstance(before, str):
        return [(key, before, after)]
    names = [field.name for field in fields(before)]  # type: ignore[arg-type]
    return [(f"{key}.{name}", getattr(before, name), getattr(after, name)) for name in names]


def _write(value: object) -> str:
    return "not set" if value is None else str(value)
