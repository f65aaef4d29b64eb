"""``/history``: what was kept of one scaler, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from controller.core.moments import parse_moment
from controller.telemetry.history import LIMIT
from controller.telemetry.marks import Mark
from controller.telemetry.past import COUNTS, Past, Point

BAD_SINCE = "since is neither seconds since the epoch nor a time of ISO 8601, as 1764150000 or 2026-11-26T09:40:00Z"
FORMATS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_COLUMNS = ("at", "time", "seconds", *(f"{name}{part}" for name in COUNTS for part in ("", "_least", "_most")))


def read_since(text: str) -> float:
    """Return the moment that an address names, seconds since the epoch. Raises ValueError, which says what to write."""
    # In an address a plus stands for a space, so a zone that nobody has written as %2B01:00 comes with one.
    for form in (text, "+".join(text.rsplit(" ", 1))):
        try:
            return parse_moment(form)
        except ValueError:
            continue
    raise ValueError(BAD_SINCE)


def write_json(scaler: str, past: Past, since: float, now: float) -> str:
    """Return it as JSON; times are seconds since the epoch, null is unknown."""
    document = {
        "scaler": scaler,
        "now": now,
        "since": since,
        "began": past.began,
        "polls_from": past.polls_from,
        "minutes_from": past.minutes_from,
        "cut": past.cut,
        "note": describe_reach(past),
        "events": [{"at": at, "event": event.value} for at, event in past.events],
        "points": [dict(_list_values(point)) for point in past.points],
    }
    return json.dumps(document, separators=(",", ":"))


def write_csv(past: Past) -> str:
    """Return it as a table, with a row for each event of the whole controller; what is unknown is empty."""
    written = io.StringIO()
    table = csv.DictWriter(written, [*_COLUMNS, "live_most", "reason", "event"], restval="", lineterminator="\r\n")
    table.writeheader()
    rows = [{"at": at, "time": _write_time(at), "event": event.value} for at, event in past.events]
    rows += [{name: value for name, value in _list_values(point) if value is not None} for point in past.points]
    table.writerows(sorted(rows, key=itemgetter("at")))
    return written.getvalue()


def describe_reach(past: Past) -> str:
    """Say how far back what is kept reaches, and why."""
    polls, minutes = _write_time(past.polls_from), _write_time(past.minutes_from)
    reach = f"every poll since {polls}"
    if past.minutes_from < past.polls_from:
        reach += f", minutes since {minutes}"
    if past.cut:
        return f"{reach}: less than 2 h and 24 h, since all scalers share {LIMIT // 1_000_000} MB"
    return f"{reach}; the process began at {_write_time(past.began)}, and its history with it"


def _list_values(point: Point) -> Iterator[tuple[str, Any]]:
    yield "at", point.at
    yield "time", _write_time(point.at)
    yield "seconds", point.seconds
    for name in COUNTS:
        count = getattr(point, name)
        yield name, count.last
        yield f"{name}_least", count.least
        yield f"{name}_most", count.most
    yield "live_most", point.live
    yield "reason", point.reason
    yield "event", _name(point.marks)


def _name(marks: Mark) -> str | None:
    return " ".join(mark.name.lower() for mark in marks if mark.name) or None


def _write_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
