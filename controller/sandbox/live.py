"""The view of a run: a picture that is redrawn on a terminal, and plain lines anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controller.sandbox.progress import QueueProgress, format_elapsed, format_queue

if TYPE_CHECKING:
    from rich.console import RenderableType

    from controller.sandbox.progress import Progress

MIN_LINE_INTERVAL = 3.0
"""The shortest time between two plain lines about one queue, seconds."""
MIN_TABLE_WIDTH = 62
"""The columns that the table needs. On a narrower terminal, lines take its place."""
EVENTS_KEPT = 50
"""How many of the last lines about launches and disruptions are remembered, so that they are printed only once."""
MAX_BAR_WIDTH = 56
"""The largest width of a bar, columns."""


class View(Protocol):
    """Shows a run, as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, progress: Progress) -> None:
        """Show the present state of the run."""


def choose_view(console: Console) -> View:
    """Return the view for ``console``: live on a terminal that can move its cursor, and else plain."""
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(console)


class PlainView:
    """Prints the numbers and the last decision of queues that have changed, every few seconds, and every launch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, tuple[str, float]] = {}
        self._events: tuple[str, ...] = ()
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, progress: Progress) -> None:
        """Print what is new since the last lines."""
        at = format_elapsed(progress.elapsed)
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._print(f"{at} {progress.phase}")
        # While the controller does not answer, its launches are missing; printed again, they would look like new ones.
        news = sorted({*progress.disruptions, *progress.launches}.difference(self._events))
        for event in news:
            self._print(event)
        self._events = (*self._events, *news)[-EVENTS_KEPT:]
        for queue in progress.queues:
            self._show_queue(queue, progress.elapsed)

    def _show_queue(self, queue: QueueProgress, elapsed: float) -> None:
        line = format_queue(queue)
        last_line, last_at = self._said.get(queue.name, (format_queue(QueueProgress(queue.name)), float("-inf")))
        if line != last_line and elapsed >= last_at + MIN_LINE_INTERVAL:
            self._said[queue.name] = line, elapsed
            self._print(f"{format_elapsed(elapsed)} {line}")
            if queue.decision:
                self._print(f"      {queue.decision}")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class LiveView:
    """Redraws a picture in its place, and leaves the last one there at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, progress: Progress) -> None:
        """Redraw the picture."""
        self._live.update(draw(progress, self._console.width), refresh=True)


def draw(progress: Progress, width: int) -> RenderableType:
    """Return the picture of ``progress`` for a terminal of ``width`` columns."""
    heading = Text(f"{format_elapsed(progress.elapsed)} of {format_elapsed(progress.duration)}  ", style="bold")
    heading.append(progress.phase, style="not bold")
    parts: list[RenderableType] = [heading]
    if width < MIN_TABLE_WIDTH:
        parts += [Text(), *(Text(format_queue(queue)) for queue in progress.queues)]
    else:
        bars = [bar for queue in progress.queues for bar in _draw_bars(queue, width)]
        parts += [_draw_table(progress), *bars, _draw_legend()]
    parts += [Text(), *(_draw_decision(queue) for queue in progress.queues if queue.decision)]
    if progress.launches:
        parts += [Text(), Text("last launches (tasks x containers)", style="bold")]
        parts += [Text(f"  {launch}", overflow="ellipsis", no_wrap=True) for launch in progress.launches]
    parts += [Text(disruption, style="red") for disruption in progress.disruptions]
    return Group(*parts)


def _draw_table(progress: Progress) -> Table:
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


def _draw_bars(queue: QueueProgress, width: int) -> list[Text]:
    """Draw the backlog above the containers, with one column for each message and each container.

    States differ by their signs as well as by their colours, for terminals and eyes without colour.
    """
    room = min(MAX_BAR_WIDTH, width - 21)
    messages = Text(f"{queue.name:<8} messages    ", no_wrap=True, overflow="crop")
    messages.append("#" * min(queue.in_flight, room), style="green")
    messages.append("." * min(queue.visible, max(0, room - queue.in_flight)), style="yellow")
    containers = Text(" " * 9 + "containers  ", no_wrap=True, overflow="crop")
    containers.append("#" * min(queue.running, room), style="green")
    containers.append("+" * min(queue.starting, max(0, room - queue.running)), style="yellow")
    return [messages, containers]


def _draw_legend() -> Text:
    return Text(" " * 21 + "# at work   . waiting   + starting", style="dim")


def _draw_decision(queue: QueueProgress) -> Text:
    text = Text(f"{queue.name}: ", style="bold")
    return text.append(queue.decision, style="not bold")
