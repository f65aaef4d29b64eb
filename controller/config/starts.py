"""When windows start: a cron expression on the wall clock of a time zone, by APScheduler's CronTrigger.

The trigger is asked on a clock that never changes, and what it answers is read on the wall clock of the zone. Asked
about times of the zone itself it forgets a start that falls into the hour that is skipped as soon as it is asked from
within that hour, so that what it says of a moment depends on when it is asked. Read on the wall:

- a start in the hour that is skipped counts as much later as the clocks are put forward (02:30 at 03:30);
- one in the hour that is repeated counts twice, as CronTrigger itself does for a time in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from controller.config.cron import read_cron

REACH = timedelta(hours=3)
"""How far from a change of the clocks what is on the wall may mislead; the largest that is in force anywhere, that of
Troll in Antarctica, is by 2 hours."""
KEPT = 8
"""Answers that a clock remembers: those of polls are the same for hours."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CronStarts:
    """The moments that a cron expression names in a time zone."""

    cron: str
    """As ``cron.check_cron`` returns it."""
    timezone: str
    """The name of the zone in the IANA database."""

    def next_after(self, moment: float) -> float | None:
        """Return the first start later than a moment, seconds since the epoch; None: there is none."""
        return _find_clock(self.cron, self.timezone).next_after(moment)

    def __str__(self) -> str:
        return f"{self.cron}, {self.timezone}"


class _WallClock:
    """The starts of one expression in one zone, by what is on its wall. Safe to use from every thread."""

    def __init__(self, cron: str, timezone: str) -> None:
        # Slow to import, and nobody needs it without a schedule.
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

        fields = read_cron(cron)
        self._trigger: Any = CronTrigger(
            month=fields.month,
            day=fields.day,
            day_of_week=fields.day_of_week,
            hour=fields.hour,
            minute=fields.minute,
            second=0,
            timezone=UTC,
        )
        self._zone = ZoneInfo(timezone)
        self._found: tuple[tuple[float, float], ...] = ()
        """Moments that were asked for, with their answers: each is the answer for every moment between the two."""

    def next_after(self, moment: float) -> float | None:
        """Return the first start later than a moment; None: there is none."""
        # Starts are whole minutes.
        earliest = floor(moment) + 1.0
        for asked, found in self._found:
            if asked <= earliest <= found:
                return found
        start = self._find(earliest)
        if start is not None:
            self._found = ((earliest, start), *self._found[: KEPT - 1])
        return start

    def _find(self, earliest: float) -> float | None:
        """Return the first start at a moment or later."""
        wall = self._read_wall(earliest)
        if not self._is_steady(earliest):
            wall -= REACH
        best: float | None = None
        while (on_wall := self._find_on_wall(wall)) is not None:
            found = [at for at in self._find_moments(on_wall) if at >= earliest]
            best = min([*found, *([] if best is None else [best])], default=None)
            if best is not None and (self._is_steady(best) or on_wall - self._read_wall(best) > REACH):
                break
            wall = on_wall + _MINUTE
        return best

    def _find_on_wall(self, wall: datetime) -> datetime | None:
        """Return what is on the wall at the first start, from this on."""
        found: datetime | None = self._trigger.get_next_fire_time(None, wall.replace(tzinfo=UTC))
        return None if found is None else found.replace(tzinfo=None)

    def _find_moments(self, wall: datetime) -> set[float]:
        """Return the moments at which this is on the wall: one, or two; of what is skipped, when it would have been."""
        first, second = (wall.replace(tzinfo=self._zone, fold=fold).timestamp() for fold in (0, 1))
        return {first, second} if self._read_wall(first) == wall else {first}

    def _is_steady(self, moment: float) -> bool:
        """Say whether the clocks are not changed within reach."""
        reach = REACH.total_seconds()
        return self._read_wall(moment + reach) - self._read_wall(moment - reach) == 2 * REACH

    def _read_wall(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self._zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=4096)
def _find_clock(cron: str, timezone: str) -> _WallClock:
    """Return the clock of an expression: schedules of many scalers share a few."""
    return _WallClock(cron, timezone)
