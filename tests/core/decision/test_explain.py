from dataclasses import replace

import pytest

from controller.core.decision.breaker import Breaker
from controller.core.decision.budget import BudgetUse, Division, Holder
from controller.core.decision.explain import explain
from controller.core.decision.explain_promise import explain_pace
from controller.core.decision.following import Following
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Decision, Reason
from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import MessageState, Policy, RolloutPolicy, StartWithin
from controller.core.decision.rollout import RevisionUse, Rollout
from controller.core.decision.scarcity import HOLD, Scarcity
from controller.core.decision.slots import slot_at
from controller.core.decision.standstill import Standstill
from controller.core.decision.state import Doubt, ScalerState
from controller.core.decision.verdict import summarize
from controller.core.words import format_clock
from tests.core.decision.builders import NOW, SLOTS, fleet, hysteresis, policy, queue, settled, steps
from tests.core.decision.deciding import decide


def decided(rules: Policy, state: ScalerState, *seen, grant=int) -> Decision:
    """Return the decision on what was seen at NOW."""
    return decide(rules, *seen, state, NOW, grant)[0]


def risen_by(*asked: int) -> ScalerState:
    """Return the state of a scaler at level 0 whose last polls have asked for these containers."""
    return ScalerState(level=LevelState(asked=asked, asked_padded=asked, polled_at=NOW - 10))


TRIPPED = Breaker(bad_ends=5, trips=1, open_until=NOW + 45, cause="CannotPullContainerError")
SCARCE = Scarcity(turned_away=10, until=NOW + 45, cause="Capacity is unavailable at this time")
NO_PLACE = "no capacity: 10 tasks found no place to run, the last: Capacity is unavailable at this time; "
USED = slot_at(SLOTS, NOW).number

