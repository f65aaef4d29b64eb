"""``/scalers/NAME``: one scaler whole: its last decision and the way to it, what unblocks it, and how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.config import Place
from controller.core.condition import TROUBLE, judge
from controller.core.decision.explain import explain
from controller.core.decision.explain_promise import explain_pace
from controller.core.decision.need import Pace
from controller.core.decision.policy import StartWithin
from controller.core.decision.timetable import find_stretch
from controller.core.record import Reconciled, record, tell
from controller.core.status_lines import draw_head, draw_scaler, tell_trouble
from controller.core.words import format_age, format_clock, format_duration, format_span
from controller.daemon.pages.chart import draw_chart, list_course
from controller.daemon.pages.export import describe_reach
from controller.daemon.pages.sight import Sight
from controller.daemon.pages.staircase import Staircase, draw_staircase
from controller.daemon.pages.unblock import By, Way, estimate_start, find_ways
from controller.daemon.pages.waterfall import Waterfall, draw_waterfall
from controller.daemon.status import describe_scaler
from controller.scaling.reconcile import Reconciler
from controller.telemetry.past import read_past

SPANS = {"2h": 7200.0, "24h": 86_400.0}
"""What a reader may choose from, seconds."""
SHORTEST_SPAN = 120.0
TASKS_SHOWN = 200
NOT_TOLD = "not told yet"
PROMISES = "It keeps a promise: each poll asks for what that needs, and no level is held"
NO_LEVEL = "Not known until its queue and its cluster can be read"
COURSE_TOLD = 100
"""Lines of what happened; the picture and /history have all."""
AT_TOP = frozenset({"budget.max_containers", "aws.consistency_window", "aws.launch_rate"})
"""Keys that are not a scaler's own."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One of the last decisions, and the way to it."""

    at: str
    anchor: str
    """What tells it from the others."""
    text: str
    repeated: str
    lines: tuple[tuple[str, str], ...]


def read_scaler(sight: Sight, scaler: Reconciler, span: str, now: float) -> dict[str, Any]:
    """Return what the page of a scaler shows; ``span`` is one of SPANS."""
    seen, last = describe_scaler(scaler, whole=False), scaler.last
    return {
        "name": scaler.spec.name,
        "seen": seen,
        "state": seen["condition"] or "new",
        "is_trouble": seen["condition"] in TROUBLE,
        "verdict": "not observed yet" if last is None else tell_trouble(seen) or tell(last),
        "since": None if seen["condition_since"] is None else format_clock(seen["condition_since"], now),
        "next_poll": format_clock(sight.find_next_poll(scaler, now), now),
        "waterfall": _draw_waterfall(sight, scaler, last),
        "ways": _find_ways(sight, scaler, last),
        "staircase": _draw_staircase(scaler, last),
        "no_level": PROMISES if isinstance(scaler.spec.policy.demand, StartWithin) else NO_LEVEL,
        **_draw_past(sight, scaler, span, now),
        "tasks": [describe_task(task, seen["deadline"], now) for task in seen["tasks"][:TASKS_SHOWN]],
        "tasks_known": last is not None and last.decision.fleet is not None,
        "decisions": [_unfold(scaler, done, now) for done in reversed(list(scaler.decisions))],
        "learned": _list_learned(last),
        "lines": _write_lines(sight, seen, now),
    }


def _write_lines(sight: Sight, seen: dict[str, Any], now: float) -> list[str]:
    """Return the lines that ``ecsq status --scaler`` prints."""
    others = [{"condition": None if each.last is None else judge(each.last)} for each in sight.scalers().values()]
    return [*draw_head(sight.describe(now) | {"scalers": others}), "", *draw_scaler(seen, now)]


def _find_place(sight: Sight, scaler: Reconciler, key: str) -> Place:
    configuration, index = sight.running.configuration, scaler.spec.index
    if key == "demand":
        return configuration.places.find_set(key, index)
    return configuration.places.find(key, None if key in AT_TOP else index)


def _draw_waterfall(sight: Sight, scaler: Reconciler, last: Reconciled | None) -> Waterfall:
    if last is None:
        return Waterfall([], [])
    decision = last.held or last.decision
    told = record(last if last.held is None else Reconciled(last.scaler, decision))
    lines = dict(explain(scaler.spec.policy, decision, scaler.spec.schedule))
    return draw_waterfall(told, lines, lambda key: _find_place(sight, scaler, key))


