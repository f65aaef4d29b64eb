"""Several queues of one scaler: their counts are added up, and each is told by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from controller.core.decision.model import QueueCounts
from controller.core.frozen import frozen
from controller.core.words import format_count

TOLD = 10
"""Queues that a line names; of more, those with the most messages."""


Part = tuple[str, QueueCounts]
"""One of several queues: its name, and what it holds."""


@frozen
class SummedCounts(QueueCounts):
    """The counts of several queues together, messages; those of one alone are plain, which most polls are of."""

    parts: tuple[Part, ...]
    """What each of them holds, in their order."""


def add_up(parts: Iterable[Part]) -> SummedCounts:
    """Return the counts of all queues together, with what each of them holds by its name."""
    parts = tuple(parts)
    return SummedCounts(
        visible=sum(counts.visible for _, counts in parts),
        in_flight=sum(counts.in_flight for _, counts in parts),
        delayed=sum(counts.delayed for _, counts in parts),
        parts=parts,
    )


def explain_parts(parts: Sequence[Part]) -> str:
    """Return in a line what each of several queues holds; of very many, the fullest by name and the rest together."""
    if not parts:
        return "there is none now"
    if len(parts) > TOLD:
        parts = sorted(parts, key=lambda part: -_measure(part[1]))
    told = [f"{name} {_tell(part)}" for name, part in parts[:TOLD]]
    if rest := parts[TOLD:]:
        told.append(f"{format_count(len(rest), 'other')} {_tell(add_up(rest))}")
    return f"{format_count(len(parts), 'queue')}: {'; '.join(told)}"


def tell_parts(counts: QueueCounts | None) -> list[dict[str, Any]] | None:
    """Return what each of several queues holds as plain data; None: there is one, or they are unknown."""
    if not isinstance(counts, SummedCounts):
        return None
    return [
        {"name": name, "visible": part.visible, "in_flight": part.in_flight, "delayed": part.delayed}
        for name, part in counts.parts
    ]


def _measure(counts: QueueCounts) -> int:
    return counts.visible + counts.in_flight + counts.delayed


def _tell(counts: QueueCounts) -> str:
    """Return the counts in words, without those that are 0 beside the visible ones."""
    others = ((counts.in_flight, "in flight"), (counts.delayed, "delayed"))
    return " + ".join([f"{counts.visible} visible", *(f"{count} {state}" for count, state in others if count)])