ONE_LINERS = {
    Reason.LAUNCH: (
        decided(policy(), settled(), queue(3), fleet(1)),
        "launch 2 containers (3 messages, 1 live of 3 desired)",
    ),
    Reason.SATISFIED: (
        decided(policy(), settled(2), queue(1, 1), fleet(2)),
        "hold: enough containers live (2 messages, 2 live of 2 desired)",
    ),
    Reason.IDLE: (
        decided(policy(), settled(), queue(), fleet()),
        "hold: nothing to do (0 messages, 0 live of 0 desired)",
    ),
    Reason.RISING: (
        decided(policy(hysteresis=hysteresis(rise_after=2)), settled(), queue(4), fleet()),
        "hold: 4 containers asked for, but not for enough polls in a row yet: 1 so far "
        "(4 messages, 0 live of 0 desired)",
    ),
    Reason.COOLDOWN: (
        decided(policy(), settled(launched_at=NOW - 1), queue(1), fleet()),
        "hold: 1 container short, but the last launch was too recent (1 message, 0 live of 1 desired)",
    ),
    Reason.SLOT: (
        decided(policy(), settled(last_slot=USED), queue(1), fleet()),
        "hold: 1 container short, but the launch window is closed (1 message, 0 live of 1 desired)",
    ),
    Reason.AT_MAX: (
        decided(policy(), settled(10), queue(20), fleet(10)),
        "hold: max_containers is reached, and 20 messages wait (20 messages, 10 live of 10 desired)",
    ),
    Reason.NOTHING_WAITING: (
        decided(policy(), settled(3), queue(2, 2), fleet(1, starting=2)),
        "hold: 1 container short, but live containers are about to take every visible message "
        "(4 messages, 3 live of 4 desired)",
    ),
    Reason.BACKING_OFF: (
        decided(policy(), settled(breaker=TRIPPED), queue(2), fleet()),
        "hold: 2 containers short, but its tasks keep failing: CannotPullContainerError "
        "(2 messages, 0 live of 2 desired)",
    ),
    Reason.FOUND_NOTHING: (
        decided(
            policy(),
            settled(following=Following(1, 9, NOW - 300, fruitless=2, since=NOW - 200, until=NOW + 60)),
            queue(9, 1),
            fleet(1),
        ),
        f"hold: 9 containers short, but more workers found nothing since {format_clock(NOW - 200)}; "
        f"next try at {format_clock(NOW + 60)} (10 messages, 1 live of 10 desired)",
    ),
    Reason.PROVING: (
        decided(
            policy(rollout=RolloutPolicy(1, 120.0)),
            settled(rollout=Rollout(active=(8,))),
            queue(2),
            fleet(1, revisions=(RevisionUse(8, 1),)),
        ),
        "hold: 1 container short, but revision 8 proves itself, and there is no other to run "
        "(2 messages, 1 live of 2 desired)",
    ),
    Reason.UNKNOWN_TEMPLATE: (
        decided(policy(rollout=RolloutPolicy(1, 120.0)), settled(), queue(2), fleet()),
        "hold: 2 containers short, but the template's revisions could not be listed (2 messages, 0 live of 2 desired)",
    ),
    Reason.BUDGET: (
        decided(policy(), settled(), queue(2), fleet(), grant=lambda _: 0),
        "hold: 2 containers short, but the budget leaves none (2 messages, 0 live of 2 desired)",
    ),
    Reason.PAUSED: (
        decided(policy(paused=True), settled(), queue(2), fleet()),
        "hold: paused in the configuration (2 messages, 0 live of 2 desired)",
    ),
    Reason.PAUSED_BY_SCHEDULE: (
        decided(policy(paused=True, paused_by_schedule=True), settled(), queue(2), fleet()),
        "hold: paused by a window of its schedule (2 messages, 0 live of 2 desired)",
    ),
    Reason.UNKNOWN_BACKLOG: (
        decided(policy(), settled(), None, fleet()),
        "hold: the queue could not be read, so the backlog is unknown",
    ),
    Reason.UNKNOWN_FLEET: (
        decided(policy(), settled(), queue(2), None),
        "hold: the cluster could not be read, so what lives is unknown",
    ),
    Reason.BROKEN: (Decision(NOW, Reason.BROKEN), "hold: the reconcile broke, by a fault of the controller itself"),
}
"""A decision of every reason, and how it reads."""


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_reads_as_a_sentence(reason: Reason) -> None:
    """Whoever is on call learns in one line what is done, why, and the numbers that matter."""
    decision, expected = ONE_LINERS[reason]
    assert (reason, expected) == (decision.reason, summarize(decision))


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            decided(policy(hysteresis=hysteresis(activate_at=10)), settled(), queue(3), fleet()),
            "hold: asleep, the backlog has not woken it yet (3 messages, 0 live of 0 desired)",
            id="asleep",
        ),
        pytest.param(
            decided(policy(), settled(), queue(delayed=5), fleet()),
            "hold: nothing to do: 5 messages delayed, not counted as backlog (0 messages, 0 live of 0 desired)",
            id="delayed-only",
        ),
        pytest.param(
            decided(policy(counted=frozenset({MessageState.VISIBLE})), settled(), queue(0, 1, 2), fleet()),
            "hold: nothing to do: 1 message in flight and 2 messages delayed, not counted as backlog "
            "(0 messages, 0 live of 0 desired)",
            id="in-flight-and-delayed-only",
        ),
        pytest.param(
            decided(policy(demand=steps((1, 1), (10, 4))), settled(4), queue(30, 4), fleet(4)),
            "hold: 4 containers live, all that the top step asks for, and 30 messages wait "
            "(34 messages, 4 live of 4 desired)",
            id="top-step",
        ),
        pytest.param(
            decided(policy(demand=steps((1, 1), (10, 10))), settled(10), queue(30, 10), fleet(10)),
            "hold: 10 containers live, all that max_containers allows, and 30 messages wait "
            "(40 messages, 10 live of 10 desired)",
            id="top-step-at-the-maximum",
        ),
        pytest.param(
            decided(policy(demand=steps((1, 1), (10, 4))), settled(4), queue(4, 8), fleet(starting=4)),
            "hold: enough containers live (12 messages, 4 live of 4 desired)",
            id="top-step-and-nobody-waits-for-long",
        ),
        pytest.param(
            decided(policy(hysteresis=hysteresis(rise_after=3)), risen_by(0, 3), queue(4), fleet()),
            "hold: 4 containers asked for, but not for enough polls in a row yet: 2 so far "
            "(4 messages, 0 live of 0 desired)",
            id="rising",
        ),
        pytest.param(
            replace(
                decided(policy(), settled(), queue(2), fleet(), grant=lambda _: 0),
                budget=BudgetUse(10, (Holder("busy", 6, 1), Holder("absent", 2, is_known=False), Holder("c", 1))),
            ),
            "hold: 2 containers short, but the budget of 10 containers is held by busy 7, absent 2 (its maximum, until "
            "its cluster can be listed), 1 other scaler 1 (2 messages, 0 live of 2 desired)",
            id="budget",
        ),
        pytest.param(
            decided(policy(), settled(2), queue(), fleet()),
            "hold: 2 containers short of the level, but no message is visible (0 messages, 0 live of 2 desired)",
            id="nothing-visible",
        ),
        pytest.param(
            decided(policy(), settled(doubts=(Doubt(10, NOW),)), queue(5), fleet()),
            "hold: max_containers is reached if the launches in doubt have started everything, and 5 messages wait "
            "(5 messages, 0 live of 5 desired)",
            id="in-doubt",
        ),
        pytest.param(
            decided(policy(), settled(10, doubts=(Doubt(1, NOW),)), queue(20), fleet(8, draining=2)),
            "hold: max_containers is reached with 2 containers of tasks that are not gone yet, and 20 messages wait "
            "(20 messages, 8 live of 10 desired)",
            id="full-of-what-is-not-gone-beside-a-doubt",
        ),
        pytest.param(
            decided(policy(), settled(10, doubts=(Doubt(3, NOW),)), queue(20), fleet(10)),
            "hold: max_containers is reached, and 20 messages wait (20 messages, 10 live of 10 desired)",
            id="full-of-what-lives-beside-a-doubt",
        ),
    ],
)
def test_a_hold_names_what_is_particular_about_it(decision: Decision, expected: str) -> None:
    """The same reason reads differently where the difference matters."""
    assert expected == summarize(decision)


