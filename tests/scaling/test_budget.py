from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from controller.core.decision.budget import BudgetUse, Division, Holder
from controller.core.sharding import Peers
from controller.scaling.budget import SharedBudget
from tests.support.controller import scaler_spec

if TYPE_CHECKING:
    from controller.config import ScalerSpec

NOW = 1_680_000_000.0
LIMIT = 10


def scaler(name: str, priority: int = 0, most: int = LIMIT) -> ScalerSpec:
    """Return a scaler of that priority."""
    return replace(scaler_spec("cluster", "worker", name=name, max_containers=most), priority=priority)


def budget_of(*scalers: ScalerSpec, limit: int | None = LIMIT) -> SharedBudget:
    """Return a budget whose scalers have all reported that they have nothing."""
    budget = SharedBudget()
    budget.configure(limit, scalers)
    for each in scalers:
        budget.report(each.name, 0)
    return budget


def test_without_a_limit_everything_is_granted() -> None:
    """Whether a scaler is known or not."""
    assert (500, 7) == (
        budget_of(scaler("a"), limit=None).grant("a", 500, NOW),
        SharedBudget().grant("nobody", 7, NOW),
    )


def test_what_others_have_is_not_granted() -> None:
    """Live containers and those in doubt alike: a scaler reports both."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.report("b", 7)
    assert 3 == budget.grant("a", 5, NOW)


def test_what_is_granted_is_reserved() -> None:
    """Until the launch is over: the next who asks finds it gone."""
    budget = budget_of(scaler("a"), scaler("b"))
    assert (6, 4) == (budget.grant("a", 6, NOW), budget.grant("b", 6, NOW))


def test_what_was_started_stays_taken() -> None:
    """Before any listing shows it; what did not start is free again."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.grant("a", 6, NOW)
    budget.book("a", 4, NOW)
    assert 6 == budget.grant("b", 10, NOW)


def test_a_scaler_that_was_not_observed_counts_as_its_maximum() -> None:
    """Unknown is not zero."""
    budget = SharedBudget()
    budget.configure(LIMIT, [scaler("a"), scaler("b", most=7)])
    budget.report("a", 0)
    assert 3 == budget.grant("a", 10, NOW)
    budget.report("b", 1)
    assert 9 == budget.grant("a", 10, NOW)


def test_a_refusal_says_how_large_the_budget_is_and_who_holds_it() -> None:
    """Reserved parts, and a maximum that counts for what is not known, included; a grant of all says nothing."""
    budget = SharedBudget()
    budget.configure(20, [scaler("a"), scaler("b"), scaler("c", most=7)])
    budget.report("a", 0)
    budget.report("b", 4)
    assert (5, None) == (budget.grant("b", 5, NOW), budget.find_refusal("b"))
    assert 4 == budget.grant("a", 10, NOW)
    use = budget.find_refusal("a")
    assert BudgetUse(20, (Holder("b", 4, 5), Holder("c", 7, is_known=False), Holder("a", 0, 4))) == use
    assert (0, 9, 7, None) == (use.free, *(budget.count_taken(name) for name in ("b", "c", "nobody")))
    budget.grant("a", 0, NOW + 1)
    assert (None, None) == (budget.find_refusal("a"), budget.find_refusal("nobody"))


def test_what_is_kept_for_others_is_told() -> None:
    """A scaler that comes later in the line is refused although there is room."""
    budget = budget_of(scaler("a", priority=5), scaler("b"), scaler("c"))
    budget.report("c", 8)
    budget.grant("a", 10, NOW)
    budget.book("a", 0, NOW)
    assert 0 == budget.grant("b", 2, NOW)
    use = budget.find_refusal("b")
    assert use is not None
    assert ((Holder("c", 8),), 2) == (use.holders, use.free)


def test_of_many_holders_the_largest_are_named() -> None:
    """The others are added up."""
    names = [f"s{number}" for number in range(8)]
    budget = budget_of(*map(scaler, names), limit=36)
    for number, name in enumerate(names):
        budget.report(name, number + 1)
    budget.grant("s0", 1, NOW)
    use = budget.find_refusal("s0")
    assert use is not None
    assert (["s7", "s6", "s5", "s4", "s3"], 3, 6) == (
        [each.scaler for each in use.holders],
        use.others,
        use.taken_by_others,
    )


def count_calls_of_a_grant(scalers: int) -> int:
    """Return how many functions a grant calls while all others have been granted what they want."""
    budget = budget_of(*(scaler(f"s{number}") for number in range(scalers)), limit=scalers + 1)
    for number in range(scalers):
        budget.grant(f"s{number}", 1, NOW)
    calls: list[str] = []
    sys.setprofile(lambda _frame, event, _argument: calls.append(event))
    try:
        budget.grant(f"s{scalers - 1}", 1, NOW + 1)
    finally:
        sys.setprofile(None)
    return len(calls)


