"""The pool: threads that reconcile, each for as long as its reconcile does not wait.

A reconcile that waits, for a look at its cluster or before a call of its launch, is put back and takes no thread; once
that has come it goes on in whatever thread is free.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import structlog

from controller.daemon.progress import Progress
from controller.scaling.line import Pause
from controller.scaling.lister import Listers
from controller.scaling.reconcile import Steps, Wait

WORKERS = 32
"""Threads. They wait for AWS's answers most of the time."""

Ended = Callable[[float | None], None]
"""Is told of the end of a reconcile, and of when to look again, seconds since the epoch; None: at the next poll."""


class Pool:
    """The reconciles under way, at most one of each scaler."""

    def __init__(
        self, listers: Listers, progress: Progress, call_later: Callable[[float, Callable[[], None]], None]
    ) -> None:
        """``call_later`` calls something in so many seconds, and returns at once."""
        self._listers = listers
        self._progress = progress
        self._call_later = call_later
        self._threads = ThreadPoolExecutor(WORKERS, "reconcile")
        self._put_back: set[Steps] = set()
        """The reconciles that have begun and wait: for what they asked for, or then for a thread."""
        self._stopping = False

    def run(self, scaler: str, steps: Steps, ended: Ended) -> None:
        """Let a reconcile begin, or go on, as soon as a thread is free."""
        self._progress.note_waiting(scaler)
        with suppress(RuntimeError):  # Shut down: a stop may come at any moment.
            self._threads.submit(self._go_on, scaler, steps, ended)

    def stop(self) -> None:
        """Begin nothing more, wait for what is under way, and let what was put back record how far it has come."""
        self._stopping = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        for steps in list(self._put_back):
            with suppress(StopIteration):
                next(steps)
            steps.close()

    def _go_on(self, scaler: str, steps: Steps, ended: Ended) -> None:
        """Take the next step of a reconcile: to its end, or to what it waits for."""
        self._progress.note_begin(scaler)
        look_again_at = None
        try:
            if not self._stopping:
                self._put_back.discard(steps)
                wait = next(steps)
                self._put_back.add(steps)
                self._progress.note_end(scaler)
                self._wait(wait, partial(self.run, scaler, steps, ended))
                return
        except StopIteration as end:
            look_again_at = end.value
        except Exception:  # noqa: BLE001 - one scaler must not end the polls of the others
            # It records its own faults; this one broke the record itself.
            structlog.get_logger().exception("reconcile broke", scaler=scaler)
            self._put_back.discard(steps)
            steps.close()
        self._progress.note_end(scaler)
        ended(look_again_at)

    def _wait(self, wait: Wait, go_on: Callable[[], None]) -> None:
        if isinstance(wait, Pause):
            self._call_later(wait.seconds, go_on)
        else:
            self._listers.ask(wait, go_on)
