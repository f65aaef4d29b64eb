"""``/``: every scaler in a row, those in trouble first, a hundred on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from controller.core.condition import TROUBLE, Condition, judge
from controller.core.record import record
from controller.core.status_lines import tell_trouble
from controller.core.words import format_age, format_clock
from controller.daemon.pages.figures import draw_area, draw_steps, find_most
from controller.daemon.pages.sight import Sight
from controller.scaling.reconcile import Reconciler
from controller.telemetry.sketch import sketch

ROWS = 100
"""Scalers on a page."""
SPAN = 7200.0
"""Seconds that the small pictures show, once the process is that old."""
SHORTEST_SPAN = 120.0
PARTS = 60
"""Parts that the width of such a picture has."""
WIDTH, HEIGHT = 120, 24
NEW = "new"
"""The state of a scaler that was not observed yet."""
IN_TROUBLE = "trouble"
"""What a filter takes for all the states that somebody has to look at."""
STATES = (*(condition.value for condition in Condition), NEW)
WAITS = frozenset({Condition.SHORT.value, Condition.WAITING.value})
"""States in which nothing is wrong, but messages wait: a word for the reason would not say enough."""
TOLD = 400
"""Characters of such a sentence that a row has room for; the scaler's own page has all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to see of all scalers."""

    name: str = ""
    """What the name contains; empty: any."""
    state: str = ""
    """A state, or IN_TROUBLE; empty: any."""
    page: int = 1

    def takes(self, name: str, state: str) -> bool:
        """Say whether it is about such a scaler."""
        if self.name not in name:
            return False
        return self.state in {"", state} or (self.state == IN_TROUBLE and state in TROUBLE)


@dataclass(frozen=True, slots=True)
class Sketch:
    """A small picture of the backlog and the live containers over time."""

    backlog: str
    """A path, as ``live`` is."""
    live: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A scaler as its row shows it; None is unknown."""

    name: str
    state: str
    reason: str
    backlog: int | None
    live: int | None
    desired: int | None
    most: int
    since: str
    next_poll: str
    is_trouble: bool
    """Whether somebody has to look at it."""
    told: str | None
    """What is wrong, or what messages wait for, as a sentence; None: it does its work."""
    sketch: Sketch

    @property
    def bar(self) -> tuple[int, int]:
        """How far live and desired reach, in hundredths of the maximum."""
        return _share(self.live, self.most), _share(self.desired, self.most)


def list_rows(sight: Sight, wanted: Wanted, now: float) -> dict[str, Any]:
    """Return what the page shows: its rows, and how many scalers there are, by state, on how many pages."""
    scalers = sight.scalers()
    states = {name: _find_state(scaler) for name, scaler in scalers.items()}
    chosen = sorted((name for name, state in states.items() if wanted.takes(name, state)), key=_order(states))
    pages = max(1, -(-len(chosen) // ROWS))
    page = min(max(1, wanted.page), pages)
    first = (page - 1) * ROWS
    shown = chosen[first : first + ROWS]
    return {
        "rows": [_read_row(sight, scalers[name], states[name], now) for name in shown],
        "counts": _count_states(states.values()),
        "troubles": sum(state in TROUBLE for state in states.values()),
        "total": len(scalers),
        "chosen": len(chosen),
        "first": first + 1,
        "last": first + len(shown),
        "page": page,
        "pages": pages,
        "span": format_age(_find_span(sight, now)),
        "states": (IN_TROUBLE, *STATES),
    }


def count_budget(scalers: Mapping[str, Reconciler]) -> int:
    """Return how many containers of the budget all scalers take up, as of each one's last reconcile."""
    return sum(scaler.series.budget_held or 0 for scaler in scalers.values())


def _find_state(scaler: Reconciler) -> str:
    last = scaler.last
    return NEW if last is None else judge(last).value


def _order(states: Mapping[str, str]) -> Any:
    """Return what orders names: by what is wrong, the worst first, and the others by their names alone."""
    ranks = {condition.value: rank for rank, condition in enumerate(TROUBLE)}
    return lambda name: (ranks.get(states[name], len(ranks)), name)


def _count_states(states: Iterable[str]) -> list[tuple[str, int]]:
    counted = Counter(states)
    return [(state, counted[state]) for state in STATES if counted[state]]


def _find_span(sight: Sight, now: float) -> float:
    """Return how far the small pictures reach back, in whole minutes: they stay the same for as long as they can."""
    return min(SPAN, max(SHORTEST_SPAN, ceil((now - sight.history.began) / 60) * 60.0))


def _read_row(sight: Sight, scaler: Reconciler, state: str, now: float) -> Row:
    done, name = scaler.last, scaler.spec.name
    last = {} if done is None else record(done)
    told = {
        "name": name,
        "condition": None if done is None else state,
        "problem": done.trouble if done else None,
        "last_decision": last,
    }
    since = done.condition_since if done else None
    sentence = tell_trouble(told) or (last["text"] if state in WAITS else None)
    reason = last.get("reason", "")
    return Row(
        name=name,
        state=state,
        reason=(last["fault"] or reason) if state == Condition.FAILED else reason,
        backlog=last.get("backlog"),
        live=last.get("live"),
        desired=last.get("desired"),
        most=scaler.policy.max_containers,
        since="" if since is None else format_clock(since, now),
        next_poll=format_clock(sight.find_next_poll(scaler, now), now),
        is_trouble=state in TROUBLE,
        told=sentence if sentence is None or len(sentence) <= TOLD else f"{sentence[:TOLD]}...",
        sketch=_draw(sight, scaler, now),
    )


def _draw(sight: Sight, scaler: Reconciler, now: float) -> Sketch:
    span = _find_span(sight, now)
    until = ceil(now / (span / PARTS)) * (span / PARTS)
    levels = sketch(scaler.track, until - span, until, PARTS)
    backlog = [None if level[0] < 0 else level[0] for level in levels]
    live = [None if level[1] < 0 else level[1] for level in levels]
    most, most_live = find_most(backlog), find_most(live, [scaler.policy.max_containers / 4])
    known = [value for value in backlog if value is not None]
    peak = max((value for value in live if value is not None), default="unknown")
    text = f"backlog at most {max(known, default='unknown')}, live at most {peak}"
    return Sketch(draw_area(backlog, most, WIDTH, HEIGHT), draw_steps(live, most_live, WIDTH, HEIGHT), text)


def _share(number: int | None, most: int) -> int:
    return 0 if number is None else min(100, round(100 * number / most))
