"""The last good configuration: a bad file is reported and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import sha256

import structlog

from controller.config import ConfigError, ControllerSpec, Loaded, Problem, load_content
from controller.config.kept import CannotReadError, Kept
from controller.config.pins import Pins, find_disagreements

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


class KeptConfiguration:
    """A configuration where it is kept, and the last good one that was there, which is in force.

    Every look reads it once, and what is taken is what was seen then. A read may wait for as long as the place lets
    it, as a pipe or a network file system does, so it belongs in a thread that nothing waits for.
    """

    def __init__(self, kept: Kept, now: Callable[[], float], pins: Pins = Pins()) -> None:  # noqa: B008 - it is frozen
        """Load it, and if it is bad the newest earlier version that is good.

        ``now`` gives seconds since the epoch, ``pins`` are what it has to agree with. Raises ConfigError when nothing
        good is there or that could not be told, and CannotReadError when not even the newest could be read.
        """
        self.kept = kept
        self.is_readable = False
        """Whether it could be read when it was last looked at, whatever was in it."""
        self.read_at = 0.0
        """When it was last read, whether or not it was good; seconds since the epoch."""
        self.earlier: str | None = None
        """The earlier version that was taken at the start, since the newest is bad; None: it was the newest."""
        self._now = now
        self._pins = pins
        self._seen: bytes | None = None
        self._settled: bytes | None = None
        self._in_force: bytes | None = None
        self._looks = 0
        look = self._look()
        self._note(look)
        newest: ConfigError | None = None
        try:
            loaded = self._load(look)
        except CannotReadError:
            raise
        except ConfigError as error:
            newest, (loaded, look) = error, self._find_earlier(error)
        self.spec = loaded.spec
        self._take(loaded, look)
        if newest is not None:
            self.report = ReloadReport(self._now(), str(newest))

    def reload(self) -> bool:
        """Take the configuration as it is now: True, also if it says what is in force.

        Raises ConfigError, and keeps what is in force, when it cannot be taken.
        Raises OvertakenError if another thread has begun a look meanwhile.
        """
        self._settle(self._look())
        return True

    def reload_if_changed(self) -> bool:
        """Take it if its content has changed, and say whether it had; raises ConfigError as :meth:`reload` does.

        It has if it differs from what was last taken or refused, and has not since the last look. The content decides,
        not its time: a network file system shows times late. An editor that is still writing a file shows two contents
        in a row. What AWS keeps and does not give now has not changed, as far as anybody knows.
        """
        look = self._look()
        if isinstance(look.error, CannotReadError):
            return False
        stands_still, self._seen = self.kept.is_remote or look.digest == self._seen, look.digest
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
            content = self.kept.read()
            look = _Look(content, sha256(content).digest())
            self.read_at = self._now()
        except ConfigError as error:
            look = _Look(None, None, error)
        if number != self._looks:
            raise OvertakenError
        self.is_readable = look.error is None
        return look

    def _note(self, look: _Look) -> None:
        self._seen = self._settled = look.digest

    def _load(self, look: _Look) -> Loaded:
        if look.error is not None:
            raise look.error
        return self._check(look.content or b"")

    def _check(self, content: bytes) -> Loaded:
        loaded = load_content(content, self.kept.address)
        _refuse(tuple(find_disagreements(loaded, self._pins)))
        return loaded

    def _find_earlier(self, newest: ConfigError) -> tuple[Loaded, _Look]:
        """Return the newest earlier version that is good. Raises ``newest``, why that one is not, if none is.

        Where earlier ones cannot be read, what is wrong with the newest is told as well: to mend it is a way out, too.
        """
        try:
            return self._check_earlier(newest)
        except CannotReadError as error:
            earlier = [replace(each, message=f"earlier versions: {each.message}") for each in error.problems]
            raise ConfigError([*newest.problems, *earlier]) from error

    def _check_earlier(self, newest: ConfigError) -> tuple[Loaded, _Look]:
        for earlier in self.kept.read_earlier():
            try:
                loaded = self._check(earlier.content)
            except ConfigError:
                continue
            self.earlier = earlier.version
            return loaded, _Look(earlier.content, sha256(earlier.content).digest())
        raise newest

    def _take(self, loaded: Loaded, look: _Look) -> None:
        self.spec, self.hash, self.warnings = _reuse(self.spec, loaded.spec), loaded.hash, loaded.warnings
        self.warnings += loaded.warn_of_time(self._now())
        self.places = loaded.find_places()
        self._in_force = look.digest
        self.report = ReloadReport(self._now())


def report_warnings(configuration: KeptConfiguration) -> None:
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
