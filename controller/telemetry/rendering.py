"""How log events are written: as a JSON object a line, or as a line of text that a person reads.

Nothing from outside goes to a terminal as it came, and a password in a URL goes nowhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from controller.core.printable import convert_texts, mask_user_info, show

_SECONDS = len("2026-11-27T08:40:00")
_SHOWN_OF_DECISIONS = ("timestamp", "level", "previous_repeated")


def choose_processors(*, text: bool) -> list[Processor]:
    """Return what turns an event, stamped with its time and level, into a line: of text, or of JSON."""
    common: list[Processor] = [structlog.processors.format_exc_info, _leave_out_unknown]
    if not text:
        return [*common, _mask, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=is_terminal(sys.stderr) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [*common, _tell_decisions, _make_safe, console]


def is_terminal(stream: TextIO | None) -> bool:
    """Say whether a person looks at a stream; None is one that was closed before the process began."""
    return stream is not None and stream.isatty()


def _leave_out_unknown(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Leave out what is None: it says nothing, and most of a hold's line would be made of it."""
    return {key: _drop_unknown(value) for key, value in event.items() if value is not None}


def _drop_unknown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _drop_unknown(inner) for key, inner in value.items() if inner is not None}
    return [_drop_unknown(inner) for inner in value] if isinstance(value, list | tuple) else value


def _tell_decisions(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Let a decision be its sentence, and any time the clock's: the numbers are in ``ecsq status``, and in JSON."""
    if "timestamp" in event:
        event["timestamp"] = f"{event['timestamp'][:_SECONDS]}Z"
    if event.get("event") != "decision" or "text" not in event:
        return event
    error = event.get("error")
    told = {key: event[key] for key in _SHOWN_OF_DECISIONS if key in event}
    told["event"] = f"{event['scaler']}: {event['text']}"
    if error is not None and error.removeprefix(f"scaler {event['scaler']}: ") not in event["text"]:
        told["error"] = error
    return told


def _mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {key: convert_texts(value, mask_user_info) for key, value in event.items()}


def _make_safe(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Make every text fit for a terminal; of a traceback every line, indented so that it cannot pass for an event."""
    exception = event.pop("exception", None)
    safe = {key: convert_texts(value, show) for key, value in event.items()}
    if exception is not None:
        safe["exception"] = "\n".join(f"  {show(line)}" for line in exception.split("\n"))
    return safe
