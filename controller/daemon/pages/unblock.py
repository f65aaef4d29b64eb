"""What lets a scaler that holds launch again: a time that passes, a key to edit, or a person who mends something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.aws.faults import Fault
from controller.config import Place
from controller.core.decision.explain_rollout import explain_stage
from controller.core.decision.model import Decision, Numbers, Reason
from controller.core.decision.policy import Policy
from controller.core.decision.rollout import LEFT_OUT
from controller.core.decision.verdict import is_all_there_may_be
from controller.core.record import Reconciled
from controller.core.repeats import PASSING
from controller.core.words import as_clause, format_age, format_clock, format_count
from controller.daemon.pages.waterfall import FindKey
from controller.telemetry.past import Point

RATE_OVER = 600.0
"""Seconds over which the rate is measured at which a backlog shrinks."""
LONGEST = 7 * 86_400.0
"""Seconds beyond which such a rate tells nothing."""


class By(StrEnum):
    """Who or what unblocks a scaler."""

    TIME = "time"
    KEY = "key"
    PERSON = "person"
    NOTHING = "nothing"
    """Nothing is blocked."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which it goes on."""

    by: By
    text: str
    key: Place | None = None


PASSES = PASSING | {Fault.CAPACITY}
"""Kinds of failure that end without anybody."""
_CHECK = re.compile(r"; check scalers\[\d+\]\.(?P<key>[a-z_.]+)$")
"""How a failure ends that an edit may mend; ``controller.scaling.calls.explain_error`` writes it."""
_BY_ITSELF = {
    Reason.AT_MAX: "As soon as a worker exits, or a task that is counted is gone",
    Reason.BUDGET: "As soon as workers of the scalers that hold the budget exit",
    Reason.PROVING: "As soon as a task of the new revision has done well",
}
_KEYS = {
    Reason.COOLDOWN: (("A shorter cooldown, down to a slot", "cooldown.launch"),),
    Reason.RISING: (("Fewer polls in a row", "hysteresis.rise_after"),),
    Reason.AT_MAX: (("A higher maximum", "max_containers"),),
    Reason.BUDGET: (
        ("A larger budget", "budget.max_containers"),
        ("A higher priority than those that hold it", "priority"),
    ),
    Reason.PROVING: (("A shorter time to do well in", "rollout.prove"),),
    Reason.PAUSED: (("It is paused: set it to false, or leave it out", "paused"),),
    Reason.PAUSED_BY_SCHEDULE: (("A window of its schedule pauses it: change that entry", "schedule"),),
}


def find_ways(
    done: Reconciled, policy: Policy, retry_at: float | None, find_key: FindKey, window_ends: float | None = None
) -> list[Way]:
    """Return what unblocks a scaler after its last reconcile, the first thing first; ``retry_at`` is its next try.

    ``window_ends`` is when another window of its schedule comes into force, or none; None: at no time.
    """
    decision = done.held or done.decision
    ways: list[Way] = []
    if done.trouble is not None:
        ways.append(_find_end_of_trouble(done, done.trouble, decision.at, retry_at, find_key))
    if decision.reason is Reason.BROKEN:
        ways.append(Way(By.PERSON, "The log has the traceback of this fault of the controller: please report it"))
    if decision.numbers is not None:
        if decision.reason is Reason.PAUSED_BY_SCHEDULE and window_ends is not None:
            ways.append(_wait(window_ends, decision.at, "the window of its schedule ends"))
        ways += _find_by_reason(decision, decision.numbers, policy, find_key)
    return ways or [Way(By.NOTHING, "Nothing is blocked: what lives or was just launched is enough for what waits")]


def _find_end_of_trouble(done: Reconciled, trouble: str, now: float, retry_at: float | None, find_key: FindKey) -> Way:
    """Return who mends what AWS has said: nobody, if it passes by itself; else the key that it names stands beside."""
    told = trouble.removeprefix(f"scaler {done.scaler}: ")
    when = "at its next poll" if retry_at is None else f"from {format_clock(retry_at, now)} on"
    fault = (done.launch.fault if done.launch else None) or done.fault
    if fault in PASSES:
        return Way(By.TIME, f"{as_clause(told)}. It passes by itself, and is tried again {when}")
    check = _CHECK.search(told)
    what = as_clause(told if check is None else told[: check.start()])
    key = None if check is None else find_key(check["key"])
    return Way(By.PERSON, f"{what}. It is tried again {when}, by itself", key)


