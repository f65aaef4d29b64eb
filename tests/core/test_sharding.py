"""Which of several controllers a scaler belongs to."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.sharding import Candidate, Peers, choose_live, find_owner, read_numbers

NAMES = st.text("abcdef-0123456789/", min_size=1, max_size=12)
CREWS = st.lists(NAMES, min_size=1, max_size=6, unique=True)
SCALERS = st.lists(NAMES, min_size=1, max_size=30, unique=True)


@given(crew=CREWS, scalers=SCALERS)
def test_each_scaler_has_exactly_one_owner(crew: list[str], scalers: list[str]) -> None:
    """Whatever the controllers and scalers are called, all controllers come to the same one."""
    owners = {name: [own for own in crew if Peers(own, tuple(crew)).owns(name)] for name in scalers}
    assert dict.fromkeys(scalers, 1) == {name: len(found) for name, found in owners.items()}


@given(crew=CREWS, scalers=SCALERS, data=st.data())
def test_one_that_leaves_moves_only_its_own_scalers(crew: list[str], scalers: list[str], data: st.DataObject) -> None:
    """All others stay with whom they were; the same holds, read backwards, for one that comes."""
    gone = data.draw(st.sampled_from(crew))
    left = [each for each in crew if each != gone]
    kept = [name for name in scalers if find_owner(name, crew) != gone]
    assert [find_owner(name, crew) for name in kept] == [find_owner(name, left) for name in kept]


@given(crew=CREWS, scaler=NAMES, data=st.data())
def test_the_order_of_the_controllers_does_not_matter(crew: list[str], scaler: str, data: st.DataObject) -> None:
    """A listing may name them in any order."""
    assert find_owner(scaler, crew) == find_owner(scaler, data.draw(st.permutations(crew)))


def test_without_a_controller_a_scaler_has_no_owner() -> None:
    """And whoever is not among the live ones owns nothing."""
    alone = Peers("a", ("b", "c"))
    assert (None, None, 2, False) == (find_owner("orders", ()), alone.index, alone.of, alone.owns("orders"))


def test_scalers_are_spread_evenly() -> None:
    """Of 3,000 scalers each of three controllers has about a thousand."""
    crew = tuple(f"arn:aws:ecs:us-east-1:111122223333:task/default/{number:032x}" for number in range(3))
    counted = Counter(find_owner(f"queue-{number}", crew) for number in range(3000))
    assert all(900 < counted[each] < 1100 for each in crew)


@pytest.mark.parametrize(
    ("tasks", "live"),
    [
        ((("b", "RUNNING", "HEALTHY"), ("a", "RUNNING", "HEALTHY")), ("a", "b")),
        ((("a", "RUNNING", "UNKNOWN"), ("b", "PENDING", "UNKNOWN")), ("a",)),
        ((("a", "RUNNING", "UNHEALTHY"), ("b", "RUNNING", "HEALTHY")), ("b",)),
        ((("a", "RUNNING", "HEALTHY"), ("b", "DEACTIVATING", "HEALTHY"), ("c", "STOPPED", "UNKNOWN")), ("a",)),
        ((("a", "RUNNING", "UNHEALTHY"), ("b", "RUNNING", "UNHEALTHY"), ("c", "PENDING", "UNKNOWN")), ("a", "b")),
        ((("a", "PENDING", "UNKNOWN"),), ()),
        ((), ()),
    ],
    ids=["in order", "one that starts", "an unhealthy one", "one that stops", "all unhealthy", "none runs", "none"],
)
def test_who_lives(tasks: tuple[tuple[str, str, str], ...], live: tuple[str, ...]) -> None:
    """Whoever runs and is not called unhealthy; where all are, all that run, so that somebody begins again."""
    assert live == choose_live(Candidate(*task) for task in tasks)


def test_a_controller_is_numbered() -> None:
    """Outside ECS each is told which of how many it is."""
    third = read_numbers("3/11")
    assert (3, 11, "3") == (third.index, third.of, third.own)
    assert 1 == sum(read_numbers(f"{number}/11").owns("orders") for number in range(1, 12))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is neither 'auto' nor a number of a number, such as 2/8"),
        ("2", "'2' is neither 'auto' nor a number of a number, such as 2/8"),
        ("-1/3", "'-1/3' is neither 'auto' nor a number of a number, such as 2/8"),
        ("1/ 3", "'1/ 3' is neither 'auto' nor a number of a number, such as 2/8"),
        ("0/3", "'0/3' is none of the 3 controllers: write 1/3 to 3/3"),
        ("4/3", "'4/3' is none of the 3 controllers: write 1/3 to 3/3"),
        ("0/0", "'0/0' has 0 controllers: write 1/1 to 100/100"),
        ("1/101", "'1/101' has 101 controllers: write 1/1 to 100/100"),
    ],
)
def test_a_number_that_cannot_be_is_refused(text: str, complaint: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=r"controllers|neither") as caught:
        read_numbers(text)
    assert complaint == str(caught.value)
