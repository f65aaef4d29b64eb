"""The order of a launch: what is to be started, what it runs, and what may still speak against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from controller.config import ScalerSpec
from controller.core.copies.packing import Kind, Plan
from controller.core.decision.slots import slot_numbered
from controller.core.decision.task import LiveTask

Enter = Callable[[Iterable[LiveTask]], None]
"""Enters the tasks of an answer into the ledger, at once."""
FindObjection = Callable[[], str | None]
"""Returns what speaks against a launch since it was decided, as a sentence; None: nothing does."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What tasks of a kind run."""

    definition: str
    """The ARN of a revision."""
    worker: str
    """The container that does the work."""


@dataclass(frozen=True, slots=True)
class Order:
    """One launch to carry out."""

    spec: ScalerSpec
    slot: int
    plan: Plan
    runs: Mapping[Kind, Ran]
    """What to run, by the kind of a task."""
    enter: Enter
    find_objection: FindObjection

    @property
    def last_send(self) -> float:
        """The last moment at which a call may leave, seconds since the epoch."""
        return slot_numbered(self.spec.policy.slots, self.slot).last_send
