from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.slots import Slot, launch_token, open_slot, slot_at, slot_length, slot_numbered
from tests.core.decision.builders import NOW, SLOT, SLOTS, START

MOMENTS = st.floats(min_value=0, max_value=4e9)


def test_a_slot_lasts_six_consistency_windows() -> None:
    """30 s at the default of 5 s."""
    assert slot_length(SLOTS) == 30.0
    assert slot_length(replace(SLOTS, consistency_window=2.0)) == 12.0


def test_the_window_opens_after_lag_and_skew_and_closes_a_call_before_the_end() -> None:
    """L + S = 5.5 s after the start, T = 5 s before the end."""
    slot = slot_numbered(SLOTS, SLOT)
    assert slot.opens - slot.start == pytest.approx(5.5)
    assert slot.last_send - slot.start == pytest.approx(25.0)
    longest = slot_numbered(replace(SLOTS, call_timeout=10.0), SLOT)
    assert longest.last_send - longest.start == pytest.approx(20.0)


@given(now=MOMENTS)
def test_every_moment_is_in_one_slot(now: float) -> None:
    """Slots follow each other without gap or overlap."""
    slot = slot_at(SLOTS, now)
    assert slot.start - 1e-5 <= now <= slot.start + 30 + 1e-5
    assert slot == slot_numbered(SLOTS, slot.number)
    assert slot_numbered(SLOTS, slot.number + 1).start == pytest.approx(slot.start + 30, abs=1e-5)


def test_the_slots_are_the_same_in_every_controller_and_version() -> None:
    """A protocol between controllers: who changes these numbers must stop all of them first."""
    slot = slot_at(SLOTS, 1_700_000_000.0)
    assert slot.number == 56666665
    assert slot.start == pytest.approx(1699999978.911451, abs=1e-6)


def test_scalers_have_slots_of_their_own() -> None:
    """The offset spreads scalers and controllers over the slot, always by less than its length."""
    names = [replace(SLOTS, controller=f"c{i % 5}", scaler=f"s{i // 5}") for i in range(100)]
    offsets = [slot_numbered(name, 0).start for name in names]
    assert len(set(offsets)) == 100
    assert 0 <= min(offsets) < 6
    assert 24 < max(offsets) < 30


@pytest.mark.parametrize(
    ("listed", "now"),
    [
        pytest.param(5.5, 5.5, id="when-it-opens"),
        pytest.param(10.0, 12.0, id="within"),
        pytest.param(5.5, 25.0, id="at-its-last-send"),
    ],
)
def test_a_plan_may_stand_on_a_listing_from_within_the_window(listed: float, now: float) -> None:
    """The listing began at L + S or later, and a call can still leave T before the end; seconds from the start."""
    assert open_slot(SLOTS, START + listed, None, START + now) == slot_numbered(SLOTS, SLOT)


@pytest.mark.parametrize(
    ("listed", "now", "again"),
    [
        pytest.param(0.0, 0.0, 5.5, id="at-the-start"),
        pytest.param(5.4, 5.4, 5.5, id="before-it-opens"),
        pytest.param(25.1, 25.1, 35.5, id="too-late-to-send"),
        pytest.param(29.9, 29.9, 35.5, id="at-the-end"),
        pytest.param(10.0, 26.0, 35.5, id="a-good-listing-too-late-to-send"),
        pytest.param(5.4, 10.0, 10.0, id="a-listing-from-before-the-window-needs-a-new-one-now"),
        pytest.param(-20.0, 6.0, 6.0, id="a-listing-from-the-slot-before"),
        pytest.param(-20.0, 2.0, 5.5, id="an-old-listing-before-the-window"),
    ],
)
def test_outside_the_window_it_says_when_to_look_again(listed: float, now: float, again: float) -> None:
    """At once for a newer listing if the window is open, else when it next opens; seconds from the slot's start."""
    assert open_slot(SLOTS, START + listed, None, START + now) == pytest.approx(START + again, abs=1e-5)


@pytest.mark.parametrize(
    ("used", "again"),
    [
        pytest.param(SLOT, 35.5, id="this-slot-was-used"),
        pytest.param(SLOT + 3, 125.5, id="a-later-slot-was-used-and-the-clock-stepped-back"),
    ],
)
def test_a_slot_is_used_once_and_never_an_earlier_one(used: int, again: float) -> None:
    """A process carries out one plan a slot; it looks again when the slot after its last one opens."""
    assert open_slot(SLOTS, NOW, used, NOW) == pytest.approx(START + again, abs=1e-5)
    assert open_slot(SLOTS, NOW, SLOT - 1, NOW) == slot_numbered(SLOTS, SLOT)


def test_the_window_costs_little() -> None:
    """A moment outside waits 10.5 s at most, and a moment anywhere 1.8 s on average."""
    waits = []
    for tick in range(3000):
        now = START + tick / 100
        found = open_slot(SLOTS, now, None, now)
        waits.append(0.0 if isinstance(found, Slot) else found - now)
    assert max(waits) == pytest.approx(10.5, abs=0.01)
    assert round(sum(waits) / len(waits), 1) == 1.8


def test_looking_again_as_told_finds_the_window_open() -> None:
    """Whoever lists anew at the moment it was told gets its slot, whenever it first asked."""
    for tick in range(300):
        now = START + tick / 10
        found = open_slot(SLOTS, START - 60, None, now)
        assert isinstance(found, float)
        assert found >= now
        assert isinstance(open_slot(SLOTS, found, None, found), Slot)


def test_the_token_is_the_same_in_every_controller_and_version() -> None:
    """A pure function of controller, scaler, slot and index: a protocol between controllers."""
    assert launch_token(SLOTS, 56666665, 0) == "ecsq-56666665-0-9319ed7340113887c18c00eccb595a33"
    assert launch_token(SLOTS, 7, 2) == launch_token(replace(SLOTS, consistency_window=9.0, call_timeout=1.0), 7, 2)


def test_every_call_has_a_token_of_its_own() -> None:
    """Controller, scaler, slot and index all tell tokens apart."""
    calls = [
        (replace(SLOTS, controller=controller, scaler=scaler), slot, index)
        for controller in ("a", "b", "a-b")
        for scaler in ("a", "b", "a-b")
        for slot in (1, 11, 111)
        for index in (0, 1, 11)
    ]
    assert len({launch_token(*call) for call in calls}) == len(calls)


@given(
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True),
    slot=st.integers(0, 4 * 10**9),
    index=st.integers(0, 9_999),
)
def test_a_token_is_what_ecs_takes(name: str, slot: int, index: int) -> None:
    """At most 64 characters of ASCII 33 to 126, for the longest names too."""
    token = launch_token(replace(SLOTS, controller=name, scaler=name), slot, index)
    assert 0 < len(token) <= 64
    assert all(33 <= ord(character) <= 126 for character in token)


def test_a_listing_from_the_future_opens_no_window() -> None:
    """The clock stepped back after the listing began: that may have been before the window."""
    assert START + 12.0 == open_slot(SLOTS, START + 20.0, None, START + 12.0)