def lines(rules: Policy, state: ScalerState, *seen, grant=int) -> dict[str, str]:
    """Return the explanation by what its lines are about."""
    return dict(explain(rules, decided(rules, state, *seen, grant=grant)))


def test_a_launch_is_explained_step_by_step() -> None:
    """Every step has a line with its numbers, in the order in which they are taken."""
    rules = policy(demand=steps((1, 1), (10, 8)), max_containers=9, min_containers=1)
    explained = lines(rules, settled(launched_at=NOW - 100), queue(12, 3, 4), fleet(1, starting=2, running_tasks=1))
    assert {
        "queue": "15 messages of backlog = 12 visible + 3 in flight; not counted: 4 delayed",
        "fleet": "3 live containers = 1 running + 2 starting, in 1 task",
        "demand": "8 containers: the step at 10 messages",
        "level": "8: the demand",
        "desired": "8: the level within 1 and 9; 5 more than the 3 live",
        "limits": "room for 6 below max_containers 9 (3 live); "
        "10 of 12 visible messages without a container (2 about to be taken)",
        "cooldown": f"launch: over since {format_clock(NOW - 70)}",
        "slot": f"{USED}: its window is open until {format_clock(NOW + 15)}",
        "decision": "launch 5 containers (15 messages, 3 live of 8 desired)",
    } == explained
    assert list(explained) == ["queue", "fleet", "demand", "level", "desired", "limits", "cooldown", "slot", "decision"]


