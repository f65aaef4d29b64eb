"""Pace: no faster than an account may, and slower after AWS has said so."""

from __future__ import annotations

from threading import Lock

from controller.aws.errors import AwsError, Fault
from controller.clock import Clock
from controller.core.decision.pause import doubling_pause
from controller.core.decision.rate import Bucket, Rate, take

FIRST_BACK_OFF = 1.0
"""Seconds for which an operation rests after it was throttled once."""
MAX_BACK_OFF = 30.0
NEVER = float("-inf")


class RestingError(AwsError):
    """A call that was not sent, since its operation rests after a throttle, for ``seconds`` more."""

    def __init__(self, operation: str, seconds: float) -> None:
        # Without the span: the sentence is kept, and shown when that has long passed.
        super().__init__(Fault.THROTTLED, f"{operation} was throttled by AWS and rests until it may be asked again")
        self.seconds = seconds


class BackOff:
    """Lets an operation rest after it was throttled, twice as long each time, until it succeeds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._throttled: dict[str, int] = {}
        self._rests: dict[str, tuple[float, float]] = {}

    def check(self, operation: str) -> None:
        """Raise RestingError while the operation rests: asking a throttled account for more makes it worse."""
        rest = self._rest(operation)[1] - self._clock.elapsed()
        if rest > 0:
            raise RestingError(operation, rest)

    def note(self, operation: str, sent_at: float, *, throttled: bool) -> None:
        """Note how a request went that was sent at ``sent_at``."""
        if not throttled and not self._rests:
            return
        with self._lock:
            began, until = self._rest(operation)
            now = self._clock.elapsed()
            if throttled and now >= until:
                times = self._throttled.get(operation, 0)
                self._throttled[operation] = times + 1
                self._rests[operation] = (now, now + doubling_pause(FIRST_BACK_OFF, MAX_BACK_OFF, times))
            # What left before the rest began, as many do at the same time, says nothing new: one storm is one throttle.
            elif not throttled and sent_at >= began:
                self._throttled.pop(operation, None)
                self._rests.pop(operation, None)

    def _rest(self, operation: str) -> tuple[float, float]:
        """Return when the operation's last rest began, and until when it lasts."""
        return self._rests.get(operation, (NEVER, NEVER))


class Pacer:
    """Holds what is shared by all scalers to a rate; whoever is too fast waits."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._bucket = Bucket()
        self._lock = Lock()

    def configure(self, rate: Rate) -> None:
        """Hold to another rate from now on; what was taken lately still counts."""
        with self._lock:
            self._rate = rate

    def wait(self, tokens: int, until: float) -> bool:
        """Take ``tokens`` and wait for them; False, with nothing taken, if that would be after ``until``.

        False as well when the process is to stop meanwhile.
        """
        with self._lock:
            now = self._clock.now()
            bucket, seconds = take(self._rate, self._bucket, tokens, now)
            if seconds > 0 and now + seconds > until:
                return False
            self._bucket = bucket
        return seconds == 0 or not self._clock.pause(seconds)
