from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.looks import LOOKS_A_CALL, TURNS, note_listed, spare
from controller.core.decision.task import LiveTask, Part

ALONE = LiveTask("a", "s", running=1, starting=0, created_at=0.0, alone=True, looked_at=5.0)
"""A task that runs, and whose only container is its worker."""
SEVERAL = replace(ALONE, running=2, alone=False)


def named(task: LiveTask, number: int, looked_at: float | None = None) -> LiveTask:
    """Return a task like another one."""
    return replace(task, arn=f"{task.arn}-{number}", looked_at=task.looked_at if looked_at is None else looked_at)


@pytest.mark.parametrize(
    ("change", "is_spared"),
    [
        ({}, True),
        ({"running": 0, "starting": 1}, False),
        ({"running": 0, "stopped": 1}, False),
        ({"draining": True}, False),
        ({"missing_since": 3.0}, False),
        ({"guessed": frozenset({Part.CREATION})}, False),
        ({"alone": False}, False),
    ],
    ids=["running", "starting", "ended", "draining", "missing", "odd", "beside others"],
)
def test_only_what_ends_with_its_task_is_spared(change: dict[str, object], *, is_spared: bool) -> None:
    """A task of several containers is described by the call that there is room in."""
    task = replace(ALONE, **change)
    assert ({"a"} if is_spared else set()) == spare([task])


def test_many_tasks_of_several_containers_take_turns() -> None:
    """The ones that were looked at longest ago come first, a part of them at each listing."""
    many = [named(SEVERAL, number, looked_at=float(number)) for number in range(1000)]
    spared = spare(reversed(many))
    assert {task.arn for task in many[1000 // TURNS :]} == spared


@given(st.integers(0, 700), st.integers(0, 700))
def test_everything_is_described_within_so_many_listings(alone: int, several: int) -> None:
    """Whatever the numbers, no task of several containers waits longer than its turns, and one call is always used."""
    tasks = {f"s-{number}": named(replace(SEVERAL, arn="s"), number, 0.0) for number in range(several)}
    singles = [named(ALONE, number) for number in range(alone)]
    for listing in range(1, TURNS + 1):
        spared = spare([*singles, *tasks.values()])
        due = tasks.keys() - spared
        assert {task.arn for task in singles} <= spared
        assert len(due) >= min(several, LOOKS_A_CALL)
        tasks |= {arn: replace(tasks[arn], looked_at=float(listing)) for arn in due}
    assert all(task.looked_at for task in tasks.values())


def test_a_listing_shows_that_a_task_alone_still_runs() -> None:
    """Of others it does not."""
    assert [9.0, None] == [note_listed(task, 9.0).ran_until for task in (ALONE, SEVERAL)]