def _find_ways(sight: Sight, scaler: Reconciler, last: Reconciled | None) -> list[Way]:
    if last is None:
        return []
    dry = [Way(By.PERSON, "It is a dry run, which launches nothing: start it without --dry-run")]
    decision, spec = last.held or last.decision, scaler.spec
    ends = find_stretch(spec.schedule, decision.at).until if spec.schedule else None
    retry_at = scaler.retries.retry_at
    ways = find_ways(last, spec.at(decision.at).policy, retry_at, lambda key: _find_place(sight, scaler, key), ends)
    return [*dry, *ways] if sight.running.dry_run else ways


def _draw_staircase(scaler: Reconciler, last: Reconciled | None) -> Staircase | None:
    if last is None:
        return None
    numbers = last.decision.numbers
    return draw_staircase(scaler.policy, last.decision.backlog, numbers.level if numbers else None)


def _draw_past(sight: Sight, scaler: Reconciler, span: str, now: float) -> dict[str, Any]:
    reach = min(SPANS[span], max(SHORTEST_SPAN, now - sight.history.began))
    past = read_past(sight.history, scaler.track, now - reach, now)
    chart = draw_chart(past, now - reach, now)
    decision = scaler.last.decision if scaler.last else None
    waiting = decision.queue.visible if decision and decision.queue else None
    return {
        "chart": chart,
        "course": list_course(chart)[:COURSE_TOLD],
        "span": span,
        "spans": list(SPANS),
        "reach": format_age(reach),
        "kept": describe_reach(past),
        "started": estimate_start(past.points, waiting, decision.backlog if decision else None, now),
    }


def say_age(task: dict[str, Any], deadline: int | None, now: float) -> str:
    """Return how old a task is, and how long its workers have run of its deadline."""
    age = format_age(now - task["created_at"])
    if deadline is None:
        return age
    if task["started_at"] is None:
        return f"{age}, may run for {format_duration(deadline)}"
    return f"{age}, ran {format_age(now - task['started_at'])} of {format_duration(deadline)}"


def describe_task(task: dict[str, Any], deadline: int | None, now: float) -> dict[str, Any]:
    """Return a live task of ``/status`` as its row shows it; ECS tells of a new one at the next look at the cluster."""
    size = [f"{task['cpu']} CPU units"] if task["cpu"] else []
    size += [f"{task['memory']} MiB"] if task["memory"] else []
    revision = "" if task["revision"] is None else f":{task['revision']}"
    return {
        "size": ", ".join(size) or NOT_TOLD,
        "arn": task["arn"],
        "id": task["arn"].rpartition("/")[2],
        "state": task["state"],
        "age": say_age(task, deadline, now),
        "workers": task["workers"],
        "running": task["running"],
        "definition": f"{task['family']}{revision}" if task["family"] else NOT_TOLD,
        "guessed": ", ".join(task["guessed"]),
    }


def _unfold(scaler: Reconciler, done: Reconciled, now: float) -> Decided:
    decision = done.held or done.decision
    repeated = ""
    if done.repeated and done.since is not None:
        repeated = f"{done.repeated + 1} times since {format_clock(done.since, now)}"
    # Its first time: it stays the same while the decision repeats.
    began = done.decision.at if done.since is None else done.since
    return Decided(
        at=format_clock(done.decision.at, now),
        anchor=f"decision-{round(began * 1000)}",
        text=tell(done),
        repeated=repeated,
        lines=explain(scaler.spec.policy, decision, scaler.spec.schedule),
    )


def _list_learned(last: Reconciled | None) -> list[tuple[str, str]]:
    fleet = last.decision.fleet if last else None
    delay = fleet.start_delay if fleet else None
    learned = [("start delay", "none seen yet" if delay is None else f"{format_span(delay)}, the median of its starts")]
    need = last.decision.numbers.need if last and last.decision.numbers else None
    if need is None:
        return learned
    return [*learned, ("seconds per message", explain_pace(need.pace)), ("workers", _say_kind(need.pace))]


def _say_kind(pace: Pace) -> str:
    if pace.takes_one is None:
        return "not known yet whether one takes one message and exits, or goes on until nothing waits"
    return "each takes one message and exits" if pace.takes_one else "each goes on until nothing waits"
