from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.busy import LASTS, LOOKS, TAKES_WITHIN, count_in_hand, is_quiet, watch_counts
from controller.core.decision.explain import explain
from controller.core.decision.model import Decision, Fleet, QueueCounts, Reason
from controller.core.decision.policy import Busy, MessageState, PerContainer, Policy, StartWithin
from controller.core.decision.state import ScalerState
from controller.core.words import format_clock
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled, steps
from tests.core.decision.deciding import decide

BY_RUNNING = policy(busy=Busy.RUNNING, max_containers=100, cooldown=NO_COOLDOWN)
BY_FLIGHT = policy(max_containers=100, cooldown=NO_COOLDOWN)
POLL = BY_FLIGHT.poll_interval
COUNTS = st.integers(0, 50)


def began(running: int, ago: float, starting: int = 0) -> Fleet:
    """Return a fleet whose running containers began to so many seconds ago."""
    return fleet(running=running, starting=starting, began=(NOW - ago,) * running)


@pytest.mark.parametrize(
    ("counts", "alive", "in_hand"),
    [
        pytest.param(queue(5), fleet(running=10), 10, id="each-that-runs-has-one"),
        pytest.param(queue(5, 3), fleet(running=10), 10, id="what-is-in-flight-does-not-count"),
        pytest.param(queue(5, 9), fleet(starting=4), 0, id="one-that-starts-has-none-yet"),
        pytest.param(queue(5), began(10, 60), 10, id="they-run-for-long"),
        pytest.param(queue(10), began(10, 1), 0, id="just-begun-their-messages-are-visible-still"),
        pytest.param(queue(4), began(10, 1), 6, id="just-begun-six-have-taken-theirs"),
        pytest.param(queue(), began(10, 1), 10, id="just-begun-and-all-is-taken"),
        pytest.param(queue(10), began(10, TAKES_WITHIN), 10, id="they-have-had-their-time"),
    ],
)
def test_what_runs_has_a_message_in_hand(counts: QueueCounts, alive: Fleet, in_hand: int) -> None:
    """Of one that has just begun to run the message may be visible still: it is not counted twice."""
    assert replace(counts, in_flight=in_hand) == count_in_hand(BY_RUNNING, counts, alive, NOW)


@given(visible=COUNTS, in_flight=COUNTS, running=COUNTS, starting=COUNTS, fresh=COUNTS)
def test_no_message_is_counted_twice_and_no_worker_is_forgotten(
    visible: int, in_flight: int, running: int, starting: int, fresh: int
) -> None:
    """The backlog is between what runs and what runs and is visible together."""
    alive = fleet(running=running, starting=starting, began=(NOW,) * min(fresh, running))
    counts = count_in_hand(BY_RUNNING, queue(visible, in_flight), alive, NOW)
    assert max(running, visible) <= counts.visible + counts.in_flight <= running + visible
    assert queue(visible, in_flight) == count_in_hand(BY_FLIGHT, queue(visible, in_flight), alive, NOW)


@pytest.mark.parametrize(
    "demand",
    [PerContainer(1), steps((1, 5), (6, 15)), StartWithin(300.0, 600.0)],
    ids=["per container", "steps", "drain within"],
)
def test_busy_workers_do_not_keep_new_messages_waiting(demand) -> None:
    """Ten that have deleted theirs and work on, and five new ones: with every strategy five more are launched."""
    seen = queue(5), began(10, 600)
    by_flight, _ = decide(replace(BY_FLIGHT, demand=demand), *seen, settled(10), NOW)
    by_running, _ = decide(replace(BY_RUNNING, demand=demand), *seen, settled(10), NOW)
    assert (0, 5) == (by_flight.launch, by_running.launch)


def test_a_worker_that_starts_takes_one_of_them() -> None:
    """So that no container is launched for it again."""
    decision, _ = decide(BY_RUNNING, queue(5), began(10, 600, starting=2), settled(12), NOW)
    assert (15, 3, 3) == (decision.backlog, decision.numbers.unclaimed, decision.launch)


