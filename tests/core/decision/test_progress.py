"""How fast waiting messages are taken, told from those that are left."""

from __future__ import annotations

import pytest

from controller.core.decision.explain import explain
from controller.core.decision.lessons import Lessons, Minute
from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import StartWithin
from controller.core.decision.progress import Progress, find_slower, note_progress
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

PACE = Pace(10.0, Source.GIVEN)


def watch(*looks: tuple[float, int, int]) -> Progress | None:
    """Return the progress after looks: seconds after the first, visible messages, and containers that run."""
    progress = None
    for at, visible, running in looks:
        progress = note_progress(progress, visible, running, NOW + at)
    return progress


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        pytest.param([(0, 90, 4), (50, 80, 4)], 20.0, id="ten-by-200s-of-work"),
        pytest.param([(0, 90, 4), (50, 75, 4)], None, id="13s-by-chance"),
        pytest.param([(0, 90, 4), (50, 88, 4)], None, id="two-are-too-few"),
        pytest.param([(0, 90, 0), (20, 90, 4), (70, 80, 4)], 20.0, id="from-when-they-ran"),
        pytest.param([(0, 90, 4), (50, 80, 4), (60, 84, 4)], 20.0, id="by-the-look-that-saw-fewest"),
        pytest.param([(0, 90, 0), (10, 0, 0), (20, 90, 4), (70, 80, 4)], 20.0, id="counts-from-before-they-came"),
        pytest.param([(0, 30, 4), (50, 90, 4), (100, 80, 4)], 20.0, id="anew-when-more-come"),
        pytest.param([(0, 90, 4), (50, 80, 4), (60, 91, 4), (70, 88, 4)], None, id="too-soon-after-more-came"),
        pytest.param([(0, 90, 4), (50, 80, 4), (-10, 79, 4)], None, id="the-clock-steps-back"),
        pytest.param([(0, 0, 4), (50, 0, 4)], None, id="nothing-waits"),
    ],
)
def test_the_pace_is_the_work_for_what_was_taken(looks: list[tuple[float, int, int]], seconds: float | None) -> None:
    """Only where it is slower than 10 s a message by more than chance."""
    progress = watch(*looks)
    slower = find_slower(progress, PACE) if progress else None
    assert seconds == (slower.seconds if slower else None)


def test_a_minute_without_a_message_ends_it() -> None:
    """So that an idle scaler rests; before that the counts may be old."""
    looks = [(10.0 * number, 0 if number else 9, 1) for number in range(9)]
    assert watch(*looks[:8]) is not None
    assert watch(*looks) is None


def test_what_is_missing_at_that_pace_is_launched() -> None:
    """Ninety messages came 100 s ago; four containers have taken 20 s for each of 20, and 70 are left for 175 s."""
    rules = policy(demand=StartWithin(300.0, 10.0), cooldown=NO_COOLDOWN, max_containers=90)
    state = settled(progress=watch((-100, 90, 4), (-50, 80, 4)))
    alive = fleet(running=4, start_delay=60.0)
    decision, _ = decide(rules, queue(70, 4), alive, state, NOW)
    # 70 x 20 s - 4 x (175 s - 20 s), and 115 s for each.
    assert 7 == decision.launch
    said = dict(explain(rules, decision))
    assert "20s a message at least, as 20 messages were just taken, longer than 10s" == said["pace"]
    assert "with 2m55s of it left" in said["demand"]


@pytest.mark.parametrize(
    ("lessons", "launch"),
    [
        pytest.param(Lessons(work=200.0, deleted=20.0, looks=20.0), 0, id="it-has-told"),
        pytest.param(Lessons(minutes=(Minute(NOW - 890, 60.0),)), 7, id="it-is-to-tell"),
        pytest.param(Lessons(minutes=(Minute(NOW - 910, 60.0),)), 0, id="nobody-tells"),
    ],
)
def test_it_counts_only_until_cloudwatch_has_told(lessons: Lessons, launch: int) -> None:
    """Or would have: where nobody tells, what is given is believed a quarter of an hour later."""
    rules = policy(demand=StartWithin(300.0, 10.0), cooldown=NO_COOLDOWN, max_containers=90)
    state = settled(progress=watch((-100, 90, 4), (-50, 80, 4)), lessons=lessons)
    decision, _ = decide(rules, queue(70, 4), fleet(running=4, start_delay=60.0), state, NOW)
    assert launch == decision.launch
