import math
import os
import shutil
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.keeper.conftest import Keeper, Start, children, wait_for_end
from tests.keeper.metadata import Endpoint, listed, says, task

WORKERS = ("worker-1", "worker-2")
OVER = (4, "the deadline of 600 s is over: ending the task")


@pytest.fixture
def dated(tools: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Give the tools of the keeper, and date beside them: of busybox, or of this system."""
    found = shutil.which("busybox" if (tools / "sh").resolve().name == "busybox" else "date")
    assert found is not None
    for tool in (*tools.iterdir(), Path(found)):
        (tmp_path / ("date" if tool.parent != tools else tool.name)).symlink_to(tool.resolve())
    return tmp_path


def ago(seconds: float) -> str:
    """Return the date so many seconds ago, as ECS writes it."""
    return datetime.fromtimestamp(time.time() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f789Z")


def tell(**copies: str | None) -> str:
    """Return the document of a task with copies that run since these dates; None: one that has not started yet."""
    return task(
        [
            listed(name.replace("_", "-"), "RUNNING", StartedAt=date)
            if date
            else listed(name.replace("_", "-"), "NONE")
            for name, date in copies.items()
        ]
    )


def start(keep: Start, endpoint: Endpoint, path: Path, deadline: int = 600, *names: str, **env: str) -> Keeper:
    """Start a keeper of two workers with a deadline, seconds."""
    env = {"ECSQ_KEEPER_DEADLINE": str(deadline), "ECSQ_KEEPER_COPIES": "worker-1 worker-2", **env}
    return keep(endpoint.uri, *(names or WORKERS), path=path, **env)


def test_ends_its_task_when_the_last_copy_has_run_for_the_deadline(keep: Start, dated: Path) -> None:
    """It says since when, ends with a code of its own, and so leaves the rest to ECS."""
    with Endpoint(says(tell(worker_1=ago(5000), worker_2=ago(700)))) as endpoint:
        code, said = wait_for_end(start(keep, endpoint, dated))
    assert OVER == (code, said[-1])
    assert said[1].startswith("the last copy started 7") or said[1].startswith("the last copy started 699")


def test_counts_from_the_last_copy_and_never_ends_sooner(keep: Start, dated: Path) -> None:
    """A copy that has just started has its whole deadline, however old the others are."""
    with Endpoint(says(tell(worker_1=ago(5000), worker_2=ago(0)))) as endpoint:
        keeper = start(keep, endpoint, dated)
        endpoint.wait_for(6)
        assert keeper.poll() is None


def test_the_deadline_is_over_at_its_second_and_not_before(keep: Start, dated: Path) -> None:
    """It does not wait for its next question, and rounds nothing in its favour."""
    started = time.time()
    with Endpoint(says(tell(worker_1=ago(0), worker_2=ago(0)))) as endpoint:
        keeper = start(keep, endpoint, dated, deadline=1, ECSQ_KEEPER_POLL="3600")
        assert 4 == wait_for_end(keeper)[0]
    assert time.time() >= started + 1


def test_does_not_begin_before_every_copy_has_started(keep: Start, dated: Path) -> None:
    """A copy that waits for its image holds the deadline up; one that was stopped before it started does not."""
    waits = tell(worker_1=ago(5000), worker_2=None)
    given_up = task([listed("worker-1", "RUNNING", StartedAt=ago(5000)), listed("worker-2", "STOPPED")])
    with Endpoint(says(waits)) as endpoint:
        keeper = start(keep, endpoint, dated)
        endpoint.wait_for(6)
        assert keeper.poll() is None
        endpoint.now(says(given_up))
        assert 4 == wait_for_end(keeper)[0]


def test_what_runs_after_the_copies_is_no_late_copy(keep: Start, dated: Path) -> None:
    """A container that has to wait for their end would otherwise hold the deadline up for ever."""
    document = tell(worker_1=ago(5000), worker_2=ago(5000), upload=None)
    with Endpoint(says(document)) as endpoint:
        assert 4 == wait_for_end(start(keep, endpoint, dated, 600, *WORKERS, "upload"))[0]


def test_holds_though_the_endpoint_answers_no_more(keep: Start, dated: Path) -> None:
    """Since when the copies run is remembered."""
    with Endpoint(says(tell(worker_1=ago(599), worker_2=ago(598))), says("", 500)) as endpoint:
        assert 4 == wait_for_end(start(keep, endpoint, dated))[0]


def test_remembers_the_start_of_a_copy_that_is_listed_no_more(keep: Start, dated: Path) -> None:
    """The lists may show one copy now and another then."""
    first, second = tell(worker_1=ago(700)), tell(worker_2=ago(700))
    with Endpoint(says(first), says(second)) as endpoint:
        assert 4 == wait_for_end(start(keep, endpoint, dated))[0]


def test_is_kept_when_the_watch_is_started_again(keep: Start, dated: Path) -> None:
    """The copies' own dates tell it again: nothing is counted from the start of the watch."""
    with Endpoint(says(tell(worker_1=ago(10), worker_2=ago(10)))) as endpoint:
        keeper = start(keep, endpoint, dated)
        endpoint.wait_for(2)
        endpoint.now(says(tell(worker_1=ago(700), worker_2=ago(700))))
        for child in children(keeper.pid):
            os.kill(child, signal.SIGKILL)
        code, said = wait_for_end(keeper)
    assert OVER == (code, said[-1])
    assert "the watch broke off; starting it again" in said


def test_workers_that_end_in_time_end_the_task_as_ever(keep: Start, dated: Path) -> None:
    """Even if the deadline is over by then: the work is done."""
    done = task([listed(name, "STOPPED", StartedAt=ago(5000)) for name in WORKERS])
    with Endpoint(says(done)) as endpoint:
        assert 0 == wait_for_end(start(keep, endpoint, dated))[0]


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01T00:00:00Z",
        "2020-01-01T00:00:00+09:00",
        "2020-01-01 00:00:00Z",
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00ZZ",
        "2020-01-01T00:00:00.$(exit)Z",
        "yesterday",
        "1577836800",
    ],
)
def test_a_date_that_it_cannot_read_ends_nothing(keep: Start, dated: Path, date: str) -> None:
    """A copy whose start is unknown counts as one that has not started."""
    with Endpoint(says(tell(worker_1=ago(5000), worker_2=date))) as endpoint:
        keeper = start(keep, endpoint, dated)
        endpoint.wait_for(4)
        assert keeper.poll() is None


