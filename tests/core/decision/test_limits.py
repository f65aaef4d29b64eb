from dataclasses import replace

import pytest

from controller.core.decision.limits import count_unclaimed, keep_pending
from controller.core.decision.model import Reason
from controller.core.decision.state import Doubt
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide


@pytest.mark.parametrize(
    ("counts", "alive", "expected"),
    [
        pytest.param(queue(5), fleet(), 5, id="nothing-lives"),
        pytest.param(queue(5), fleet(starting=2), 3, id="each-that-starts-takes-one"),
        pytest.param(queue(5, 3), fleet(running=3), 5, id="the-busy-take-none"),
        pytest.param(queue(5, 1), fleet(running=3), 3, id="the-free-take-one-each"),
        pytest.param(queue(5, 3), fleet(running=3, starting=2), 3, id="the-busy-and-the-starting"),
        pytest.param(queue(5, 1), fleet(running=3, starting=2), 1, id="the-free-and-the-starting"),
        pytest.param(queue(5, 9), fleet(starting=2), 3, id="in-flight-elsewhere-frees-nobody"),
        pytest.param(queue(1), fleet(running=9), 0, id="never-negative"),
        pytest.param(queue(0, 5, 9), fleet(), 0, id="only-visible-messages-wait"),
    ],
)
def test_unclaimed_messages_are_those_that_no_live_container_is_about_to_take(counts, alive, expected: int) -> None:
    """It is visible - max(starting, live - in flight), at least 0."""
    assert expected == count_unclaimed(counts, alive)


@pytest.mark.parametrize(("age", "kept"), [(0.0, 1), (300.0, 1), (305.4, 1), (305.6, 0)])
def test_a_doubt_lasts_as_long_as_its_request_can_arrive_and_be_listed(age: float, kept: int) -> None:
    """5 minutes, after which AWS refuses the signature, S for its clock, and L for the listing."""
    assert kept == len(keep_pending(policy(), (Doubt(containers=3, last_sent_at=NOW - age),), NOW))


@pytest.mark.parametrize(
    ("rules", "counts", "alive", "state", "expected"),
    [
        pytest.param(policy(), queue(5), fleet(), settled(), 5, id="the-whole-shortfall"),
        pytest.param(policy(), queue(9, 4), fleet(running=4), settled(), 6, id="the-room-below-max"),
        pytest.param(policy(), queue(4, 6), fleet(starting=3), settled(), 1, id="what-waits-unclaimed"),
        pytest.param(policy(min_containers=3), queue(), fleet(), settled(), 3, id="min-without-any-work"),
        pytest.param(policy(min_containers=3), queue(), fleet(starting=1), settled(), 2, id="the-rest-to-min"),
        pytest.param(policy(min_containers=3), queue(7), fleet(), settled(), 7, id="more-than-min-for-more-work"),
        pytest.param(
            policy(min_containers=3), queue(1, 7), fleet(), settled(), 3, id="min-though-less-waits-than-is-asked"
        ),
        pytest.param(policy(min_containers=3), queue(1, 8), fleet(starting=1), settled(), 2, id="only-to-min"),
        pytest.param(
            policy(), queue(9), fleet(), settled(doubts=(Doubt(4, NOW - 60),)), 6, id="in-doubt-counts-against-max"
        ),
        pytest.param(
            policy(), queue(5), fleet(), settled(doubts=(Doubt(4, NOW - 60),)), 5, id="in-doubt-not-against-desired"
        ),
        pytest.param(policy(), queue(9), fleet(), settled(doubts=(Doubt(4, NOW - 306),)), 9, id="a-doubt-that-is-over"),
        pytest.param(
            policy(),
            queue(9),
            fleet(),
            settled(doubts=(Doubt(4, NOW - 60), Doubt(3, NOW - 30))),
            3,
            id="doubts-add-up",
        ),
        pytest.param(
            policy(min_containers=10), queue(), fleet(), settled(doubts=(Doubt(8, NOW),)), 2, id="max-binds-min-too"
        ),
    ],
)
def test_a_launch_is_the_smallest_of_shortfall_room_and_what_waits(rules, counts, alive, state, expected) -> None:
    """At most max - live - in doubt; at most what waits unclaimed, except for reaching min."""
    decision, _ = decide(rules, counts, alive, state, NOW)
    assert (Reason.LAUNCH, expected) == (decision.reason, decision.launch)


def test_a_decision_forgets_doubts_that_are_over() -> None:
    """What cannot come true any more leaves the state."""
    state = settled(doubts=(Doubt(4, NOW - 306), Doubt(2, NOW - 60)))
    decision, after = decide(policy(), queue(5), fleet(), state, NOW)
    assert after.doubts == (Doubt(2, NOW - 60),)
    assert (decision.numbers.in_doubt, decision.numbers.room) == (2, 8)


@pytest.mark.parametrize(("listed", "in_doubt"), [(305.4, 4), (305.6, 0)], ids=["began-before", "began-after"])
def test_a_doubt_is_over_for_a_listing_that_began_after_it(listed: float, in_doubt: int) -> None:
    """A decision that comes later than its listing knows no more than that: the listing's beginning counts."""
    state = settled(doubts=(Doubt(4, NOW - 310),))
    decision, _ = decide(policy(), queue(5), replace(fleet(), listed_at=NOW - 310 + listed), state, NOW)
    assert decision.numbers is not None
    assert in_doubt == decision.numbers.in_doubt


def test_a_listing_from_the_future_ends_no_doubt() -> None:
    """It was begun before the clock stepped back, and the call may have left since."""
    state = settled(doubts=(Doubt(4, NOW - 60),))
    decision, _ = decide(policy(), queue(5), replace(fleet(), listed_at=NOW + 3600), state, NOW)
    assert decision.numbers is not None
    assert decision.numbers.in_doubt == 4
