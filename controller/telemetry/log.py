"""Log events: one a decision, with its whole record; a hold that repeats itself is logged once and then counted."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

from controller.config import LogSpec
from controller.core.decision.model import Outcome
from controller.core.record import Reconciled, record

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WENT_WELL = frozenset({Outcome.LAUNCHED, Outcome.DRY_RUN})


def configure(spec: LogSpec) -> None:
    """Set level and format: coloured text, or a JSON object a line, on standard error.

    What libraries log goes the same way, from warnings on. May be called again: a reload can change both.
    """
    text = spec.format == "text" or (spec.format == "auto" and sys.stderr.isatty())
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    only_ours = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=stamped, processors=[only_ours, *rendered])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries], force=True)


def report_decision(done: Reconciled, previous: Reconciled | None) -> None:
    """Log one decision, and how often the one before it had repeated itself.

    Whoever reads along finds first which scaler it is, and what was decided in a sentence.
    """
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


def report_breakage(scaler: str) -> None:
    """Log a reconcile that ended in an error of our own, with its traceback."""
    structlog.get_logger().exception("reconcile broke", scaler=scaler)
