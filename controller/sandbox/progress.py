"""The state of a run as a view shows it, and the text of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.decision.model import Outcome
from controller.core.words import format_count

RECENT_LAUNCHES = 4
"""How many launches are shown."""


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """The state of one queue and its containers, and the last decision of its scaler."""

    name: str
    visible: int = 0
    in_flight: int = 0
    running: int = 0
    """Worker containers that are running."""
    starting: int = 0
    """Worker containers that are not running yet."""
    tasks: int = 0
    """Live tasks."""
    sent: int = 0
    done: int = 0
    decision: str = ""
    """The last decision in words; empty if it is not known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of the whole sandbox at one moment."""

    elapsed: float
    """Seconds since the start."""
    duration: float
    """How long the run should take, seconds."""
    phase: str
    """In words: the run does this, or waits for this."""
    queues: tuple[QueueProgress, ...] = ()
    launches: tuple[str, ...] = ()
    """A line for each of the last launches, oldest first."""
    disruptions: tuple[str, ...] = ()
    """A line for each of the last disruptions of a controller, oldest first."""


def format_elapsed(seconds: float) -> str:
    """Return the time since the start of a run as ``MM:SS``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"


def format_queue(queue: QueueProgress) -> str:
    """Return the state of a queue as one line."""
    return (
        f"{queue.name}: {queue.visible} visible, {queue.in_flight} in flight; "
        f"{queue.running} running, {queue.starting} starting in {format_count(queue.tasks, 'task')}; "
        f"{queue.done} of {queue.sent} done"
    )


def read_decisions(status: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the last decision of every scaler in words, from the daemon's ``/status``; empty if that is None."""
    return {
        scaler["name"]: scaler["problem"] or (scaler["last_decision"] or {}).get("text", "")
        for scaler in (status or {}).get("scalers", ())
    }


def read_launches(status: Mapping[str, Any] | None, *, began: float) -> tuple[str, ...]:
    """Return a line for each of the last launches, oldest first, from the daemon's ``/status``; empty if that is None.

    ``began`` is when the run started, seconds since the epoch.
    """
    records = [
        record
        for scaler in (status or {}).get("scalers", ())
        for record in scaler["decisions"]
        if record["outcome"] is not None
    ]
    records.sort(key=lambda record: record["at"])
    return tuple(_format_launch(record, began) for record in records[-RECENT_LAUNCHES:])


def _format_launch(record: Mapping[str, Any], began: float) -> str:
    outcome, launched = record["outcome"].replace("_", " "), record["launched_containers"]
    if launched and record["outcome"] != Outcome.IN_DOUBT:
        plan = ", ".join(f"{call['tasks']} x {call['containers']}" for call in record["plan"])
        what = f"{outcome} {launched} ({plan})"
    else:
        what = f"launch of {record['launch']} {outcome}" + (f" after {launched}" if launched else "")
    error = (record["error"] or "").removeprefix(f"scaler {record['scaler']}: ")
    return f"{format_elapsed(record['at'] - began)} {record['scaler']}: {what}{error and f': {error}'}"
