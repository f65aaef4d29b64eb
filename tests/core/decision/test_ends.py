from __future__ import annotations

from dataclasses import replace

import pytest

from controller.core.decision.ends import find_left
from controller.core.decision.lessons import Left
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Part, Start
from tests.core.decision.builders import NOW

RUNNING = LiveTask("a", "main", running=3, starting=0, created_at=NOW - 100, start=Start(NOW - 50))
STARTING = LiveTask("a", "main", running=0, starting=3, created_at=NOW - 100)
STOPPED = StoppedTask("a", "main", StopOutcome.SUCCEEDED, NOW - 100, Start(NOW - 50), stopped_at=NOW - 5)


@pytest.mark.parametrize(
    ("before", "seen", "left"),
    [
        pytest.param(RUNNING, RUNNING, [], id="goes-on"),
        pytest.param(STARTING, RUNNING, [], id="starts"),
        pytest.param(
            RUNNING, replace(RUNNING, running=1, exited=2, stopped=2), [Left(NOW, 2, 50.0)], id="two-of-three"
        ),
        pytest.param(RUNNING, STOPPED, [Left(NOW, 3, 45.0)], id="stopped"),
        pytest.param(STARTING, STOPPED, [Left(NOW, 3, 45.0)], id="ran-between-two-looks"),
        pytest.param(RUNNING, replace(STOPPED, outcome=StopOutcome.FAILED), [Left(NOW, 3, 45.0)], id="failed"),
        pytest.param(
            RUNNING, replace(RUNNING, running=0, exited=3, stopped=3, draining=True), [Left(NOW, 3, 50.0)], id="ending"
        ),
        pytest.param(RUNNING, replace(RUNNING, draining=True), [Left(NOW, 3, None)], id="told-to-stop"),
        pytest.param(
            RUNNING, replace(STOPPED, outcome=StopOutcome.INTERRUPTED), [Left(NOW, 3, None)], id="interrupted"
        ),
        pytest.param(
            STARTING,
            replace(STOPPED, outcome=StopOutcome.START_FAILED, start=Start()),
            [Left(NOW, 3, None)],
            id="no-start",
        ),
        pytest.param(replace(RUNNING, draining=True), STOPPED, [], id="was-told-before"),
        pytest.param(RUNNING, None, [Left(NOW, 3, None)], id="given-up"),
        pytest.param(
            replace(STARTING, guessed=frozenset({Part.CREW})),
            replace(STARTING, starting=1),
            [],
            id="fewer-than-were-thought",
        ),
    ],
)
def test_containers_that_have_left(before: LiveTask, seen: LiveTask | StoppedTask | None, left: list[Left]) -> None:
    """By how many fewer are at work than before, and for how long they ran if they exited by themselves."""
    after = {"a": seen} if isinstance(seen, LiveTask) else {}
    stopped = [seen] if isinstance(seen, StoppedTask) else []
    assert [("main", each) for each in left] == list(find_left({"a": before}, after, stopped, NOW))
