"""How far something has come that takes long: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TypeVar

import click

from controller.cli.output import say
from controller.core.words import format_span

EVERY = 10.0
"""Seconds between two lines."""

Done = TypeVar("Done")


@dataclass(slots=True)
class _Course:
    label: str
    total: int
    done: int = 0


def follow(items: Iterable[Done], total: int, label: str, every: float = EVERY) -> Iterator[Done]:
    """Yield what is done as it is done, and show on standard error how far that has come.

    Off a terminal, such as in CI, one line each ``every`` seconds; none if all is done sooner.
    """
    if sys.stderr is None:
        yield from items
    elif sys.stderr.isatty():
        with click.progressbar(items, total, label, file=sys.stderr) as bar:
            yield from bar
    else:
        yield from _tell_of(items, _Course(label, total), every)


def _tell_of(items: Iterable[Done], course: _Course, every: float) -> Iterator[Done]:
    over = Event()
    # What takes long may take all of this thread.
    teller = Thread(target=_tell, args=(course, over, every), name="progress", daemon=True)
    teller.start()
    try:
        for item in items:
            course.done += 1
            yield item
    finally:
        over.set()
        teller.join()


def _tell(course: _Course, over: Event, every: float) -> None:
    passed = 0.0
    with suppress(OSError):  # Nobody reads it any more.
        while not over.wait(every):
            passed += every
            say([f"{course.label}: {course.done} of {course.total} done after {format_span(passed)}"], err=True)
