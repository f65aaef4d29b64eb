"""The picture of hysteresis: which level a backlog asks for, where the level stands, and what would move it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import expm1, log1p

from controller.core.decision.demand import level_demand
from controller.core.decision.policy import PerContainer, Policy, Steps
from controller.core.words import format_count
from controller.daemon.pages.figures import draw_steps

WIDTH, HEIGHT = 540, 160
PARTS = 180
ROOM = 0.85
"""The part of the width in which marks stand; the axis is named behind them."""
FEW = 100
"""Messages up to which the axis has a mark at each power of two; beyond that at each of ten."""
MOST = 10_000_000
"""Messages beyond which nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Staircase:
    """The picture; paths and places in units of WIDTH and HEIGHT."""

    demand: str
    padded: str
    """The same for a backlog that is larger by the dead band: a fall is judged by it."""
    x: int
    y: int
    """Where it stands: its backlog and its level."""
    falls_below: int
    """How far from the left a backlog lets the level fall."""
    rises_from: int
    """From where on it lets the level rise; the right edge if nothing does."""
    ticks: list[tuple[int, str]]
    """Backlogs and where they are, in hundredths of the width."""
    most: int
    """The containers at the top."""
    text: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_staircase(policy: Policy, backlog: int | None, level: int | None) -> Staircase | None:
    """Return the picture of a scaler with such a backlog and level; None: it has no level to hold, or none is known."""
    strategy = policy.demand
    if backlog is None or level is None or not isinstance(strategy, Steps | PerContainer):
        return None

    def ask(messages: float) -> int:
        return min(policy.max_containers, level_demand(strategy, messages))

    def ask_padded(messages: float) -> int:
        return ask(messages * (1 + policy.hysteresis.dead_band))

    full = _find_first(ask, ask(MOST))
    most_messages = max(full, backlog, 1) * 1.3
    most = max(ask(MOST), level, 1)
    rises, falls = _find_first(ask, level + 1), _find_first(ask_padded, level)
    if level == 0:
        # It sleeps until then.
        rises = max(rises, policy.hysteresis.activate_at)
    scale = log1p(most_messages)

    def place(messages: float) -> float:
        return min(1.0, log1p(max(0.0, messages)) / scale)

    grid = [expm1(scale * part / PARTS) for part in range(PARTS)]
    return Staircase(
        demand=draw_steps([ask(messages) for messages in grid], most, WIDTH, HEIGHT),
        padded=draw_steps([ask_padded(messages) for messages in grid], most, WIDTH, HEIGHT),
        x=round(place(backlog) * WIDTH),
        y=round(HEIGHT - level / most * (HEIGHT - 2)),
        falls_below=round(place(falls) * WIDTH) if falls < MOST else WIDTH,
        rises_from=round(place(rises) * WIDTH) if rises < MOST else WIDTH,
        ticks=[(round(place(messages) * 100), f"{messages:,}") for messages in _choose_ticks(expm1(scale * ROOM))],
        most=most,
        text=_describe(policy, backlog, level, rises, falls),
    )


def _find_first(ask: Callable[[float], int], containers: int) -> int:
    """Return the least backlog that asks for so many containers; MOST if none does."""
    return bisect_left(range(MOST), containers, key=ask)


def _describe(policy: Policy, backlog: int, level: int, rises: int, falls: int) -> str:
    """Say where it stands, and which backlogs move it."""
    stands = f"It stands at {format_count(backlog, 'message')} with a level of {level}."
    rule = policy.hysteresis
    more = f"rises from {format_count(rises, 'message')} on" if rises < MOST else "rises no further"
    if not level:
        return f"{stands} It {'sleeps, and ' if backlog < rule.activate_at else ''}{more}."
    polls = f"after {format_count(rule.fall_after, 'poll')} in a row below {falls}"
    return f"{stands} It {more}, and falls {polls}."


def _choose_ticks(most: float) -> list[int]:
    """Return backlogs that are worth a mark: powers of ten, or of two if there are few of them."""
    base = 10 if most > FEW else 2
    ticks, value = [0], 1
    while value < most:
        ticks.append(value)
        value *= base
    return ticks
