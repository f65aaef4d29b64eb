"""The view of a run: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controller.sandbox.progress import QueueProgress, clock, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from controller.sandbox.progress import Progress

LINE_EVERY = 3.0
"""The least time between two plain lines about one queue, seconds."""
NARROW = 62
"""Below so many columns the table does not fit and plain lines take its place."""
EVENTS_KEPT = 50
"""Lines about launches and disruptions that are not printed a second time."""
BAR = 56
"""The most columns of a bar."""


class View(Protocol):
    """Shows a run while the context lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, progress: Progress) -> None:
        """Show this moment."""


def view_for(console: Console) -> View:
    """Return the view that suits ``console``: live on a terminal that can move its cursor."""
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(console)


class PlainView:
    """For every queue that has changed, every few seconds, its numbers and its last decision; and every launch."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._said: dict[str, tuple[str, float]] = {}
        self._events: tuple[str, ...] = ()
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, progress: Progress) -> None:
        """Print what is new since the last lines."""
        at = clock(progress.elapsed)
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._print(f"{at} {progress.phase}")
        # A controller that does not answer for a moment tells of no launch; told twice it would seem to be another.
        news = sorted({*progress.disruptions, *progress.launches}.difference(self._events))
        for event in news:
            self._print(event)
        self._events = (*self._events, *news)[-EVENTS_KEPT:]
        for queue in progress.queues:
            self._show_queue(at, queue)

    def _show_queue(self, at: str, queue: QueueProgress) -> None:
        text, said_at = self._said.get(queue.name, (line(QueueProgress(queue.name)), float("-inf")))
        if line(queue) != text and self._now() >= said_at + LINE_EVERY:
            self._said[queue.name] = (line(queue), self._now())
            self._print(f"{at} {line(queue)}")
            if queue.decision:
                self._print(f"      {queue.decision}")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class LiveView:
    """A picture that is drawn again in its place, and left there at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, progress: Progress) -> None:
        """Draw this moment."""
        self._live.update(picture(progress, self._console.width), refresh=True)


def picture(progress: Progress, width: int) -> RenderableType:
    """Return ``progress`` drawn for a terminal of ``width`` columns."""
    heading = Text(f"{clock(progress.elapsed)} of {clock(progress.duration)}  ", style="bold")
    heading.append(progress.phase, style="not bold")
    parts: list[RenderableType] = [heading]
    if width < NARROW:
        parts += [Text(), *(Text(line(queue)) for queue in progress.queues)]
    else:
        bars = [bar for queue in progress.queues for bar in _bars(queue, width)]
        parts += [_table(progress), *bars, _legend()]
    parts += [Text(), *(_decision(queue) for queue in progress.queues if queue.decision)]
    if progress.launches:
        parts += [Text(), Text("last launches (tasks x containers)", style="bold")]
        parts += [Text(f"  {launch}", overflow="ellipsis", no_wrap=True) for launch in progress.launches]
    parts += [Text(disruption, style="red") for disruption in progress.disruptions]
    return Group(*parts)


def _table(progress: Progress) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("scaler")
    for title in ("visible", "in flight", "running", "starting", "tasks", "done", "sent"):
        table.add_column(title, justify="right")
    for queue in progress.queues:
        numbers = (
            queue.visible,
            queue.in_flight,
            queue.running,
            queue.starting,
            queue.tasks,
            queue.done,
            queue.sent,
        )
        table.add_row(queue.name, *map(str, numbers))
    return table


def _bars(queue: QueueProgress, width: int) -> list[Text]:
    """Draw the backlog and the containers under each other: one column a message and a container.

    The signs differ too, for terminals and eyes without colour.
    """
    room = min(BAR, width - 21)
    messages = Text(f"{queue.name:<8} messages    ", no_wrap=True, overflow="crop")
    messages.append("#" * min(queue.in_flight, room), style="green")
    messages.append("." * min(queue.visible, max(0, room - queue.in_flight)), style="yellow")
    containers = Text(" " * 9 + "containers  ", no_wrap=True, overflow="crop")
    containers.append("#" * min(queue.running, room), style="green")
    containers.append("+" * min(queue.starting, max(0, room - queue.running)), style="yellow")
    return [messages, containers]


def _legend() -> Text:
    return Text(" " * 21 + "# at work   . waiting   + starting", style="dim")


def _decision(queue: QueueProgress) -> Text:
    text = Text(f"{queue.name}: ", style="bold")
    return text.append(queue.decision, style="not bold")
