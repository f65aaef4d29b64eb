"""What a viewer of the sandbox sees at one moment, and the lines that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.decision.model import Outcome
from controller.core.words import format_count

RECENT_LAUNCHES = 4
"""How many launches are kept in view."""
RECENT_DISRUPTIONS = 2
"""How many disruptions are kept in view."""


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """One queue, its containers and its scaler's last decision."""

    name: str
    visible: int = 0
    in_flight: int = 0
    running: int = 0
    """Worker containers that run."""
    starting: int = 0
    """Worker containers that do not run yet."""
    tasks: int = 0
    """Live tasks."""
    sent: int = 0
    done: int = 0
    decision: str = ""
    """The last decision in words; empty if nobody tells."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The whole sandbox at one moment."""

    elapsed: float
    """Seconds since the start."""
    duration: float
    """Seconds that the run is meant to take."""
    phase: str
    """What is being done or waited for."""
    queues: tuple[QueueProgress, ...] = ()
    launches: tuple[str, ...] = ()
    """The last launches, oldest first."""
    disruptions: tuple[str, ...] = ()
    """What was done to the controller last, oldest first."""


def clock(seconds: float) -> str:
    """Return a time within a run as ``MM:SS``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"


def line(queue: QueueProgress) -> str:
    """Return a queue's moment as one line."""
    return (
        f"{queue.name}: {queue.visible} visible, {queue.in_flight} in flight; "
        f"{queue.running} running, {queue.starting} starting in {format_count(queue.tasks, 'task')}; "
        f"{queue.done} of {queue.sent} done"
    )


def decisions_of(status: Mapping[str, Any] | None) -> dict[str, str]:
    """Return every scaler's last decision in words, from the daemon's ``/status``."""
    return {
        scaler["name"]: scaler["problem"] or (scaler["last_decision"] or {}).get("text", "")
        for scaler in (status or {}).get("scalers", ())
    }


def launches_of(status: Mapping[str, Any] | None, *, began: float) -> tuple[str, ...]:
    """Return the last launches of all scalers, oldest first, from the daemon's ``/status``.

    ``began`` is the time of the sandbox's start, seconds since the epoch.
    """
    records = [
        record
        for scaler in (status or {}).get("scalers", ())
        for record in scaler["decisions"]
        if record["outcome"] is not None
    ]
    records.sort(key=lambda record: record["at"])
    return tuple(_launch(record, began) for record in records[-RECENT_LAUNCHES:])


def _launch(record: Mapping[str, Any], began: float) -> str:
    outcome, launched = record["outcome"].replace("_", " "), record["launched_containers"]
    if launched and record["outcome"] != Outcome.IN_DOUBT:
        plan = ", ".join(f"{call['tasks']} x {call['containers']}" for call in record["plan"])
        what = f"{outcome} {launched} ({plan})"
    else:
        what = f"launch of {record['launch']} {outcome}" + (f" after {launched}" if launched else "")
    error = (record["error"] or "").removeprefix(f"scaler {record['scaler']}: ")
    return f"{clock(record['at'] - began)} {record['scaler']}: {what}{error and f': {error}'}"
