"""Counts: arrivals from what somebody has seen of a queue: a daemon's log, its ``/status``, Prometheus, CloudWatch.

Counts tell what is there, not what has come. Between two looks as many have come as there are more of, and as many as
have been done meanwhile; how many these are is in flight times the time between, over the time that a message takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from controller.core.moments import parse_moment
from controller.simulate.traces import TraceError, require_few, require_short, spread_out
from controller.simulate.world import Arrival

TRUSTED = 120.0
"""Seconds for which two looks tell what was in flight between them. A log has the decisions that tell something new,
and what is in flight at both ends of an hour says nothing of the hour."""


class Count(NamedTuple):
    """What a queue was seen to hold."""

    at: float
    visible: float
    in_flight: float


class Metered(NamedTuple):
    """What CloudWatch has counted in a period that begins ``at``."""

    at: float
    sent: float
    deleted: float
    in_flight: float
    """On the average."""


def infer_arrivals(counts: Iterable[Count], work: float) -> list[Arrival]:
    """Return the arrivals that explain counts, if a message takes ``work`` seconds on the average.

    What was there at the first look comes with it. Messages that came and were done between two looks, and were in
    flight at neither, cannot be told. Raises TraceError for more messages, or time, than a simulation takes.
    """
    looks = sorted(counts)
    if not looks:
        return []
    require_short(looks[0].at, looks[-1].at, "the counts")
    owed = 0.0
    arrivals = [Arrival(looks[0].at, round(looks[0].visible + looks[0].in_flight))]
    steps: list[tuple[float, int]] = []
    for before, after in pairwise(looks):
        more = after.visible + after.in_flight - before.visible - before.in_flight
        known_for = min(after.at - before.at, TRUSTED)
        done = (before.in_flight + after.in_flight) / 2 * known_for / work if work else 0.0
        owed += more + done
        came = max(0, round(owed))
        owed -= came
        # What was done sooner than the average is not owed by those who come later.
        owed = max(owed, -1.0)
        steps.append((before.at, came))
    steps.append((looks[-1].at, 0))
    require_few(sum(came for _, came in steps) + arrivals[0].messages, "the counts")
    return [arrival for arrival in (*arrivals, *spread_out(steps, 0.0)) if arrival.messages]


def read_log(path: Path, scaler: str) -> list[Count]:
    """Return the counts of a scaler in a daemon's log of JSON lines; other lines are passed over. Raises TraceError."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            read = (_read_line(line, scaler, path, number) for number, line in enumerate(lines, 1))
            found = [count for count in read if count is not None]
    except OSError as error:
        raise TraceError([f"{path}: cannot be read: {error.strerror}"]) from error
    if not found:
        raise TraceError(
            [f"{path}: no decision of scaler {scaler} is in it: the daemon must log JSON (log.format: json)"]
        )
    return found


def _read_line(line: str, scaler: str, path: Path, number: int) -> Count | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("event") != "decision" or event.get("scaler") != scaler:
        return None
    return _pick(event, lambda name: f"{path}:{number}:{line.find(json.dumps(name)) + 1}")


def read_status(status: Mapping[str, Any], scaler: str) -> list[Count]:
    """Return the counts of a scaler's decisions in ``/status``. Raises TraceError when there are none."""
    try:
        decisions = {each["name"]: each["decisions"] for each in status["scalers"]}
        found = [_pick(decision, lambda _: "/status") for decision in decisions.get(scaler, ())]
    except (KeyError, TypeError, AttributeError) as error:
        raise TraceError(["what answers there is not ecsq, or another version of it"]) from error
    if scaler not in decisions:
        raise TraceError([f"that daemon runs no scaler {scaler}; it runs: {', '.join(sorted(decisions)) or 'none'}"])
    counts = [count for count in found if count is not None]
    if not counts:
        raise TraceError([f"that daemon has not seen the queue of scaler {scaler} yet"])
    return counts


def read_prometheus(answer: Mapping[str, Any]) -> list[Count]:
    """Return the counts of a range query for ``ecsq_queue_messages`` of one scaler. Raises TraceError."""
    try:
        series = {each["metric"]["state"]: each["values"] for each in answer["data"]["result"]}
        visible, in_flight = (
            {float(at): _read_number(value) for at, value in series.get(state, ())}
            for state in ("visible", "in_flight")
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(["what answers there is not Prometheus, or not with ecsq_queue_messages"]) from error
    if not visible:
        raise TraceError(["Prometheus has no ecsq_queue_messages of this scaler in that time"])
    return [Count(at, waiting, in_flight.get(at, 0.0)) for at, waiting in sorted(visible.items())]


def estimate_work(metered: Iterable[Metered], period: float) -> float | None:
    """Return the seconds that a message takes, by Little's law: in flight times time, over what was deleted.

    None: nothing was deleted, or nothing was in flight. No work takes no time: a worker that deletes its message as it
    takes it leaves none in flight while it works.
    """
    meters = list(metered)
    deleted, in_flight = sum(each.deleted for each in meters), sum(each.in_flight for each in meters)
    return in_flight * period / deleted if deleted and in_flight else None


def spread_metered(metered: Iterable[Metered], period: float) -> list[Arrival]:
    """Return the arrivals of what was sent in each period, evenly over it; periods may be missing.

    Raises TraceError for more messages than a simulation takes.
    """
    metered = sorted(metered)
    require_few(sum(each.sent for each in metered), "CloudWatch")
    return [
        Arrival(each.at + period * (number + 0.5) / each.sent) for each in metered for number in range(round(each.sent))
    ]


def _pick(told: Mapping[str, Any], find_place: Callable[[str], str]) -> Count | None:
    """Return what a decision saw of its queue; None: nothing.

    Raises TraceError for what is no time or no count, with the place of the key, as ``find_place`` tells it.
    """
    if any(told.get(name) is None for name in _READERS):
        return None
    values = []
    for name, read in _READERS.items():
        try:
            values.append(read(told[name]))
        except (TypeError, ValueError) as error:
            raise TraceError([f"{find_place(name)}: {name} cannot be {told[name]!r}"]) from error
    return Count(*values)


def _read_number(value: Any) -> float:
    """Return a number of messages. Raises TypeError and ValueError for what is none."""
    number = float(value)
    if not 0 <= number < inf:
        raise ValueError(f"{value!r} is no number of messages")
    return number


_READERS: Mapping[str, Callable[[Any], float]] = {
    "at": lambda value: parse_moment(str(value)),
    "visible": _read_number,
    "in_flight": _read_number,
}
"""The keys of a decision that tell what its queue held, in the order of ``Count``, and how each is read."""