def test_those_that_have_all_they_want_make_no_grant_dearer() -> None:
    """They wait for their slots, ten thousand of them where there is room for all, and each asks at every poll."""
    assert count_calls_of_a_grant(5) == count_calls_of_a_grant(50)


def test_a_scaler_that_holds_for_its_slot_keeps_its_place() -> None:
    """It was granted something and could not launch it yet; asking again, it comes before who came later."""
    budget = budget_of(scaler("a"), scaler("b"))
    assert (10, 0) == (budget.grant("a", 10, NOW), budget.grant("b", 10, NOW + 1))
    assert 10 == budget.grant("a", 10, NOW + 5)


def test_whoever_has_launched_goes_to_the_end_of_the_line() -> None:
    """Equals take turns."""
    budget = budget_of(scaler("a"), scaler("b"))
    assert (10, 0) == (budget.grant("a", 20, NOW), budget.grant("b", 20, NOW + 1))
    budget.book("a", 10, NOW + 2)
    budget.report("a", 0)
    assert (0, 10) == (budget.grant("a", 20, NOW + 3), budget.grant("b", 20, NOW + 4))


def test_a_scaler_whose_launches_fail_lets_the_others_go_first() -> None:
    """What it was granted is free at once, and it waits again from then on."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.grant("a", 20, NOW)
    assert 0 == budget.grant("b", 10, NOW + 1)
    budget.book("a", 0, NOW + 2)
    assert (0, 10) == (budget.grant("a", 20, NOW + 3), budget.grant("b", 10, NOW + 4))


def test_a_scaler_that_wants_nothing_any_more_holds_nobody_up() -> None:
    """Nor does one that cannot see its queue, and so cannot launch."""
    budget = budget_of(scaler("a", priority=9), scaler("b"))
    budget.grant("a", 10, NOW)
    assert 0 == budget.grant("b", 10, NOW)
    budget.grant("a", 0, NOW)
    assert 10 == budget.grant("b", 10, NOW)


def test_a_reload_keeps_what_is_known() -> None:
    """What scalers have, and their places in the line; limits and priorities are the new ones."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.report("a", 8)
    budget.grant("b", 10, NOW)
    budget.book("b", 2, NOW)
    budget.configure(LIMIT + 5, [scaler("a", priority=3), scaler("b")])
    assert (5, 0) == (budget.grant("a", 10, NOW + 10), budget.grant("b", 8, NOW + 10))


def test_a_changed_maximum_counts_for_a_scaler_that_is_not_known_yet() -> None:
    """A reload before the first observation."""
    budget = SharedBudget()
    budget.configure(LIMIT, [scaler("a"), scaler("b", most=10)])
    budget.report("a", 0)
    budget.configure(LIMIT, [scaler("a"), scaler("b", most=4)])
    assert 6 == budget.grant("a", 10, NOW)


def test_a_removed_scaler_frees_its_share() -> None:
    """It is forgotten, its tasks finish by themselves; what it still asks for it does not get."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.report("b", 10)
    budget.configure(LIMIT, [scaler("a")])
    assert 0 == budget.grant("b", 1, NOW)
    budget.report("b", 10)
    budget.book("b", 10, NOW)
    assert 10 == budget.grant("a", 10, NOW)


def test_a_limit_below_what_lives_grants_nothing() -> None:
    """Nothing that runs is touched; it shrinks as workers exit."""
    budget = budget_of(scaler("a"), scaler("b"))
    budget.report("a", 10)
    budget.configure(4, [scaler("a"), scaler("b")])
    assert 0 == budget.grant("b", 1, NOW)


# Several controllers share it

ALWAYS = float("-inf")
"""Since when peers are known that were never others."""
SLOT = 30.0


def shared(elsewhere: int = 0, own: str = "a", since: float = ALWAYS) -> SharedBudget:
    """Return the budget of one of two controllers, with one scaler; so many containers of others are listed."""
    budget = SharedBudget(SLOT)
    budget.configure(2 * LIMIT, [scaler("x")])
    budget.report("x", 0)
    budget.share(Peers(own, ("a", "b")), lambda own: 0 if "y" in own else elsewhere, since)
    return budget


@pytest.mark.parametrize(("elsewhere", "granted"), [(0, 10), (9, 10), (16, 4), (30, 0)])
def test_a_controller_has_its_share_and_not_what_others_have_beyond_theirs(elsewhere: int, granted: int) -> None:
    """Less what its own scalers have."""
    assert granted == shared(elsewhere).grant("x", 15, NOW)


def test_what_its_own_scalers_have_counts_against_its_share() -> None:
    """And is not counted a second time as another's."""
    budget = shared()
    budget.report("x", 7)
    assert 3 == budget.grant("x", 15, NOW)
    budget.configure(2 * LIMIT, [scaler("x"), scaler("y", most=1)])
    assert 2 == budget.grant("x", 15, NOW)


