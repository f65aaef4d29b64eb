"""The lines of a decision about a promise: how long a message takes, and each term of the rule with its number."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.model import Fleet, Numbers, QueueCounts
from controller.core.decision.need import Need, Pace, Source
from controller.core.decision.policy import Policy, StartWithin
from controller.core.words import format_clock, format_count, format_span

SHORT = 10.0
"""Seconds: what a message takes is told with fractions below."""


def explain_asked(goal: StartWithin, need: Need, numbers: Numbers, now: float) -> str:
    """Say why a promise asks for so many containers."""
    promise = format_span(goal.start_within)
    if need.pace.seconds is None:
        why = f"one for each message, to be taken within {promise}: how long one takes is not known yet"
    elif need.takes_one:
        why = f"one for each message, to be taken within {promise}, {_say_why_one(need)}"
    else:
        why = (
            f"{format_span(need.rest)} of work left to share out, to be taken within {promise}, "
            f"{format_span(need.share)} to each new one"
        )
    if need.pace.source is Source.SEEN:
        why += f", with {format_span(need.promise)} of it left"
    since = numbers.overdue_since
    return f"{why}; one more, as nothing has moved since {format_clock(since, now)}" if since else why


def explain_lateness(policy: Policy, numbers: Numbers) -> Iterator[tuple[str, str]]:
    """Yield how late the last message is taken, where max_containers does not allow what a promise needs."""
    goal, most = policy.demand, policy.max_containers
    if numbers.need is None or not isinstance(goal, StartWithin) or numbers.asked <= most:
        return
    late = numbers.need.late(most, goal.start_within)
    when = "may be taken late" if late is None else f"is taken about {format_span(late)} late"
    if late == 0:
        when = "is taken in time all the same"
    needs = f"needs {format_count(numbers.asked, 'container')}, max_containers {most}"
    yield "promise", f"{needs}: the last message {when}"


def explain_promise(numbers: Numbers, queue: QueueCounts, fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yield the lines that stand before the demand; none where another strategy asks."""
    if numbers.need is None:
        return
    yield "pace", explain_pace(numbers.need.pace)
    if (terms := _explain_terms(numbers.need, queue, fleet)) is not None:
        yield "work", terms


def explain_pace(pace: Pace) -> str:
    """Say how long a message takes, from where that is known, and how sure it is."""
    if pace.seconds is None:
        return "unknown how long a message takes: each is given a container until that is learned"
    what = f"{_say_seconds(pace.seconds)} a message"
    kind = "; a container takes one and exits" if pace.takes_one else ""
    match pace.source:
        case Source.GIVEN:
            return f"{what}, as configured{kind}"
        case Source.AT_FIRST:
            return f"{what} until it is learned, as configured{kind}"
        case Source.SEEN:
            taken = format_count(round(pace.messages), "message")
            return f"{what} at least, as {taken} were just taken, longer than {_say_seconds(pace.given or 0)}{kind}"
        case Source.RUNS:
            return f"{what}, learned from {round(pace.messages)} runs{kind}"
        case _:
            sure = f", {pace.error:.0%} of it for chance" if pace.error else ""
            longer = (
                f", longer than the {_say_seconds(pace.given)} that are configured" if pace.given is not None else ""
            )
            return f"{what}, learned from {round(pace.messages)} messages{sure}{longer}{kind}"


def _explain_terms(need: Need, queue: QueueCounts, fleet: Fleet) -> str | None:
    """Say what waits, and who takes it on; None while each message is given a container."""
    if need.takes_one:
        return None
    busy = min(queue.in_flight, fleet.running)
    terms = (
        (f"{fleet.running - busy} idle", need.taken_by_idle),
        (f"{busy} busy", need.taken_by_busy),
        (f"{len(fleet.starting)} starting", need.taken_by_starting),
    )
    taken = "".join(f" - {format_span(work)} by {who}" for who, work in terms)
    measured = "" if fleet.start_delay is not None else ", assumed until one was seen"
    return (
        f"{format_count(queue.visible, 'message')} visible = {format_span(need.waiting)} of work{taken}; "
        f"a start takes {format_span(need.start_delay)}{measured}"
    )


def _say_why_one(need: Need) -> str:
    if need.pace.takes_one:
        return "as a container takes one and exits"
    return "as a container would hardly take a second one in this time"


def _say_seconds(seconds: float) -> str:
    """Return a duration with the digits that matter where it is short."""
    return f"{seconds:.2g}s" if seconds < SHORT else format_span(seconds)
