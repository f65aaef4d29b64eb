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
WAITED_OUT = 2.0
"""Seconds of a rest that a listing waits for."""
NEVER = float("-inf")


class RestingError(AwsError):
    """A call that was not sent, since its operation rests after a throttle, for ``seconds`` more."""

    def __init__(self, operation: str, seconds: float) -> None:
        # Without the span: the sentence is kept, and shown when that has long passed.
        super().__init__(Fault.THROTTLED, f"{operation} was throttled by AWS and is not called again for a while")
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


class Limits:
    """What AWS limits by account and region: all who ask there share it."""

    def __init__(self, listing_rate: Rate, clock: Clock) -> None:
        self.back_off = BackOff(clock)
        self.listing_pace = ListingPace(listing_rate, self.back_off, clock)


class ListingPace:
    """Holds the calls of listings to the account's rate. Those who make them may wait: they have threads of their own.

    An operation that rests for a short time is waited for as well, instead of giving a listing of many pages up for it.
    """

    def __init__(self, rate: Rate, back_off: BackOff, clock: Clock) -> None:
        self._rate = rate
        self._back_off = back_off
        self._clock = clock
        self._bucket = Bucket()
        self._lock = Lock()

    def wait(self, operation: str) -> float:
        """Wait until a call of the operation keeps to the rate, or the process is to stop; returns for how long.

        That is seconds, without those of a rest, for which AWS has asked.
        """
        with self._lock:
            self._bucket, seconds = take(self._rate, self._bucket, 1, self._clock.elapsed())
        if seconds > 0:
            self._clock.pause(seconds)
        try:
            self._back_off.check(operation)
        except RestingError as rest:
            if rest.seconds <= WAITED_OUT:
                self._clock.pause(rest.seconds)
        return seconds
