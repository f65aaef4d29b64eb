"""When windows start, and what the installed CronTrigger makes of clocks that change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from controller.config.starts import CronStarts, _find_clock

BERLIN, TOKYO, NEW_YORK = "Europe/Berlin", "Asia/Tokyo", "America/New_York"


def at(text: str) -> float:
    """Return seconds since the epoch of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def starts(cron: str, zone: str, since: str, count: int) -> list[str]:
    """Return the first starts after a time in UTC, in UTC."""
    found, moment = [], at(since)
    for _ in range(count):
        start = CronStarts(cron, zone).next_after(moment)
        assert start is not None
        moment = start
        found.append(f"{datetime.fromtimestamp(start, UTC):%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "since", "expected"),
    [
        ("0 8 * * mon-fri", TOKYO, "2026-11-27T00:00", ["11-29 23:00", "11-30 23:00", "12-01 23:00"]),
        ("0 8 * * mon-fri", "UTC", "2026-11-27T07:59:59", ["11-27 08:00", "11-30 08:00"]),
        ("0 8 * * mon-fri", "UTC", "2026-11-27T08:00", ["11-30 08:00"]),
        ("0 0 last * *", "UTC", "2027-02-01T00:00", ["02-28 00:00", "03-31 00:00"]),
        ("0 0 29 2 *", "UTC", "2026-11-27T00:00", ["02-29 00:00"]),
        ("30 2 * * *", BERLIN, "2026-03-28T00:00", ["03-28 01:30", "03-29 01:30", "03-30 00:30"]),
        ("0 8 * * *", BERLIN, "2026-03-28T00:00", ["03-28 07:00", "03-29 06:00"]),
        ("30 2 * * *", BERLIN, "2026-10-24T00:00", ["10-24 00:30", "10-25 00:30", "10-25 01:30", "10-26 01:30"]),
        ("0 8 * * *", BERLIN, "2026-10-24T00:00", ["10-24 06:00", "10-25 07:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T00:00", ["03-07 07:30", "03-08 07:30", "03-09 06:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T00:00", ["10-31 05:30", "11-01 05:30", "11-01 06:30", "11-02 06:30"]),
        ("0,30 2,3 * * *", BERLIN, "2026-03-29T00:00", ["03-29 01:00", "03-29 01:30", "03-30 00:00"]),
        ("10,35 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["10-03 15:35", "10-03 15:40", "10-04 15:10"]),
    ],
    ids=[
        "weekdays",
        "to the second",
        "later than now",
        "the last day",
        "a leap day",
        "skipped in Berlin",
        "a day of 23 hours",
        "repeated in Berlin",
        "a day of 25 hours",
        "skipped in New York",
        "repeated in New York",
        "skipped and what follows are one",
        "half an hour is skipped",
    ],
)
def test_starts(cron: str, zone: str, since: str, expected: list[str]) -> None:
    """A start that is skipped counts as much later as the clocks are put forward; one that is repeated counts twice."""
    assert expected == starts(cron, zone, since, len(expected))


def ask(cron: str, zone: str, now: str) -> str:
    """Return what the installed CronTrigger answers to a time in UTC, in UTC."""
    trigger = CronTrigger.from_crontab(cron, timezone=ZoneInfo(zone))
    found = trigger.get_next_fire_time(None, datetime.fromisoformat(now).replace(tzinfo=UTC))
    return f"{found.astimezone(UTC):%m-%d %H:%M}"


def test_the_trigger_fires_twice_in_the_repeated_hour() -> None:
    """With ``now`` in UTC: on this the documents stand."""
    assert "10-25 00:30" == ask("30 2 * * *", BERLIN, "2026-10-25T00:00")
    assert "10-25 01:30" == ask("30 2 * * *", BERLIN, "2026-10-25T00:30:01")
    assert "10-26 01:30" == ask("30 2 * * *", BERLIN, "2026-10-25T01:30:01")


def test_the_trigger_forgets_the_skipped_hour_once_it_has_begun() -> None:
    """Half an hour before a start that it has announced: why it is asked on a clock without changes."""
    assert "03-29 01:30" == ask("30 2 * * *", BERLIN, "2026-03-29T00:59")
    assert "03-30 00:30" == ask("30 2 * * *", BERLIN, "2026-03-29T01:00")
    assert [at("2026-03-29T01:30")] * 3 == [
        CronStarts("30 2 * * *", BERLIN).next_after(at(f"2026-03-29T{now}")) for now in ("00:59", "01:00", "01:29")
    ]


def test_what_the_trigger_reads_otherwise_than_cron() -> None:
    """``1-5`` begins on Tuesday, ``0`` is Monday, and a step after names is dropped: why all of them are refused."""
    monday = "2026-11-30T00:00"
    assert ["12-01 08:00", "11-30 08:00"] == [ask(f"0 8 * * {days}", "UTC", monday) for days in ("1-5", "0")]
    assert "12-01 08:00" == ask("0 8 * * mon-fri/2", "UTC", "2026-12-01T00:00")


EXPRESSIONS = ["*/30 * * * *", "15 2 * * *", "0 1,2,3 * * *", "0 8 * * mon-fri", "30 0 last * *", "5 2 * 3,10,11 sun"]
ZONES = [TOKYO, BERLIN, NEW_YORK, "Australia/Lord_Howe", "America/Santiago"]
CHANGES = [
    "2026-03-08T07:00",
    "2026-03-29T01:00",
    "2026-04-05T03:00",
    "2026-09-06T04:00",
    "2026-10-25T01:00",
    "2026-11-01T06:00",
]
moments = st.builds(
    lambda change, minutes: at(change) + 60 * minutes, st.sampled_from(CHANGES), st.integers(-3000, 3000)
)


def ask_anew(cron: str, zone: str, moment: float) -> float | None:
    """Return the first start later than a moment, as somebody finds it who was never asked before."""
    _find_clock.cache_clear()
    return CronStarts(cron, zone).next_after(moment)


@given(cron=st.sampled_from(EXPRESSIONS), zone=st.sampled_from(ZONES), moment=moments)
def test_the_answer_is_the_same_whenever_it_is_asked(cron: str, zone: str, moment: float) -> None:
    """From every moment before it, on both sides of a change of the clocks."""
    start = ask_anew(cron, zone, moment)
    assert start is not None
    assert start > moment
    assert [start] * 2 == [ask_anew(cron, zone, start - before) for before in (1.0, min(start - moment, 900.0))]


@given(cron=st.sampled_from(EXPRESSIONS), zone=st.sampled_from(ZONES), moment=moments)
def test_every_start_is_on_the_wall(cron: str, zone: str, moment: float) -> None:
    """Or was skipped, and then comes after a wall that shows what was to come."""
    start = CronStarts(cron, zone).next_after(moment)
    assert start is not None
    plain = CronTrigger.from_crontab(cron, timezone=UTC)
    wall = datetime.fromtimestamp(start, ZoneInfo(zone))
    skipped = [wall.replace(tzinfo=None) - timedelta(minutes=gap) for gap in (0, 30, 60)]
    fires = [plain.get_next_fire_time(None, each.replace(tzinfo=UTC)).replace(tzinfo=None) == each for each in skipped]
    assert any(fires)


def test_windows_do_not_stop_in_a_year() -> None:
    """There are as many starts as there are days, and one more where the clocks are put back in its hour."""
    moment, found = at("2026-01-01T00:00"), [at("2026-01-01T00:00")]
    while found[-1] < at("2027-01-01T00:00"):
        moment = CronStarts("30 2 * * *", BERLIN).next_after(moment) or moment
        found.append(moment)
    gaps = {round((after - before) / 3600) for before, after in pairwise(found[1:-1])}
    assert (366 + 1, {1, 23, 24}) == (len(found) - 1, gaps - {25})
