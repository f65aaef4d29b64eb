"""How much memory a controller holds, and by how much that grows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
MAX_GROWTH = 5 * MEBIBYTE
"""How much more memory a controller may hold at the end of a soak than after it has settled, bytes."""


def read_resident(pid: int) -> int | None:
    """Return the memory that a process holds (VmRSS), bytes; None if it has ended or there is no ``/proc``."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return None


@dataclass(slots=True)
class MemoryUse:
    """The memory that a process holds in the course of a run."""

    settles_at: float
    """When the process has settled, and from when on growth counts, seconds after the start."""
    settled: int | None = None
    """The memory at that time, bytes; None before it, or if it is not known."""
    last: int | None = None
    """The memory at the last look, bytes; None if it is not known."""

    def record(self, elapsed: float, held: int | None) -> None:
        """Record the memory held ``elapsed`` seconds after the start, bytes; None if it is not known."""
        if held is None or elapsed < self.settles_at:
            return
        if self.settled is None:
            self.settled = held
        self.last = held

    @property
    def growth(self) -> int | None:
        """How much more memory it held at the last look than when it had settled, bytes; None if that is not known."""
        return None if self.settled is None or self.last is None else self.last - self.settled
