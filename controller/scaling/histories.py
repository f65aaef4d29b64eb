"""Histories: of which families it was read how their tasks ended before, and for which scalers.

A family is read once for all scalers that are there. For one that comes later it is read again, for that one alone:
the others have heeded what it tells, and would count it twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock


class Histories:
    """The histories of one cluster that were read. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._read: set[str] = set()
        self._newcomers: dict[str, set[str]] = {}
        """By family: the scalers that have come since it was read."""

    def is_read(self, family: str) -> bool:
        """Say whether a family's history was read for all scalers that are there."""
        return family in self._read

    def greet(self, scaler: str, families: Iterable[str]) -> None:
        """Have those of a scaler's families that were read before read for it as well."""
        with self._lock:
            for family in families:
                if family in self._read or family in self._newcomers:
                    self._read.discard(family)
                    self._newcomers.setdefault(family, set()).add(scaler)

    def newcomers_of(self, family: str) -> frozenset[str]:
        """Return for whom alone a family's history is to be read; empty: for all."""
        with self._lock:
            return frozenset(self._newcomers.get(family, ()))

    def note_read(self, family: str, newcomers: frozenset[str]) -> None:
        """Note that a family's history was read for these newcomers, or for all; others may have come meanwhile."""
        with self._lock:
            if left := self._newcomers.pop(family, set()) - newcomers:
                self._newcomers[family] = left
            else:
                self._read.add(family)
