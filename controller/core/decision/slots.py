"""Slots: the protocol between controllers that makes a launch happen once.

Time is cut into slots of 6 L. Every RunTask call carries a token that depends on nothing but its slot and its place
in the plan, so whoever sends it again, after a lost answer, a crash or beside another controller, gets the original
result from ECS. The window within a slot makes a plan stand on what earlier slots have started::

    |<---------------------------- slot: 6 L ---------------------------->|
    |-- L + S --|============== window: sends may leave ==============|-T-|
    start       opens: a listing that begins now shows the last slot  last_send

The form of the slots and of the token may change only while every controller is stopped.
"""

from __future__ import annotations

from hashlib import sha256
from math import floor

from controller.core.decision.policy import SlotPolicy
from controller.core.frozen import frozen

WINDOWS_PER_SLOT = 6
SKEW_SHARE = 0.1
"""S as a share of L: the assumed bound on the skew between controllers' clocks."""


@frozen
class Slot:
    """One slot of one scaler; times in seconds since the epoch."""

    number: int
    start: float
    opens: float
    """From here on a listing shows whatever the slot before has started."""
    last_send: float
    """The last moment at which a call may leave: it is over, either way, before the slot ends."""


def slot_length(policy: SlotPolicy) -> float:
    """Return the length of a slot, seconds."""
    return WINDOWS_PER_SLOT * policy.consistency_window


def slot_at(policy: SlotPolicy, now: float) -> Slot:
    """Return the slot that ``now`` falls in."""
    return slot_numbered(policy, floor((now - _offset(policy)) / slot_length(policy)))


def slot_numbered(policy: SlotPolicy, number: int) -> Slot:
    """Return the slot of that number."""
    length = slot_length(policy)
    start = number * length + _offset(policy)
    return Slot(
        number=number,
        start=start,
        opens=start + policy.consistency_window * (1 + SKEW_SHARE),
        last_send=start + length - policy.call_timeout,
    )


def open_slot(policy: SlotPolicy, listed_at: float, last_slot: int | None, now: float) -> Slot | float:
    """Return the slot whose window is open for a plan, or when to look again.

    The window is judged by when the listing *began*, not by when the decision is made: a listing from before the
    window may lack what the slot before has started. ``last_slot`` is the newest slot that this process has used;
    neither it nor an earlier one is used again, even when the clock steps back.
    """
    slot = slot_at(policy, now)
    if last_slot is not None and slot.number <= last_slot:
        return slot_numbered(policy, last_slot + 1).opens
    if now > slot.last_send:
        return slot_numbered(policy, slot.number + 1).opens
    # A listing from the future was begun before the clock stepped back: it may be from before the window.
    if not slot.opens <= listed_at <= now:
        return max(now, slot.opens)
    return slot


def launch_token(policy: SlotPolicy, slot: int, index: int) -> str:
    """Return the ``clientToken`` of the slot's ``index``-th call: at most 64 ASCII characters, no spaces.

    A pure function of controller, scaler, slot and index (AWS: "Ensuring idempotency"; tokens are scoped to the
    cluster).
    """
    digest = sha256(f"{policy.controller}/{policy.scaler}/{slot}/{index}".encode()).hexdigest()
    return f"ecsq-{slot}-{index}-{digest[:32]}"


def spread(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone: it spreads scalers over time, everywhere the same."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64


def _offset(policy: SlotPolicy) -> float:
    """Return when the scaler's slots begin, seconds after a multiple of their length."""
    return spread(f"{policy.controller}/{policy.scaler}") * slot_length(policy)
