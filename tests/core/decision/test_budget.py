from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.budget import AGING, Division, Place, grant_share, rank_claim, share_of
from tests.core.decision.builders import NOW


@dataclass(frozen=True)
class Claim:
    """A scaler that waits for a part of the budget."""

    priority: int
    wanted: int
    held_since: float


def claim(wanted: int, priority: int = 0, held_for: float = 0.0) -> Claim:
    """Return a claim that has waited for so long."""
    return Claim(priority, wanted, NOW - held_for)


def shares(room: int, claims: dict[str, Claim]) -> dict[str, int]:
    """Return what each would be granted."""
    line = sorted(claims, key=lambda name: rank_claim(name, claims[name].priority, claims[name].held_since))
    wanted = [claims[name].wanted for name in line]
    return {name: grant_share(room, wanted[at], wanted[:at]) for at, name in enumerate(line)}


@pytest.mark.parametrize(
    ("room", "claims", "expected"),
    [
        (10, {"a": claim(4), "b": claim(6)}, {"a": 4, "b": 6}),
        (10, {"a": claim(10), "b": claim(10, priority=1)}, {"a": 0, "b": 10}),
        (12, {"a": claim(10), "b": claim(10, priority=1)}, {"a": 2, "b": 10}),
        (10, {"a": claim(10, held_for=20), "b": claim(10, held_for=30)}, {"a": 0, "b": 10}),
        (10, {"b": claim(10), "a": claim(10)}, {"b": 0, "a": 10}),
        (0, {"a": claim(10, priority=9)}, {"a": 0}),
        (-5, {"a": claim(10), "b": claim(1)}, {"a": 0, "b": 0}),
        (10, {"a": claim(10, held_for=AGING), "b": claim(10, priority=1)}, {"a": 10, "b": 0}),
        (10, {"a": claim(10, held_for=AGING - 1), "b": claim(10, priority=1)}, {"a": 0, "b": 10}),
        (10, {"a": claim(10, held_for=AGING), "b": claim(10, priority=2)}, {"a": 0, "b": 10}),
    ],
    ids=[
        "room for all",
        "the higher goes first",
        "the rest is the lower's",
        "of equals the one that waits longest",
        "at the same moment by name",
        "no room",
        "a budget that was lowered",
        "waiting is worth a priority",
        "not earlier",
        "and only one",
    ],
)
def test_who_goes_first(room: int, claims: dict[str, Claim], expected: dict[str, int]) -> None:
    """When there is not room for everyone."""
    assert expected == shares(room, claims)


def test_no_more_of_the_line_is_looked_at_than_there_is_room_for() -> None:
    """Ten thousand may wait, and each of them asks at every poll."""
    line = iter([3, 4, 5, 6])
    assert (0, [6]) == (grant_share(10, 1, line), list(line))


@pytest.mark.parametrize(
    ("held_since", "expected"),
    [(None, NOW), (NOW - 50, NOW - 50), (NOW + 50, NOW)],
    ids=["wants something now", "has waited", "the clock stepped back"],
)
def test_since_when_a_claim_waits(held_since: float | None, expected: float) -> None:
    """What began in the future begins now: it would come after all others until then."""
    assert expected == Place(held_since).began_by(NOW)


CLAIMS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.builds(claim, st.integers(0, 40), st.integers(-3, 3), st.sampled_from([-60.0, 0.0, 10.0, 400.0, 4000.0])),
    min_size=1,
)


@given(room=st.integers(-20, 100), claims=CLAIMS)
def test_no_more_than_the_room_and_all_of_it(room: int, claims: dict[str, Claim]) -> None:
    """All shares together are what fits; nobody gets more than was wanted."""
    given_ = shares(room, claims)
    assert min(max(0, room), sum(each.wanted for each in claims.values())) == sum(given_.values())
    assert all(0 <= given_[name] <= claims[name].wanted for name in claims)


@given(room=st.integers(0, 100), claims=CLAIMS, data=st.data())
def test_the_order_of_arrival_does_not_matter(room: int, claims: dict[str, Claim], data: st.DataObject) -> None:
    """Nor does who asks first."""
    names = data.draw(st.permutations(sorted(claims)))
    assert shares(room, claims) == shares(room, {name: claims[name] for name in names})


@given(room=st.integers(0, 60), claims=CLAIMS)
def test_nobody_is_passed_by_one_that_comes_after(room: int, claims: dict[str, Claim]) -> None:
    """Whoever gets less than was wanted has left nothing to those of a lower priority that wait no longer."""
    given_ = shares(room, claims)
    for name, mine in claims.items():
        if given_[name] == mine.wanted:
            continue
        after = [
            other
            for other, theirs in claims.items()
            if theirs.priority < mine.priority and theirs.held_since >= mine.held_since
        ]
        assert 0 == sum(given_[other] for other in after)


@given(room=st.integers(0, 60), claims=CLAIMS, name=st.sampled_from("abcdefgh"))
def test_a_higher_priority_is_never_worse(room: int, claims: dict[str, Claim], name: str) -> None:
    """Nor is a longer wait."""
    if name not in claims:
        return
    mine = claims[name]
    before = shares(room, claims)[name]
    assert before <= shares(room, claims | {name: replace(mine, priority=mine.priority + 1)})[name]
    assert before <= shares(room, claims | {name: replace(mine, held_since=mine.held_since - 100)})[name]


@given(whole=st.integers(0, 1000), of=st.integers(1, 12))
def test_the_shares_of_all_controllers_are_the_whole_budget(whole: int, of: int) -> None:
    """None has two more than another, and one that is not live has none."""
    shares_ = [share_of(whole, index, of) for index in range(1, of + 1)]
    assert (whole, 0) == (sum(shares_), share_of(whole, None, of))
    assert max(shares_) - min(shares_) <= 1


@pytest.mark.parametrize(
    ("division", "taken", "room"),
    [
        (Division(30, 10), 0, 10),
        (Division(30, 10), 4, 6),
        (Division(30, 10, elsewhere=15), 4, 6),
        (Division(30, 10, elsewhere=24), 4, 2),
        (Division(30, 10, elsewhere=29), 4, -3),
        (Division(30, 10), 13, -3),
        (Division(30, 10, waits=True), 0, 0),
    ],
    ids=["its share", "less its own", "others have theirs", "others have more", "more than all", "too much", "waits"],
)
def test_the_room_is_the_least_of_the_share_and_the_rest_of_the_budget(
    division: Division, taken: int, room: int
) -> None:
    """What others have beyond their shares, after a change of the controllers, is not given out again."""
    assert room == division.find_room(taken)
