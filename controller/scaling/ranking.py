"""A ranking: names in an order that is kept, so that neither a look at the first nor a change of one sorts them all."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

Rank = tuple[float, float, str]
"""The first is the lowest; its last part is the name, which tells equals apart."""


class Ranking:
    """Names by their ranks. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._ranks: list[Rank] = []
        self._rank_of: dict[str, Rank] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the names, the first first; nothing may be put meanwhile."""
        return (name for _, _, name in self._ranks)

    def __len__(self) -> int:
        return len(self._ranks)

    def put(self, name: str, rank: Rank | None) -> None:
        """Give a name its rank; None: it is ranked no more."""
        before = self._rank_of.get(name)
        if before == rank:
            return
        if before is not None:
            del self._ranks[bisect_left(self._ranks, before)], self._rank_of[name]
        if rank is not None:
            insort(self._ranks, rank)
            self._rank_of[name] = rank
