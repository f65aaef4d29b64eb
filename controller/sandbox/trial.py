"""The result of a run under chaos."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.core.words import format_count
from controller.sandbox.aws import METADATA
from controller.sandbox.disruptions import Blow
from controller.sandbox.memory import MAX_GROWTH, MEBIBYTE, MemoryUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Row = tuple[str, tuple[object, ...]]
"""A row of the summary: its title and its cells."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The disturbances of a run, and the promises that the controllers kept."""

    hits: Mapping[tuple[str, str], int]
    """How many calls were hit, by (service, kind of disturbance)."""
    blows: Mapping[Blow, int]
    """How often each blow hit a controller process."""
    above_max: Mapping[str, int]
    """The most live containers beyond ``max_containers`` at any moment, by scaler."""
    beyond_plans: Mapping[str, int]
    """How many tasks were started beyond the largest plan of their slot, by scaler."""
    memory: MemoryUse | None = None
    """The memory of the first controller; None unless it was a soak."""

    @property
    def problems(self) -> Iterator[str]:
        """Sentences that say which promises the controllers broke; none if they kept all."""
        for scaler, above in self.above_max.items():
            if above:
                containers = format_count(above, "live container")
                yield f"Scaler {scaler} had {containers} more than its max_containers allows."
        for scaler, beyond in self.beyond_plans.items():
            if beyond:
                yield f"Scaler {scaler} launched {format_count(beyond, 'task')} beyond the largest plan of a slot."
        growth = self.memory.growth if self.memory else None
        if growth is not None and growth > MAX_GROWTH:
            yield f"The controller holds {_format_mebibytes(growth)} more memory than at first: it may hold 5 MiB more."

    def to_rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        of_controllers: Counter[str] = Counter()
        for (service, kind), number in self.hits.items():
            if service != METADATA:
                of_controllers[kind] += number
        yield "faults in the controller's calls", (of_controllers.total(),)
        for kind, number in sorted(of_controllers.items(), key=lambda item: (-item[1], item[0])):
            yield f"  {kind.replace('_', ' ')}", (number,)
        killed_in_launch, restarted = self.blows.get(Blow.KILLED_IN_A_LAUNCH, 0), self.blows.get(Blow.RESTARTED, 0)
        yield "controller kills (SIGKILL)", (self.blows.get(Blow.KILLED, 0) + killed_in_launch,)
        yield "  in the middle of a launch", (killed_in_launch,)
        yield "controller restarts (SIGTERM)", (restarted,)
        yield "containers above max, at worst", (*self.above_max.values(), max(self.above_max.values(), default=0))
        yield "tasks launched beyond plans", (*self.beyond_plans.values(), sum(self.beyond_plans.values()))
        if self.memory:
            yield from self._to_memory_rows(self.memory)

    def _to_memory_rows(self, memory: MemoryUse) -> Iterator[Row]:
        if memory.settled is None or memory.last is None:
            yield "controller memory", ("not known",)
            return
        yield f"controller memory after {memory.settles_at:.0f} s", (_format_mebibytes(memory.settled),)
        yield "  at the end", (_format_mebibytes(memory.last),)


def _format_mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.1f} MiB"
