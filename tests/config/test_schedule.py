"""Schedules: what is taken, what is refused with its place and what to write instead, and what is warned of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from controller.config import load
from controller.config.cron import check_cron
from controller.config.starts import CronStarts
from controller.core.decision.timetable import Changes, TimeWindow
from tests.config.files import LEAST, demand, problems, scaler

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()


def entry(text: str, *more: str) -> str:
    """Return the shortest configuration with a schedule, whose first entry begins at line 10 and column 9."""
    return scaler("schedule:\n" + "\n".join(f"  - {{{each}}}" for each in (text, *more)))


def cron(text: str) -> str:
    """Return the same with one entry of this expression, from column 16 on."""
    return entry(f'cron: "{text}", for: 1h, paused: true')


def promise(lines: str) -> str:
    """Return a scaler that promises five minutes, with lines of its own."""
    text = demand("start_within: 5m\nseconds_per_message: 1")
    return text + "".join(f"    {line}\n" for line in lines.splitlines())


def test_everything_that_a_window_sets(tmp_path: Path) -> None:
    """Times are seconds, the zone is UTC, and what is left out is left as it is."""
    text = promise(
        "schedule:\n"
        '  - {cron: "0  8 * * MON-Fri", for: 10h, timezone: Asia/Tokyo, max_containers: 80, min_containers: 2}\n'
        '  - {cron: "*/5 1-3 1,15 jan-mar *", for: 5m, paused: true, until: 2026-12-24T09:00+09:00}\n'
        '  - {cron: "0 0 last * *", for: 3600, start_within: 1m, poll_interval: 1m, until: 2027-01-31}\n'
    )
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert (
        TimeWindow(CronStarts("0 8 * * mon-fri", "Asia/Tokyo"), 36_000.0, Changes(max_containers=80, min_containers=2)),
        TimeWindow(
            CronStarts("*/5 1-3 1,15 jan-mar *", "UTC"),
            300.0,
            Changes(paused=True),
            until=datetime(2026, 12, 24, tzinfo=UTC).timestamp(),
        ),
        TimeWindow(
            CronStarts("0 0 last * *", "UTC"),
            3600.0,
            Changes(start_within=60.0, poll_interval=60.0),
            until=datetime(2027, 1, 31, tzinfo=UTC).timestamp(),
        ),
    ) == load(path).spec.scalers[0].schedule


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (
            "0 8 * * 1-5",
            "must name weekdays, whose numbers mean other days to other schedulers: write mon-fri for cron's 1-5",
        ),
        ("0 8 * * 0", "write sun for cron's 0"),
        ("0 8 * * 7", "write sun for cron's 7"),
        ("0 8 * * 0,6", "write sat,sun for cron's 0,6"),
        ("0 8 * * 5-7", "write fri-sun for cron's 5-7"),
        ("0 8 * * 0-5", "write mon,tue,wed,thu,fri,sun for cron's 0-5"),
        ("0 8 * * 0-6", "write * for cron's 0-6"),
        ("0 8 * * */2", "write names from mon to sun"),
        ("0 8 * * mon#1", "write names from mon to sun"),
        ("0 8 * * fri-mon", 'has a range of weekdays over the end of the week, "fri-mon": write mon,fri,sat,sun'),
        ("0 8 * * mo", 'cannot read "mo" as weekday: did you mean mon?'),
        ("0 8 * * mon-fri-sat", "as weekday"),
        ("0 8 13 * fri", 'sets the day of the month ("13") and the weekday ("fri")'),
        ("0 8 */2 * fri", 'sets the day of the month ("*/2") and the weekday ("fri")'),
        ("0 8 30 2 *", 'never fires: no month "2" has a day "30"'),
        ("0 8 30-31 feb *", 'never fires: no month "feb" has a day "30-31"'),
        ("0 8 31 4,6,9,11 *", "never fires"),
        (
            "0 8 * *",
            'must have five fields, minute, hour, day of the month, month and weekday, as "0 8 * * mon-fri" has',
        ),
        ("0 0 8 * * mon", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 8 * * *", "must have a number from 0 to 59 as minute, not 60"),
        ("0 24 * * *", "must have a number from 0 to 23 as hour, not 24"),
        ("0 8 0 * *", "must have a number from 1 to 31 as day of the month, not 0"),
        ("0 8 * 13 *", "must have a number from 1 to 12 as month, not 13"),
        ("0 8 * foo *", 'cannot read "foo" as month: write *, numbers from 1 to 12, names from jan to dec'),
        ("0 17-8 * * *", 'has a range in hour that ends before it begins: "17-8"; write two ranges'),
        ("0 5/15 * * *", "has a step without a range in hour: write 5-23/15 for 5/15"),
        ("*/0 * * * *", 'has a step of 0 in minute: "*/0"'),
        ("*/60 * * * *", "has a step in minute that is never taken: write 0 for */60"),
        ("0 8-10/4 * * *", "has a step in hour that is never taken: write 8 for 8-10/4"),
        ("0 8 L * *", 'cannot read "l" as day of the month'),
        ("0 8 1st mon * *", "must have five fields"),
        ("0 8 ? * *", 'cannot read "?" as day of the month'),
        ("0, 8 * * *", 'cannot read "" as minute'),
    ],
)
def test_expressions_that_are_refused(tmp_path: Path, expression: str, says: str) -> None:
    """With the place of the expression, and with what to write where that can be told."""
    (problem,) = problems(tmp_path, cron(expression))
    assert problem.startswith("10:16: scalers[0].schedule[0].cron: ")
    assert says in problem


@pytest.mark.parametrize(
    "expression",
    ["0 8 29 2 *", "59 23 31 12 *", "*/15 * * * *", "0 0-23/6 * * sat,sun", "0 8 last feb *", "0 0 * 2-4/2 *"],
)
def test_expressions_that_are_taken(expression: str) -> None:
    """As they are."""
    assert expression == check_cron(expression)
    assert CronStarts(expression, "UTC").next_after(NOW) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h'),
            "10:9: scalers[0].schedule[0]: changes nothing: set one of min_containers, max_containers, paused, "
            "start_within, "
            "poll_interval; for an exception to later entries, write paused: false",
            id="nothing",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", paused: true'),
            "10:9: scalers[0].schedule[0].for: is required and missing",
            id="no end",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", far: 1h, paused: true'),
            "10:29: scalers[0].schedule[0].far: is not a known key; did you mean for?",
            id="misspelt",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 30s, paused: true'),
            "10:34: scalers[0].schedule[0].for: must be between 1m and 8784h, not 30s",
            id="too short",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, timezone: asia/tokio'),
            "10:62: scalers[0].schedule[0].timezone: must be a time zone by its name in the IANA database, such as "
            "Asia/Tokyo: did you mean Asia/Tokyo?",
            id="no zone",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, timezone: localtime'),
            "10:62: scalers[0].schedule[0].timezone: must be a time zone by its name in the IANA database, such as "
            'Asia/Tokyo: "localtime" is none',
            id="whatever zone the machine has",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, timezone: ../../etc/passwd'),
            "10:62: scalers[0].schedule[0].timezone: must be a time zone by its name in the IANA database, such as "
            'Asia/Tokyo: "../../etc/passwd" is none',
            id="a path",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, until: tomorrow'),
            '10:59: scalers[0].schedule[0].until: must be a date, such as 2026-12-24T09:00, not the text "tomorrow"',
            id="no date",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, until: 2026-13-24'),
            "10:59: scalers[0].schedule[0].until: must be a date, such as 2026-12-24 or 2026-12-24T09:00, in UTC "
            "unless it "
            'carries an offset such as +09:00, not the text "2026-13-24"',
            id="no month",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, start_within: 5m'),
            "10:52: scalers[0].schedule[0].start_within: has no effect without demand.start_within: remove it",
            id="no promise",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, min_containers: 91'),
            "10:54: scalers[0].schedule[0].min_containers: must be at most max_containers in this window (90), not 91",
            id="minimum above the scaler's maximum",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, max_containers: 4, min_containers: 5'),
            "10:73: scalers[0].schedule[0].min_containers: must be at most max_containers in this window (4), not 5",
            id="minimum above the window's own maximum",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, max_containers: 4') + "    min_containers: 5\n",
            "10:54: scalers[0].schedule[0].max_containers: must be at least min_containers in this window (5), not 4",
            id="maximum below the scaler's minimum",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, min_containers: 5') + "budget: {max_containers: 4}\n",
            "10:54: scalers[0].schedule[0].min_containers: must be at most 4, which budget.max_containers (4) "
            "leaves, not 5",
            id="more than the budget",
        ),
        pytest.param(
            f'{LEAST}    schedule: {{cron: "0 8 * * *"}}\n',
            "9:5: scalers[0].schedule: must be a list, not a mapping",
            id="no list",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """With line, column and key; what holds for a scaler's keys holds in every window."""
    assert [expected] == problems(tmp_path, text)


