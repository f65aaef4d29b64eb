"""Log events: one a decision, with its whole record; a hold that repeats itself is logged once and then counted."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from typing import Any

import structlog
from structlog.typing import EventDict

from controller.config import LogSpec
from controller.core.decision.model import Outcome, Reason
from controller.core.record import Reconciled, record
from controller.telemetry.lines import LINES

SAID_WITHIN = 1.0
"""Seconds that the last lines get at the end."""
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WENT_WELL = frozenset({Outcome.LAUNCHED, Outcome.DRY_RUN})


def configure(spec: LogSpec) -> None:
    """Set level and format: coloured text, or a JSON object a line, on standard error.

    What libraries log goes the same way, from warnings on, and so do a thread's last words. May be called again: a
    reload can change level and format. Nothing that is logged ever waits or fails.
    """
    LINES.start()
    text = spec.format == "text" or (spec.format == "auto" and sys.stderr is not None and sys.stderr.isatty())
    stamped: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    rendered: list[Any] = (
        [
            _leave_out_unknown,
            structlog.dev.ConsoleRenderer(sort_keys=False, exception_formatter=structlog.dev.plain_traceback),
        ]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*stamped, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[spec.level]),
        logger_factory=structlog.WriteLoggerFactory(LINES),  # type: ignore[arg-type]  # of a file it only writes and flushes,
    )
    of_libraries = logging.StreamHandler(LINES)
    only_ours = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=stamped, processors=[only_ours, *rendered])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries], force=True)
    # Python would write each of these on standard error itself, and wait for whoever reads it.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    threading.excepthook = _report_thread


def finish() -> None:
    """Give the last lines a moment to be written."""
    LINES.drain(SAID_WITHIN)


class LostLines:
    """Says in the log that lines of it were lost."""

    def __init__(self) -> None:
        self._reported = 0

    def report(self) -> None:
        """Say how many more there are than last time, if there are."""
        lost = LINES.dropped - self._reported
        if lost:
            self._reported += lost
            structlog.get_logger().warning("log lines lost, nobody read them in time", lines=lost)


def _report_thread(ended: threading.ExceptHookArgs) -> None:
    """Log an error that ended a thread."""
    name = ended.thread.name if ended.thread else None
    kind, error, trace = ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback
    structlog.get_logger().error("thread broke", thread=name, exc_info=(kind, error, trace))


def report_decision(done: Reconciled, previous: Reconciled | None) -> None:
    """Log one decision, and how often the one before it had repeated itself.

    Whoever reads along finds first which scaler it is, and what was decided in a sentence. Of a reconcile that broke
    it is the traceback that tells what to mend: it is that of the exception that is handled now.
    """
    if done.decision.reason is Reason.BROKEN:
        structlog.get_logger().exception("reconcile broke", scaler=done.scaler, error=done.problem)
        return
    told = record(done)
    first = {key: told[key] for key in ("scaler", "reason", "text")}
    fields = first | {key: value for key, value in told.items() if key not in {"repeated", "since"}}
    # "level" is how grave an event is, to every log viewer there is.
    fields["scaler_level"] = fields.pop("level")
    if previous is not None and previous.repeated:
        fields["previous_repeated"] = previous.repeated
    log = structlog.get_logger()
    failed = done.problem is not None or (done.launch is not None and done.launch.outcome not in _WENT_WELL)
    (log.warning if failed else log.info)("decision", **fields)


def _leave_out_unknown(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Leave out what is None: a person misses nothing by it, and a program takes JSON, where every key stays."""
    return {key: value for key, value in event.items() if value is not None}


def report_template(scaler: str, warnings: Iterable[str]) -> None:
    """Log what deserves a second look in a template, an event each."""
    for warning in warnings:
        structlog.get_logger().warning("template", scaler=scaler, text=warning)


def report_contradiction(scaler: str, text: str) -> None:
    """Log that a queue's counts and what runs contradict each other, as a sentence."""
    structlog.get_logger().warning("counts contradict each other", scaler=scaler, text=text)
