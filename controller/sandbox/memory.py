"""How much memory a controller holds, and whether that grows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
MAX_GROWTH = 5 * MEBIBYTE
"""How much more a controller may hold at the end of a soak than when it had settled, bytes."""


def resident(pid: int) -> int | None:
    """Return the bytes of memory that a process holds (VmRSS); None where no ``/proc`` tells."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return None


@dataclass(slots=True)
class MemoryUse:
    """What a process holds, as it was seen in a run."""

    settles_at: float
    """From when on its growth counts, seconds after the start."""
    settled: int | None = None
    """Bytes at that time; None before it, or if nobody could tell."""
    last: int | None = None
    """Bytes when it was last looked at."""

    def saw(self, elapsed: float, held: int | None) -> None:
        """Take in what it holds, ``elapsed`` seconds after the start."""
        if held is None or elapsed < self.settles_at:
            return
        if self.settled is None:
            self.settled = held
        self.last = held

    @property
    def growth(self) -> int | None:
        """Bytes more at the last look than at first; None if that is not known."""
        return None if self.settled is None or self.last is None else self.last - self.settled
