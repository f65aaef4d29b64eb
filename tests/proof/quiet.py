"""What the controllers of a proof may log: nothing; an error of the controller's own ends the schedule."""

from __future__ import annotations

import logging
import sys
from typing import Any, NoReturn

import structlog


def listen_for_broken_reconciles() -> None:
    """Drop what is logged below an error, and raise the error that a broken reconcile would only log."""
    structlog.configure(
        processors=[_raise],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )


def _raise(_logger: object, _method: str, event: Any) -> NoReturn:
    raise AssertionError(f"a reconcile broke: {event}") from sys.exc_info()[1]