@pytest.mark.parametrize(
    ("about", "expected", "rules", "state", "seen"),
    [
        pytest.param(
            "demand",
            f"3 containers: one for every message of 3; but it sleeps until there are 10 messages or at "
            f"{format_clock(NOW + 290)}",
            policy(hysteresis=hysteresis(activate_at=10)),
            replace(settled(), level=replace(settled().level, waiting_since=NOW - 10)),
            (queue(3), fleet()),
            id="asleep",
        ),
        pytest.param(
            "demand",
            "0 containers: no step is reached; but 1 container: some messages have waited 5m",
            policy(demand=steps((10, 10))),
            replace(settled(), level=replace(settled().level, waiting_since=NOW - 300)),
            (queue(3), fleet()),
            id="late-tail",
        ),
        pytest.param(
            "demand",
            "20 containers: one for every message of 20; but at most 10 (max_containers)",
            policy(),
            settled(),
            (queue(20), fleet()),
            id="beyond-max",
        ),
        pytest.param(
            "demand",
            "3 containers: 10m of work left to share out, to be taken within 5m25s, 4m to each new one",
            policy(demand=StartWithin(325.0, 60.0)),
            settled(),
            (queue(10), fleet()),
            id="start-within",
        ),
        pytest.param(
            "work",
            "10 messages visible = 10m of work - 5m by 1 idle - 4m by 1 busy - 4m by 1 starting; "
            "a start takes 1m, assumed until one was seen",
            policy(demand=StartWithin(325.0, 60.0)),
            settled(),
            (queue(10, 1), fleet(2, 1)),
            id="terms-of-the-promise",
        ),
        pytest.param(
            "promise",
            "needs 34 containers, max_containers 10: the last message is taken about 7m53s late",
            policy(demand=StartWithin(325.0, 60.0)),
            settled(),
            (queue(133), fleet()),
            id="late",
        ),
        pytest.param(
            "promise",
            "needs 133 containers, max_containers 10: the last message may be taken late",
            policy(demand=StartWithin(325.0)),
            settled(),
            (queue(133), fleet()),
            id="late-and-unknown",
        ),
        pytest.param(
            "pace",
            "unknown how long a message takes: each is given a container until that is learned",
            policy(demand=StartWithin(300.0)),
            settled(),
            (queue(10), fleet()),
            id="unknown-pace",
        ),
        pytest.param(
            "demand",
            "2 containers: one for each message, to be taken within 5m: how long one takes is not known yet; "
            f"one more, as nothing has moved since {format_clock(NOW - 200)}",
            policy(demand=StartWithin(300.0)),
            settled(standstill=Standstill(NOW - 200, 1)),
            (queue(1), fleet(1)),
            id="standstill",
        ),
        pytest.param(
            "level",
            "5: it falls when 3 polls in a row have asked for less (1 so far), "
            f"from {format_clock(NOW + 200)} on (fall cooldown)",
            policy(),
            replace(settled(5), level=replace(settled(5).level, rose_at=NOW - 100)),
            (queue(1), fleet(1)),
            id="held-level",
        ),
        pytest.param(
            "level",
            "0: it rises when 3 polls in a row have asked for more (1 so far)",
            policy(hysteresis=hysteresis(rise_after=3)),
            settled(),
            (queue(4), fleet()),
            id="rising",
        ),
        pytest.param(
            "cooldown",
            f"launch: over at {format_clock(NOW + 4)}, which is near enough (half a poll)",
            policy(),
            settled(launched_at=NOW - 26),
            (queue(4), fleet()),
            id="cooldown-nearly-over",
        ),
        pytest.param(
            "cooldown",
            "launch: over since " + format_clock(NOW - 170_000, NOW),
            policy(),
            settled(launched_at=NOW - 170_030),
            (queue(4), fleet()),
            id="cooldown-over-for-days",
        ),
        pytest.param(
            "fleet",
            "not asked for: nothing is launched as long as the backlog is unknown",
            policy(),
            settled(),
            (None, None),
            id="backlog-unknown",
        ),
        pytest.param(
            "fleet",
            "3 live containers = 3 running + 0 starting, in 3 tasks",
            policy(),
            settled(),
            (None, fleet(3, running_tasks=3)),
            id="backlog-unknown-and-fleet-known",
        ),
        pytest.param(
            "breaker",
            "5 tasks in a row failed to start, or failed within 1m of their start, the last: CannotPullContainerError; "
            f"a single task probes at {format_clock(NOW + 45)}",
            policy(),
            settled(breaker=TRIPPED),
            (queue(1), fleet()),
            id="open-breaker",
        ),
        pytest.param(
            "breaker",
            "5 tasks in a row failed to start, or failed within 1m of their start, the last: CannotPullContainerError; "
            "a single task was launched as a probe, and has not shown yet whether it works",
            policy(),
            settled(breaker=replace(TRIPPED, open_until=NOW - 1)),
            (queue(5), fleet(starting=1, newest_task_at=NOW)),
            id="probing",
        ),
    ],
)
def test_what_holds_a_number_down_is_named(about: str, expected: str, rules: Policy, state: ScalerState, seen) -> None:
    """Each number that differs from the one before it says why."""
    assert expected == lines(rules, state, *seen)[about]


@pytest.mark.parametrize(
    ("until", "doubts", "alive", "trial"),
    [
        (NOW + 45, (), fleet(), f"one task is tried at {format_clock(NOW + 45)}"),
        (NOW - 1, (Doubt(1, NOW),), fleet(), "one task is tried once nothing is in doubt"),
        (NOW - 1, (), fleet(starting=1, newest_task_at=NOW), "one task was launched to try, and does not run yet"),
    ],
    ids=["held", "in-doubt", "trying"],
)
def test_a_lack_of_capacity_is_told_from_failing_tasks(until: float, doubts, alive, trial: str) -> None:
    """In the verdict and in a line of its own, with the cause and with what comes next."""
    state = settled(scarcity=replace(SCARCE, until=until), doubts=doubts)
    told = lines(policy(), state, queue(5), alive)
    missing = f"{5 - alive.live} containers short"
    assert NO_PLACE + trial == told["capacity"]
    assert told["decision"].startswith(f"hold: {missing}, but there is no capacity: {trial} (5 messages")
    assert "breaker" not in told