def test_a_burst_is_launched_for_once() -> None:
    """Ten containers that have just begun to run, and their ten messages not taken yet: nothing more is launched."""
    decision, _ = decide(BY_RUNNING, queue(10), began(10, 2), settled(10), NOW)
    assert (10, 0, Reason.SATISFIED) == (decision.backlog, decision.launch, decision.reason)


def test_the_level_stays_while_they_work() -> None:
    """Though the queue says that nothing is visible and nothing in flight, for as many polls as one likes."""
    state, levels = settled(10), []
    for poll in range(60):
        now = NOW + POLL * poll
        decision, state = decide(BY_RUNNING, queue(), fleet(running=10, listed_at=now), state, now)
        levels.append((decision.backlog, decision.numbers.level, decision.launch))
    assert {(10, 10, 0)} == set(levels)


def test_what_in_flight_left_out_leaves_out_is_left_out() -> None:
    """A backlog that counts visible messages alone does so whatever shows that a worker is busy."""
    rules = replace(BY_RUNNING, counted=frozenset({MessageState.VISIBLE}))
    decision, _ = decide(rules, queue(5, 7), fleet(running=10), settled(10), NOW)
    assert 5 == decision.backlog


def test_without_a_fleet_the_backlog_is_unknown() -> None:
    """It is not what is visible alone, and not what SQS says is in flight."""
    decision, _ = decide(BY_RUNNING, queue(5, 7), None, settled(), NOW)
    assert (Reason.UNKNOWN_FLEET, None) == (decision.reason, decision.backlog)
    expected = "5 visible, 0 delayed; how many containers run, and so are busy, is unknown"
    assert expected == dict(explain(BY_RUNNING, decision))["queue"]


@pytest.mark.parametrize(
    ("rules", "counts", "quiet"),
    [
        (BY_FLIGHT, queue(), True),
        (BY_FLIGHT, queue(0, 1), False),
        (BY_RUNNING, queue(0, 1), True),
        (BY_RUNNING, queue(1), False),
        (replace(BY_RUNNING, counted=frozenset(MessageState)), queue(0, 0, 1), False),
    ],
    ids=["nothing", "in flight", "in flight, and nobody's", "visible", "delayed"],
)
def test_a_queue_is_quiet_without_work(rules: Policy, counts: QueueCounts, *, quiet: bool) -> None:
    """Then an idle scaler asks for no listing; of running ones a listing would have told."""
    assert quiet == is_quiet(rules, counts)


def test_what_is_in_hand_is_told() -> None:
    """And that the messages in flight do not count."""
    decision, _ = decide(BY_RUNNING, queue(5, 2, 1), fleet(running=10), settled(10), NOW)
    expected = "15 messages of backlog = 5 visible + 10 in hand of running containers; "
    assert expected + "not counted: 2 in flight, 1 delayed" == dict(explain(BY_RUNNING, decision))["queue"]


# Counts that contradict each other


def watched(looks: list[tuple[float, QueueCounts, Fleet]], rules: Policy = BY_FLIGHT) -> list[float | None]:
    """Return after each look since when counts contradict each other, seconds after the first look."""
    state, found = settled(10), []
    for after, counts, alive in looks:
        decision, state = decide(rules, counts, replace(alive, listed_at=NOW + after), state, NOW + after)
        since = decision.numbers.contradicted_since
        found.append(None if since is None else since - NOW)
    return found


STUCK = queue(5), fleet(running=10)
"""Ten that run, none in flight, five that stay."""


def test_counts_that_contradict_each_other_are_told_once_that_lasts() -> None:
    """After a minute and three looks, whichever comes later."""
    assert [None] * 6 + [0.0] * 3 == watched([(POLL * look, *STUCK) for look in range(9)])
    assert [None] * (LOOKS - 1) + [0.0] == watched([(2 * LASTS * look, *STUCK) for look in range(LOOKS)])


