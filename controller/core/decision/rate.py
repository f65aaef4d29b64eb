"""Rates: a bucket of tokens, as AWS's own limits are."""

from __future__ import annotations

from controller.core.frozen import frozen


@frozen
class Rate:
    """So many a second in the long run, so many at once."""

    per_second: float
    burst: int

    def divide(self, parts: int, *, least: int) -> Rate:
        """Return one of so many equal parts; in the long run all of them together are no more than this rate.

        At once they may be more where a part of the burst would be less than the ``least`` that is ever taken: a bucket
        that is smaller than that would never give it.
        """
        return Rate(self.per_second / parts, max(least, self.burst // parts))


@frozen
class Bucket:
    """How much was taken lately."""

    debt: float = 0.0
    """Tokens taken and not yet made up for."""
    at: float = 0.0


def take(rate: Rate, bucket: Bucket, tokens: int, now: float) -> tuple[Bucket, float]:
    """Return the bucket after ``tokens`` were taken, and for how many seconds to wait before using them."""
    debt = max(0.0, bucket.debt - max(0.0, now - bucket.at) * rate.per_second) + tokens
    return Bucket(debt, now), max(0.0, (debt - rate.burst) / rate.per_second)