@pytest.mark.parametrize(
    "date",
    [
        "2024-02-28T23:59:59Z",
        "2024-02-29T00:00:00Z",
        "2024-03-01T08:09:08.000000001Z",
        "2023-12-31T23:59:59.999999999Z",
        "2000-02-29T12:00:00.5Z",
        "2026-08-08T08:08:08.08Z",
        "2025-01-01T00:00:00Z",
        "2025-10-31T09:09:09Z",
    ],
)
def test_dates_are_those_of_the_calendar(keep: Start, dated: Path, date: str) -> None:
    """Leap years, ends of months and figures with a leading zero are read as Python reads them."""
    began = math.floor(datetime.fromisoformat(date[:19] + "+00:00").timestamp()) + 1
    earliest = math.floor(time.time()) - began
    with Endpoint(says(tell(worker_1=date, worker_2=date))) as endpoint:
        said = wait_for_end(start(keep, endpoint, dated, deadline=1))[1]
    latest = math.floor(time.time()) - began
    assert said[1] in [
        f"the last copy started {age} s ago; the deadline is 1 s after that" for age in range(earliest, latest + 1)
    ]


@pytest.mark.parametrize("deadline", ["2h", "-1", "1.5", "1 2"])
def test_a_deadline_that_is_no_number_is_refused(keep: Start, dated: Path, deadline: str) -> None:
    """The keeper ends before the workers begin, rather than run them without a deadline."""
    with Endpoint(says("")) as endpoint:
        code, said = wait_for_end(start(keep, endpoint, dated, ECSQ_KEEPER_DEADLINE=deadline))
    assert (2, ["ECSQ_KEEPER_DEADLINE is no whole number of seconds"]) == (code, said)


def test_an_image_without_date_is_named(keep: Start, tools: Path) -> None:
    """Only a deadline needs it."""
    env: dict[str, Any] = {"ECSQ_KEEPER_DEADLINE": "600", "ECSQ_KEEPER_COPIES": "worker-1"}
    code, said = wait_for_end(keep("http://127.0.0.1:9", *WORKERS, path=tools, **env))
    assert (2, ["this image has no date: choose another keeper_image"]) == (code, said)
