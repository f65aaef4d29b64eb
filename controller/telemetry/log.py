"""The log: its level and form, and events that are no decision."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import structlog

from controller.config import LogSpec
from controller.telemetry.lines import LINES
from controller.telemetry.rendering import choose_processors, is_terminal

SAID_WITHIN = 1.0
"""Seconds that the last lines get at the end."""
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(spec: LogSpec) -> None:
    """Set level and format: coloured text, or a JSON object a line, on standard error.

    What libraries log goes the same way, from warnings on, and so do a thread's last words. May be called again: a
    reload can change level and format. Nothing that is logged ever waits or fails.
    """
    LINES.start()
    text = spec.format == "text" or (spec.format == "auto" and is_terminal(sys.stderr))
    stamped: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    rendered = choose_processors(text=text)
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


def report_unasked(missed: str, problem: str, do: str) -> None:
    """Log that CloudWatch could not be asked, what is not known now, and what helps; everything else goes on."""
    structlog.get_logger().warning(missed, problem=problem, do=do)


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
