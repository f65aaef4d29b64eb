"""The last decision as a waterfall: what each step made of the number before it, and which key would move it.

The numbers are those of the decision's record, and the words those of its explanation. A subject of the explanation
that no step has is told below them, so a new rule shows up here without being drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.config import Place

Record = Mapping[str, Any]
FindKey = Callable[[str], Place]
"""Returns the place of a key; of a scaler's, or of one at the top of the file."""
MESSAGES, CONTAINERS = "messages", "containers"
_ALLOWS = {"breaker": "breaker.after", "capacity": "task.subnets", "short": "task.capacity"}
"""The subjects of what lets a probe through and nothing else, with the key of each."""

_DRAWN = frozenset({"queue", "fleet", "demand", "limits", "decision"})
"""Subjects whose lines are cut up for the steps; the last one is the verdict above them."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way from the backlog to a launch."""

    title: str
    number: int
    unit: str
    noun: str
    """What stands behind the number: what is counted, or what it says of that."""
    bar: int
    """How far its bar reaches, in hundredths."""
    before: int
    """How far the one before it did, where that was further: what this step has cut away."""
    text: str
    """What the explanation says of it."""
    key: Place | None
    """The key that would move it; None: none does."""

    @property
    def cuts(self) -> bool:
        """Whether it leaves less than the step before it."""
        return self.before > self.bar


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps of a decision, and what else its explanation says."""

    steps: list[Step]
    rest: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A step before it is drawn."""

    title: str
    number: int
    left: int
    """The containers that are left to live, or to launch, after it; messages for the backlog."""
    text: str
    key: str | None
    unit: str = CONTAINERS
    starts: bool = False
    """Whether what is left has nothing to do with the step before it."""
    noun: str | None = None
    """What the number counts, where that is not what is left; None: it is."""


def draw_waterfall(done: Record, lines: Mapping[str, str], find_key: FindKey) -> Waterfall:
    """Return the steps of a decision's record with what ``lines``, its explanation by subject, say of them."""
    parts = list(_list_parts(done, dict(lines))) if done.get("asked") is not None else []
    most = {unit: max((part.left for part in parts if part.unit == unit), default=0) for unit in (MESSAGES, CONTAINERS)}
    # What is asked for may be far beyond what anything else can be; the bars below it would be hairlines.
    ceiling = max((part.left for part in parts if part.title not in {"backlog", "asked"}), default=0)
    most[CONTAINERS] = min(most[CONTAINERS], 2 * ceiling) if ceiling else most[CONTAINERS]
    steps, before = [], 0
    for part in parts:
        bar = _share(part.left, most[part.unit])
        cut = 0 if part.starts else before
        key = None if part.key is None else find_key(part.key)
        noun = part.noun or (part.unit[:-1] if part.number == 1 else part.unit)
        steps.append(Step(part.title, part.number, part.unit, noun, bar, max(bar, cut), part.text, key))
        before = bar
    told = {part.text for part in parts}
    used = _DRAWN if parts else {"decision"}
    rest = [(about, what) for about, what in lines.items() if about not in used and what not in told]
    return Waterfall(steps, rest)


def _list_parts(done: Record, lines: dict[str, str]) -> Iterator[_Part]:
    yield _Part("backlog", done["backlog"], done["backlog"], lines.get("queue", ""), "backlog", MESSAGES, starts=True)
    asked, _, gate = lines.get("demand", "").partition("; but ")
    yield _Part("asked", done["asked"], done["asked"], asked, "demand", starts=True)
    yield _Part("demand", done["demand"], done["demand"], gate or "all of it counts", _find_gate(done))
    yield _Part("level", done["level"], done["level"], lines.get("level", ""), _find_mover(done))
    key = "min_containers" if done["desired"] > done["level"] else "max_containers"
    yield _Part("desired", done["desired"], done["desired"], lines.get("desired", ""), key)
    short = max(0, done["shortfall"])
    told = f"{short} short of desired" if short else "enough: nothing is short"
    fleet = lines.get("fleet", "")
    yield _Part("live", done["live"], short, f"{fleet}; {told}" if fleet else told, None, noun="live")
    if short:
        yield from _list_limits(done, lines, short)


def _list_limits(done: Record, lines: dict[str, str], short: int) -> Iterator[_Part]:
    """Yield what limits a launch of what is short, in the order in which it is asked."""
    room, _, unclaimed = lines.get("limits", "").partition("; ")
    left = min(short, max(0, done["room"]))
    yield _Part("room", max(0, done["room"]), left, room, "max_containers", noun="more at most")
    left = min(left, max(0, done["useful"]))
    noun = "message" if done["unclaimed"] == 1 else "messages"
    yield _Part("unclaimed", done["unclaimed"], left, unclaimed, None, noun=noun)
    if done["followed"] is not None:
        more = max(0, done["followed"] - done["in_doubt"] - done["live"])
        left = min(left, more)
        yield _Part("followed", more, left, lines.get("followed", "as far as others have found messages"), None)
    if done["allowed"] is not None:
        left = min(left, done["allowed"])
        about = next((each for each in _ALLOWS if each in lines), "capacity")
        title = "breaker" if about == "breaker" else "capacity"
        yield _Part(title, done["allowed"], left, lines.get(about, ""), _ALLOWS[about])
    if (stage := done["rollout"]) is not None and stage["trusted"] is None:
        left = min(left, stage["canaries"])
        yield _Part("canaries", stage["canaries"], left, lines.get("rollout", ""), "rollout.canary")
    left = left if done["reason"] not in {"cooldown", "paused", "paused_by_schedule"} else 0
    if done["reason"] == "paused":
        yield _Part("paused", 0, left, "launches nothing until the key is false", "paused")
    if done["reason"] == "paused_by_schedule":
        yield _Part("paused", 0, left, "launches nothing until the window ends", "schedule")
    yield _Part("cooldown", left, left, lines.get("cooldown", ""), "cooldown.launch")
    if done["granted"] is not None:
        left = min(left, done["granted"])
        told = lines.get("budget", "all of it is granted")
        yield _Part("budget", done["granted"], left, told, "budget.max_containers")
    if done["granted"]:
        left = min(left, done["launch"])
        yield _Part("slot", done["launch"], left, lines.get("slot", ""), "aws.consistency_window")
    if done["outcome"] is not None:
        started = done["launched_containers"] if done["outcome"] != "dry_run" else 0
        why = (done["error"] or "").removeprefix(f"scaler {done['scaler']}: ")
        told = f"{done['outcome']}: {why or done['plan_cut'] or done['text']}"
        key = "task.max_tasks_per_launch" if done["plan_cut"] else None
        yield _Part("launched", started, min(left, started), told, key)


def _find_gate(done: Record) -> str | None:
    """Return the key that makes the demand differ from what is asked for."""
    if done["demand"] == done["asked"]:
        return None
    if done["demand"] > done["asked"]:
        return "hysteresis.activate_within"
    return "max_containers" if done["demand"] else "hysteresis.activate_at"


def _find_mover(done: Record) -> str | None:
    """Return the key that keeps the level from the demand."""
    if done["level"] == done["demand"]:
        return None
    if done["demand"] > done["level"]:
        return "hysteresis.rise_after"
    until = done["fall_cooldown_until"]
    return "cooldown.fall" if until is not None and until > done["at"] else "hysteresis.fall_after"


def _share(number: int, most: int) -> int:
    return 0 if not most else min(100, round(100 * number / most))