@pytest.mark.parametrize(
    "between",
    [
        pytest.param((queue(5, 1), fleet(running=10)), id="a-message-in-flight"),
        pytest.param((queue(), fleet(running=10)), id="nothing-visible"),
        pytest.param((queue(5), fleet(starting=10)), id="nothing-runs"),
        pytest.param((queue(5), fleet(running=10, began=(NOW + 55,) * 10)), id="they-have-just-begun"),
        pytest.param((queue(4), fleet(running=10)), id="they-get-fewer"),
    ],
)
def test_a_look_that_agrees_begins_the_time_anew(between: tuple[QueueCounts, Fleet]) -> None:
    """Whatever it is that explains the counts."""
    looks = [(0, *STUCK), (50, *STUCK), (60, *between), (70, *STUCK), (120, *STUCK), (140, *STUCK)]
    since = 70.0 if between[0].visible != 4 else 60.0
    assert [None, None, None, None] == watched(looks)[:4]
    assert since == watched(looks)[-1]


def test_more_messages_than_before_do_not() -> None:
    """A queue that grows is not being worked off."""
    looks = [(POLL * look, queue(5 + look), fleet(running=10)) for look in range(7)]
    assert 0.0 == watched(looks)[-1]


def test_with_busy_running_nothing_contradicts() -> None:
    """That is what the key says: that nothing is in flight while they work."""
    assert [None] * 20 == watched([(POLL * look, *STUCK) for look in range(20)], BY_RUNNING)


def test_a_clock_that_steps_back_begins_the_time_anew() -> None:
    """How long it has lasted cannot be told."""
    state: ScalerState = settled(10)
    for after in (0.0, 30.0, 60.0, -100.0, -90.0, -50.0):
        _, state = decide(BY_FLIGHT, queue(5), fleet(running=10, listed_at=NOW + after), state, NOW + after)
    assert (NOW - 100, 3) == (state.contradiction.since, state.contradiction.looks)


@given(st.lists(st.tuples(COUNTS, st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_a_message_in_flight_ends_it(looks: list[tuple[int, int, int]]) -> None:
    """Whatever came before, it is remembered only for as long as every look says the same."""
    found, now = None, NOW
    for visible, in_flight, running in looks:
        now += POLL
        found = watch_counts(BY_FLIGHT, found, queue(visible, in_flight), fleet(running=running), now)
        assert (found is not None) == (running > 0 and in_flight == 0 and visible > 0)
        assert found is None or (found.visible <= visible and NOW < found.since <= found.seen_at == now)


def test_a_single_look_says_what_it_may_mean() -> None:
    """As ``ecsq plan`` has no more than one."""
    decision, _ = decide(BY_FLIGHT, *STUCK, ScalerState(), NOW)
    assert (
        "10 containers running, none with a message in flight, and 5 messages visible: if that stays so, workers that "
        "delete a message as they take it need busy: running, or they look free while they work; any others take "
        "nothing, and their log tells why"
    ) == dict(explain(BY_FLIGHT, decision))["busy"]


def test_what_lasts_is_said_with_its_time() -> None:
    """And with what to do about it."""
    state: ScalerState = settled(10)
    decision: Decision | None = None
    for look in range(8):
        now = NOW + POLL * look
        decision, state = decide(BY_FLIGHT, queue(5), fleet(running=10, listed_at=now), state, now)
    assert decision is not None
    said = dict(explain(BY_FLIGHT, decision))["busy"]
    assert said.startswith(f"since {format_clock(NOW)} 10 containers running, none with a message in flight, and")
    assert "5 messages visible that do not get fewer: workers that delete" in said


@pytest.mark.parametrize(
    ("rules", "seen"),
    [
        (BY_FLIGHT, (queue(5, 10), fleet(running=10))),
        (BY_FLIGHT, (queue(5), began(10, 3))),
        (BY_RUNNING, STUCK),
    ],
    ids=["busy", "just begun", "said in the configuration"],
)
def test_counts_that_agree_are_not_remarked_on(rules: Policy, seen: tuple[QueueCounts, Fleet]) -> None:
    """A line that is always there is not read."""
    decision, _ = decide(rules, *seen, settled(10), NOW)
    assert "busy" not in dict(explain(rules, decision))