def test_one_that_is_not_live_has_no_share() -> None:
    """The others have the whole."""
    assert 0 == shared(own="c").grant("x", 1, NOW)


def test_a_slot_passes_after_the_controllers_have_changed() -> None:
    """What others launch by their larger shares of before is listed by then; the same peers again change nothing."""
    budget = shared(since=NOW)
    assert [0, 0, 10] == [budget.grant("x", 15, NOW + after) for after in (0, SLOT - 1, SLOT)]
    budget.share(Peers("a", ("a", "b")), lambda _: 0, NOW + SLOT)
    assert 10 == budget.grant("x", 15, NOW + SLOT)
    budget.share(Peers("a", ("a", "b", "c")), lambda _: 0, NOW + SLOT)
    assert [0, 6] == [budget.grant("x", 15, NOW + after) for after in (SLOT, 2 * SLOT)]


def test_a_clock_that_was_set_back_holds_no_budget() -> None:
    """The change then lies ahead, perhaps by hours."""
    assert 10 == shared(since=NOW + 3600).grant("x", 15, NOW)


def test_a_refusal_says_what_of_the_budget_is_this_controllers() -> None:
    """And how much others have."""
    budget = shared(elsewhere=16)
    assert 4 == budget.grant("x", 15, NOW)
    use = BudgetUse(10, (Holder("x", 0, 4),), division=Division(20, 10, elsewhere=16))
    assert (use, 0) == (budget.find_refusal("x"), use.free)


@pytest.mark.parametrize("seed", range(5))
def test_threads_that_ask_at_once_are_not_granted_more_than_there_is(seed: int) -> None:
    """However their reports, grants and launches interleave."""
    names = [f"scaler-{number}" for number in range(8)]
    budget, ready = budget_of(*(scaler(name) for name in names)), Barrier(len(names))

    def work(name: str) -> int:
        random, live = Random(f"{seed} {name}"), 0
        ready.wait(5)
        for step in range(200):
            budget.report(name, live)
            share = budget.grant(name, random.randint(1, 4), NOW + step)
            started = random.randint(0, share)
            if random.random() < 0.5:
                budget.book(name, started, NOW + step)
                live += started
        return live

    with ThreadPoolExecutor(len(names)) as pool:
        live = list(pool.map(work, names))
    assert 0 < sum(live) <= LIMIT


@dataclass
class Rival:
    """A scaler in a simulated run: it always wants more than there is, and its workers end after a while."""

    spec: ScalerSpec
    poll: int
    """Seconds from one poll to the next."""
    works: bool = True
    """Whether its launches start anything."""


def run(rivals: list[Rival], seconds: int, works_for: int = 40) -> tuple[Counter[str], dict[str, float], int]:
    """Let rivals poll; gives what each has launched, the longest that each has waited, and the most that lived."""
    budget = budget_of(*(rival.spec for rival in rivals))
    ends: dict[str, list[int]] = {rival.spec.name: [] for rival in rivals}
    launched: Counter[str] = Counter()
    waited, since = dict.fromkeys(ends, 0.0), dict.fromkeys(ends, 0)
    most = 0
    for second in range(seconds):
        for rival in rivals:
            name = rival.spec.name
            ends[name] = [end for end in ends[name] if end > second]
            if second % rival.poll:
                continue
            budget.report(name, len(ends[name]))
            share = budget.grant(name, 20, NOW + second)
            if share and second % 3:  # now and then its slot is closed
                started = share if rival.works else 0
                budget.book(name, started, NOW + second)
                ends[name] += [second + works_for] * started
                launched[name] += started
                since[name] = second if started else since[name]
            waited[name] = max(waited[name], second - since[name])
        most = max(most, sum(map(len, ends.values())))
    return launched, waited, most


def test_equals_share_in_turns() -> None:
    """Over an hour nobody gets half as much again as another, whatever their polls."""
    rivals = [Rival(scaler("a"), 10), Rival(scaler("b"), 7), Rival(scaler("c"), 11)]
    launched, _, most = run(rivals, 3600)
    assert LIMIT == most
    assert max(launched.values()) <= 1.5 * min(launched.values())


def test_nobody_is_starved_for_ever() -> None:
    """Not by a higher priority that never has enough; it is served first, and most of the time."""
    rivals = [Rival(scaler("high", priority=3), 10), Rival(scaler("low"), 10)]
    launched, waited, most = run(rivals, 6 * 3600)
    assert LIMIT == most
    assert launched["high"] > 5 * launched["low"] > 0
    assert waited["low"] <= 4 * 300 + 120


def test_a_scaler_that_can_never_launch_starves_nobody() -> None:
    """Not even one of a higher priority."""
    rivals = [Rival(scaler("broken", priority=1), 10, works=False), Rival(scaler("whole"), 10)]
    launched, waited, _ = run(rivals, 3 * 3600)
    assert launched["whole"] > 0
    assert waited["whole"] <= 2 * 300 + 120