def test_a_minimum_beside_others(tmp_path: Path) -> None:
    """Of the budget the least is taken off that the other scalers ask for at any time."""
    text = (
        "budget: {max_containers: 5}\nscalers:\n"
        "  - {name: a, queue: a, demand: {messages_per_container: 1}, min_containers: 2, &T task: {definition: d, "
        "subnets: "
        "[subnet-0123456789abcdef0]}}\n"
        "  - {name: b, queue: b, demand: {messages_per_container: 1}, task: {definition: d, subnets: "
        '[subnet-0123456789abcdef0]}, schedule: [{cron: "0 8 * * *", for: 1h, min_containers: 4}]}\n'
    ).replace("&T ", "")
    (problem,) = problems(tmp_path, text)
    assert problem.endswith(
        "scalers[1].schedule[0].min_containers: must be at most 3, which budget.max_containers (5) leaves beside "
        "the 2 that "
        "the other scalers have at least, not 4"
    )


def warnings(directory: Path, text: str) -> list[str]:
    """Return the warnings of a time as key: message."""
    path = directory / "config.yaml"
    path.write_text(text)
    loaded = load(path)
    return [f"{each.key}: {each.message}" for each in (*loaded.warnings, *loaded.warn_of_time(NOW))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(entry('cron: "0 8 * * mon-fri", for: 10h, max_containers: 80'), [], id="nothing"),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, until: 2026-12-24T09:00'),
            ["until: is temporary: it expires at 2026-12-24 09:00:00Z, and is to be removed then"],
            id="temporary",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, paused: true, until: 2026-11-27'),
            ["until: has passed at 2026-11-27 00:00:00Z: remove the entry"],
            id="expired",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 10h, paused: true', 'cron: "0 9 * * mon", for: 2h, max_containers: 5'),
            ["schedule[1]: is never in force: whenever it could be, one before it is; move it up, or remove it"],
            id="shadowed",
        ),
        pytest.param(
            entry('cron: "0 9 * * mon", for: 2h, max_containers: 5', 'cron: "0 8 * * *", for: 10h, paused: true'),
            [],
            id="in the right order",
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 10h, paused: true', 'cron: "0 17 * * *", for: 2h, max_containers: 5'),
            [],
            id="its turn comes later",
        ),
        pytest.param(
            entry('cron: "* 8 * * *", for: 10h, paused: true'),
            [
                "cron: begins again 1m after it began, before its 10h are over, so it lasts from the first such "
                "start to the end of the last; if that is not meant, name one minute and one hour"
            ],
            id="every minute",
        ),
        pytest.param(
            entry('cron: "30 2 * * *", for: 24h, timezone: Europe/Berlin, paused: true'), [], id="clocks are put back"
        ),
        pytest.param(
            entry('cron: "0 8 * * *", for: 1h, min_containers: 2'),
            [
                "min_containers: is above 0: workers that exit on an empty queue are replaced for ever, which may "
                "cost more "
                "than the work"
            ],
            id="a minimum",
        ),
        pytest.param(
            promise('schedule: [{cron: "0 8 * * *", for: 1h, start_within: 90s}]'),
            [
                "start_within: is below two start delays (1m each until measured): most of this time passes before "
                "a worker "
                "runs"
            ],
            id="a short promise",
        ),
    ],
)
def test_warnings(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What works and is hardly meant, or is over."""
    said = [each.removeprefix("scalers[0].").removeprefix("schedule[0].") for each in warnings(tmp_path, text)]
    assert expected == said


def test_minimums_that_may_coincide(tmp_path: Path) -> None:
    """Each fits into the budget alone, so that it is a warning: whether they ever coincide depends on the year."""
    one = (
        "  - {{name: {0}, queue: {0}, demand: {{messages_per_container: 1}}, task: {{definition: d, subnets: "
        '[subnet-0123456789abcdef0]}}, schedule: [{{cron: "0 8 * * {1}", for: 1h, min_containers: 3}}]}}\n'
    )
    text = "budget: {max_containers: 5}\nscalers:\n" + one.format("a", "mon") + one.format("b", "tue")
    assert (
        "budget.max_containers: is below 6, the sum of the scalers' min_containers with each at its largest in any "
        "window: "
        "where such windows coincide, some scalers stay below their minimum" in warnings(tmp_path, text)
    )


def test_the_largest_of_all_windows(tmp_path: Path) -> None:
    """What has to be known beforehand, such as families of copies and rights, stands on the largest maximum."""
    path = tmp_path / "config.yaml"
    path.write_text(entry('cron: "0 8 * * *", for: 1h, max_containers: 80') + "    max_containers: 1\n")
    spec = load(path).spec.scalers[0]
    assert (80, 1, 80) == (
        spec.most_containers,
        spec.at(NOW).most_containers,
        spec.at(NOW - 3.5 * 3600).most_containers,
    )
