"""What a run under chaos is judged by."""

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
"""A title, and the cells beside it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was broken, and what the controllers made of it."""

    injected: Mapping[tuple[str, str], int]
    """Calls that were hit, by their service and the kind of fault."""
    blows: Mapping[Blow, int]
    """What was done to a controller process."""
    above_max: Mapping[str, int]
    """By how many containers each scaler's live ones ever exceeded its maximum, at worst."""
    beyond_plans: Mapping[str, int]
    """Tasks of each scaler that were started beyond the largest plan of their slot."""
    memory: MemoryUse | None = None
    """What the first controller held; None if nobody asked."""

    @property
    def problems(self) -> Iterator[str]:
        """Why the controllers have failed, in sentences; none if they have not."""
        for scaler, above in self.above_max.items():
            if above:
                containers = format_count(above, "live container")
                yield f"Scaler {scaler} had {containers} more than its max_containers allows."
        for scaler, beyond in self.beyond_plans.items():
            if beyond:
                yield f"Scaler {scaler} launched {format_count(beyond, 'task')} beyond the largest plan of a slot."
        growth = self.memory.growth if self.memory else None
        if growth is not None and growth > MAX_GROWTH:
            yield f"The controller holds {_mebibytes(growth)} more memory than at first: it may hold 5 MiB more."

    def rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        of_controllers: Counter[str] = Counter()
        for (service, kind), number in self.injected.items():
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
            yield from self._memory_rows(self.memory)

    def _memory_rows(self, memory: MemoryUse) -> Iterator[Row]:
        if memory.settled is None or memory.last is None:
            yield "controller memory", ("not known",)
            return
        yield f"controller memory after {memory.settles_at:.0f} s", (_mebibytes(memory.settled),)
        yield "  at the end", (_mebibytes(memory.last),)


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.1f} MiB"
