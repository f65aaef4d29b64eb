"""The last good configuration: a bad file is reported and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from controller.config import ConfigError, ControllerSpec, Loaded, Problem, load

NEEDS_RESTART = ("name", "aws", "server")
"""The parts that cannot change while it runs: who we are, how AWS is reached (slots stand on it), where we listen."""


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """How the last reload went."""

    at: float
    error: str | None = None
    """None: it was taken."""


class ConfigurationFile:
    """A configuration file, and the last good configuration that it held, which is in force."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """Load the file; ``now`` gives seconds since the epoch. Raises ConfigError when the file is not valid."""
        self.path = path
        self._now = now
        self._seen = self._settled = _hash(path)
        self._take(load(path))

    def reload(self) -> None:
        """Take the file as it is now. Raises ConfigError, and keeps what is in force, when it cannot be taken."""
        self._seen = self._settled = _hash(self.path)
        try:
            loaded = load(self.path)
            _refuse(_find_fixed(self.spec, loaded))
        except ConfigError as error:
            self.report = ReloadReport(self._now(), str(error))
            raise
        self._take(loaded)

    def _take(self, loaded: Loaded) -> None:
        self.spec, self.hash, self.warnings = loaded.spec, loaded.hash, loaded.warnings
        self.report = ReloadReport(self._now())

    def has_changed(self) -> bool:
        """Say whether the file's content differs from what was last read, and has not since the last look.

        The content decides, not its time: a network file system shows times late. An editor that is still writing shows
        two contents in a row.
        """
        before, self._seen = self._seen, _hash(self.path)
        return self._seen == before and self._seen != self._settled


def _hash(path: Path) -> bytes | None:
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return None


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