def _find_by_reason(decision: Decision, numbers: Numbers, policy: Policy, find_key: FindKey) -> Iterator[Way]:
    reason = decision.reason
    if numbers.contradicted_since is not None:
        since = format_clock(numbers.contradicted_since, decision.at)
        told = (
            f"Since {since} workers run, messages wait, and none is in flight: the log of the worker tells why it takes"
        )
        yield Way(
            By.PERSON, f"{told} none; if it deletes them as it takes them, set the key to running", find_key("busy")
        )
    if reason is not Reason.BACKING_OFF:
        # Whatever holds for the moment: what is launched after it fails as well.
        yield from _find_failing(numbers, find_key)
    if (soon := _find_time(decision, numbers, policy)) is not None:
        yield soon
    if reason in _BY_ITSELF:
        yield Way(By.TIME, _BY_ITSELF[reason])
    yield from (Way(By.KEY, text, find_key(key)) for text, key in _KEYS.get(reason, ()))
    if reason is Reason.BACKING_OFF:
        yield from _find_end_of_back_off(numbers, policy, decision, find_key)
    if numbers.stage is not None and numbers.stage.standing in LEFT_OUT:
        yield Way(By.PERSON, f"Register a revision that works: {explain_stage(numbers.stage, decision.at)}")
    if reason is Reason.IDLE and decision.backlog:
        yield Way(By.KEY, "Fewer messages that wake it", find_key("hysteresis.activate_at"))
    if numbers.returned is not None:
        yield Way(
            By.PERSON, "Messages come back and are paid for again: the log of the worker tells why none is deleted"
        )
    if is_all_there_may_be(decision):
        yield Way(By.TIME, "As soon as workers exit, others follow them")
        asks_for_less = numbers.most < policy.max_containers
        text, key = (
            ("A demand that asks for more", "demand") if asks_for_less else ("A higher maximum", "max_containers")
        )
        yield Way(By.KEY, text, find_key(key))


def _find_time(decision: Decision, numbers: Numbers, policy: Policy) -> Way | None:
    """Return the moment at which it may go on by itself; None: none is known."""
    now = decision.at
    match decision.reason:
        case Reason.COOLDOWN:
            return _wait(numbers.launch_cooldown_until, now, "the launch cooldown ends")
        case Reason.SLOT:
            return _wait(decision.look_again_at, now, "the launch window opens, and it looks again")
        case Reason.RISING:
            polls = max(1, policy.hysteresis.rise_after - numbers.rising_polls)
            asked = f"{format_count(polls, 'more poll')} may have asked for as much"
            return _wait(now + polls * policy.poll_interval, now, asked)
        case Reason.IDLE if decision.backlog and numbers.waiting_since is not None:
            until = numbers.waiting_since + policy.hysteresis.activate_within
            return _wait(until, now, "what waits is served, however little it is")
        case Reason.FOUND_NOTHING if numbers.following.until is not None:
            return _wait(
                numbers.following.until, now, "one more worker is tried; and as soon as more messages are taken"
            )
        case Reason.FOUND_NOTHING:
            return Way(By.TIME, "As soon as it is seen what those that were launched last have found")
    return None


def _find_end_of_back_off(numbers: Numbers, policy: Policy, decision: Decision, find_key: FindKey) -> Iterator[Way]:
    """Yield what ends a wait because tasks fail, or because there is no capacity for them."""
    breaker, scarcity, now = numbers.breaker, numbers.scarcity, decision.at
    if breaker.open_until is not None:
        yield _wait(breaker.open_until, now, "a single task probes whether they still fail")
        yield from _find_failing(numbers, find_key)
    if scarcity.until is not None:
        yield _wait(scarcity.until, now, "a single task tries whether there is capacity")
        cause = f": {as_clause(scarcity.cause)}" if scarcity.cause else ""
        key = "task.capacity" if policy.providers else "task.subnets"
        yield Way(By.PERSON, f"If it lasts, ask for more room{cause}", find_key(key))


def _find_failing(numbers: Numbers, find_key: FindKey) -> Iterator[Way]:
    """Yield what ends a row of failing tasks."""
    breaker = numbers.breaker
    if breaker.open_until is None:
        return
    cause = f": {as_clause(breaker.cause)}" if breaker.cause else ""
    yield Way(By.PERSON, f"Mend why its tasks fail{cause}. The log of the worker has more")
    yield Way(By.KEY, "More failures in a row before launches are held back", find_key("breaker.after"))


def _wait(until: float | None, now: float, what: str) -> Way:
    if until is None:
        return Way(By.TIME, f"It passes by itself: {what}")
    if until <= now:
        return Way(By.TIME, f"At the next poll: {what}")
    return Way(By.TIME, f"At {format_clock(until, now)}, in {format_age(until - now)}: {what}")


def estimate_start(points: Sequence[Point], waiting: int | None, backlog: int | None, now: float) -> str:
    """Say when all that waits has been taken if the backlog goes on shrinking as over the last ten minutes.

    A worker takes the next message when it has done one, so messages start as fast as the backlog shrinks.
    """
    if waiting is None or backlog is None:
        return "How much waits is unknown"
    if waiting == 0:
        return "Nothing waits"
    known = [(point.at, point.backlog.last) for point in points if point.backlog.last is not None]
    since = max((at for at, _ in known if at <= now - RATE_OVER), default=min((at for at, _ in known), default=now))
    before = next((count for at, count in known if at == since), None)
    lasted = now - max(since, now - RATE_OVER)
    if before is None or lasted < 1:
        return "Nothing is known yet of how fast the backlog shrinks"
    over = f"over the last {format_age(lasted)}"
    if before <= backlog:
        return f"Not at this rate: the backlog has not shrunk {over}"
    rate = (before - backlog) / lasted
    if waiting / rate > LONGEST:
        return f"Not within a week at this rate: {format_count(before - backlog, 'message')} less {over}"
    return f"About {format_clock(now + waiting / rate, now)}, at {rate * 60:.1f} messages a minute, as {over}"