def test_a_trial_that_is_launched_is_called_so() -> None:
    """It says why one container is launched and not five."""
    told = lines(policy(), settled(scarcity=replace(SCARCE, until=NOW - HOLD)), queue(5), fleet())
    assert NO_PLACE + "one task may be tried now" == told["capacity"]
    assert told["decision"].startswith("launch 1 container")


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        (0, "0 of 5 granted: the budget of all scalers has no more room"),
        (2, "2 of 5 granted: the budget of all scalers has no more room"),
        (5, None),
    ],
    ids=["nothing", "a part", "all"],
)
def test_a_budget_that_binds_is_named(granted: int, expected: str | None) -> None:
    """It says what was granted and not who holds the rest: that may be the scaler itself."""
    assert expected == lines(policy(), settled(), queue(5), fleet(), grant=lambda _: granted).get("budget")


def test_what_is_unknown_is_called_unknown() -> None:
    """A queue or cluster that could not be read is never shown as zero."""
    assert "unknown: it could not be read" == lines(policy(), settled(), None, fleet())["queue"]
    assert "unknown: the cluster could not be read" == lines(policy(), settled(), queue(1), None)["fleet"]


def test_every_counted_state_is_in_the_sum() -> None:
    """With all three states counted, nothing is left out."""
    rules = policy(counted=frozenset(MessageState))
    expected = "6 messages of backlog = 1 visible + 2 in flight + 3 delayed"
    assert expected == lines(rules, settled(), queue(1, 2, 3), fleet())["queue"]


def test_an_open_breaker_wants_nothing() -> None:
    """Whatever waits: nothing is launched while it is open, and one container when it may probe."""
    closed, probing = settled(breaker=TRIPPED), settled(breaker=replace(TRIPPED, open_until=NOW - 1))
    wanted = [decided(policy(), state, queue(7), fleet()).numbers for state in (closed, probing)]
    assert [0, 1] == [numbers.wanted for numbers in wanted if numbers]


def test_the_holders_of_the_budget_are_named() -> None:
    """The line says how large the budget is, who holds the most of it, and what is kept for others."""
    use = BudgetUse(20, (Holder("a", 6), Holder("b", 4, 1)), others=7, taken_by_others=5)
    decision = replace(decided(policy(), settled(), queue(6), fleet(), grant=lambda _: 2), budget=use)
    assert (
        "2 of 6 granted: the budget of 20 containers is held by a 6, b 5, 7 other scalers 5, "
        "and 4 are kept for scalers that come first"
    ) == dict(explain(policy(), decision))["budget"]


@pytest.mark.parametrize(
    ("division", "expected"),
    [
        (Division(60, 20), "this controller's share of 20 of the budget of 60 containers is held by a 20"),
        (
            Division(60, 20, elsewhere=45),
            "this controller's share of 20 of the budget of 60 containers, of which 45 live elsewhere, is held by a 20",
        ),
        (
            Division(60, 20, waits=True),
            "the controllers have changed, so for a slot nothing more of the budget of 60 containers is given out; "
            "this controller's share of 20 is held by a 20",
        ),
    ],
    ids=["share", "elsewhere", "waits"],
)
def test_a_share_of_the_budget_is_named(division: Division, expected: str) -> None:
    """Where several controllers divide it."""
    use = BudgetUse(20, (Holder("a", 20),), division=division)
    decision = replace(decided(policy(), settled(), queue(6), fleet(), grant=lambda _: 0), budget=use)
    assert f"0 of 6 granted: {expected}" == dict(explain(policy(), decision))["budget"]


def test_no_line_says_what_aws_says_as_it_came() -> None:
    """A cause with an escape sequence or a line of its own cannot forge anything on a terminal."""
    state = settled(breaker=replace(TRIPPED, cause="x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b"))
    said = lines(policy(), state, queue(1), fleet())["breaker"]
    assert r"x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b" in said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (
            Pace(34.0, Source.LEARNED, 120.0, error=0.083),
            "learned from 120 messages, 8% of it for chance",
        ),
        (
            Pace(34.0, Source.RUNS, 5.0, takes_one=True),
            "learned from 5 runs; a container takes one and exits",
        ),
        (Pace(34.0, Source.GIVEN), "as configured"),
    ],
)
def test_how_long_a_message_takes_comes_with_how_sure_that_is(pace: Pace, said: str) -> None:
    """From where it is known, from how much, and what was added for chance."""
    assert f"34s a message, {said}" == explain_pace(pace)
