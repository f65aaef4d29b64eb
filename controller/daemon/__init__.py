"""The daemon around the reconciles: wiring, schedule, reload, and what is served over HTTP."""

from __future__ import annotations

import sys


def _import_structlog_without_rich() -> None:
    """Import structlog as it is where rich is not installed, unless one of them is there already.

    structlog imports rich wherever it can, for tracebacks that the log draws plainly; the other commands draw tables
    with it. It takes five megabytes of every daemon.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # Python's own mark of a module that cannot be imported
    try:
        import structlog  # noqa: F401, PLC0415 - for all who import it from here on
    finally:
        del sys.modules["rich"]


_import_structlog_without_rich()
