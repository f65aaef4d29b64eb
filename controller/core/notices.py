"""Notices: the changes that somebody outside wants to hear of, one for each change and none for a poll.

``watch`` goes through the reconciles of one scaler and tells what has changed. A trouble and its end are a pair::

    launch_failed   -> launch_recovered      a launch did not go through; one does
    tasks_failing   -> tasks_probing         tasks keep failing; a single one is about to be tried...
                    -> tasks_recovered       ...and the breaker is closed again
    capacity_short  -> capacity_back         ECS finds no place for tasks; it does
    at_max          -> below_max             max_containers has held launches back for AT_MAX_FOR; it does not any more
    template_refused or
    template_gone_back -> template_taken     a new revision cannot be launched, or fails; one has proven itself since

It remembers no other process: after a restart a trouble that still lasts is told again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from controller.core.decision.explain_rollout import explain_stage
from controller.core.decision.model import Outcome, Reason
from controller.core.decision.rollout import LEFT_OUT, Standing
from controller.core.decision.verdict import summarize
from controller.core.frozen import change, frozen
from controller.core.printable import show
from controller.core.record import Reconciled
from controller.core.words import format_age, format_count

AT_MAX_FOR: Final = 1800.0
"""Seconds for which max_containers has to hold launches back before it is told."""
SETTLED_AFTER: Final = 300.0
"""Seconds without a launch that failed after which one that went through ends the trouble."""


class Kind(StrEnum):
    """What has changed, a closed set."""

    LAUNCH_FAILED = "launch_failed"
    LAUNCH_RECOVERED = "launch_recovered"
    TASKS_FAILING = "tasks_failing"
    TASKS_PROBING = "tasks_probing"
    TASKS_RECOVERED = "tasks_recovered"
    CAPACITY_SHORT = "capacity_short"
    CAPACITY_BACK = "capacity_back"
    AT_MAX = "at_max"
    BELOW_MAX = "below_max"
    QUEUE_FINDING = "queue_finding"
    TEMPLATE_REFUSED = "template_refused"
    TEMPLATE_GONE_BACK = "template_gone_back"
    TEMPLATE_TAKEN = "template_taken"
    CONFIGURATION_REFUSED = "configuration_refused"
    CONFIGURATION_TAKEN = "configuration_taken"


@frozen
class Notice:
    """One change."""

    kind: Kind
    at: float
    """Seconds since the epoch."""
    scaler: str | None
    """None: it is the controller's."""
    text: str
    """A sentence fit for a terminal, without a full stop."""
    reason: str | None = None
    """The kind of failure, or of finding; None: it has none."""


@frozen
class Watched:
    """What was told of a scaler."""

    launch_faults: frozenset[str] = frozenset()
    """The kinds of failures of launches since they last went through for long enough."""
    launch_failed_at: float = 0.0
    """When one failed last."""
    launches_well: bool = True
    """Whether one has gone through since."""
    failing: bool = False
    probing: bool = False
    short: bool = False
    at_max_since: float | None = None
    at_max: bool = False
    left_out: tuple[int, Standing] | None = None
    """The newest revision of the template that was told to be refused or to have failed, and which of the two."""


UNWATCHED: Final = Watched()
Looked = tuple[Watched, list[Notice]]


def watch(before: Watched, done: Reconciled) -> tuple[Watched, tuple[Notice, ...]]:
    """Return what is told of a scaler after one more reconcile, and the notices of it."""
    after, notices = before, list[Notice]()
    # Nearly all polls tell nothing: each look returns what it was given then, and makes no record.
    for look in (_watch_launch, _watch_tasks, _watch_capacity, _watch_max, _watch_template):
        after, found = look(after, done)
        notices += found
    return after, tuple(notices)


def watch_configuration(before: str | None, problems: str | None, at: float) -> Notice | None:
    """Return the notice of a reload with these problems, one a line, after one with those before; None: no problem."""
    if problems == before:
        return None
    if problems is None:
        return Notice(Kind.CONFIGURATION_TAKEN, at, None, "the configuration is taken again")
    first, *more = problems.splitlines()
    rest = f", and {format_count(len(more), 'more problem')}" if more else ""
    return Notice(
        Kind.CONFIGURATION_REFUSED, at, None, show(f"the last edit of the configuration is refused: {first}{rest}")
    )


def _watch_launch(before: Watched, done: Reconciled) -> Looked:
    launch, at, after, notices = done.launch, done.decision.at, before, list[Notice]()
    if launch is not None and launch.outcome is Outcome.LAUNCHED:
        after = change(after, launches_well=True)
    elif launch is not None and launch.outcome is not Outcome.DRY_RUN:
        fault = launch.fault or launch.outcome.value
        if fault not in before.launch_faults:
            error = (launch.error or "no reason given").removeprefix(f"scaler {done.scaler}: ")
            notices.append(_note(Kind.LAUNCH_FAILED, done, f"a launch did not go through: {error}", fault))
        faults = before.launch_faults | {fault}
        after = change(after, launch_faults=faults, launch_failed_at=at, launches_well=False)
    # Failures that come and go are one trouble.
    if after.launch_faults and after.launches_well and at - after.launch_failed_at >= SETTLED_AFTER:
        notices.append(_note(Kind.LAUNCH_RECOVERED, done, "launches go through again"))
        after = change(after, launch_faults=frozenset())
    return after, notices


def _watch_tasks(before: Watched, done: Reconciled) -> Looked:
    numbers, at = done.decision.numbers, done.decision.at
    if numbers is None:
        return before, []
    breaker = numbers.breaker
    if breaker.open_until is None:
        if not before.failing:
            return before, []
        recovered = _note(Kind.TASKS_RECOVERED, done, "its tasks work again")
        return change(before, failing=False, probing=False), [recovered]
    notices = []
    if not before.failing:
        cause = breaker.cause or "no cause is known"
        text = f"its tasks fail one after the other, {breaker.bad_ends} in a row: {cause}"
        notices.append(_note(Kind.TASKS_FAILING, done, text))
    is_probing = before.probing or at >= breaker.open_until
    if is_probing and not before.probing:
        notices.append(_note(Kind.TASKS_PROBING, done, "a single task probes whether its tasks work again"))
    return change(before, failing=True, probing=is_probing), notices


def _watch_capacity(before: Watched, done: Reconciled) -> Looked:
    numbers = done.decision.numbers
    if numbers is None or before.short is (is_short := numbers.scarcity.until is not None):
        return before, []
    if is_short:
        cause = numbers.scarcity.cause or "no cause is known"
        notice = _note(Kind.CAPACITY_SHORT, done, f"ECS finds no place for its tasks: {cause}")
    else:
        notice = _note(Kind.CAPACITY_BACK, done, "its tasks find places again")
    return change(before, short=is_short), [notice]


def _watch_max(before: Watched, done: Reconciled) -> Looked:
    decision = done.decision
    if decision.numbers is None or (decision.reason is not Reason.AT_MAX and before.at_max_since is None):
        return before, []
    if decision.reason is not Reason.AT_MAX:
        below = [_note(Kind.BELOW_MAX, done, "max_containers holds nothing back any more")] if before.at_max else []
        return change(before, at_max_since=None, at_max=False), below
    since = decision.at if before.at_max_since is None else before.at_max_since
    is_long = decision.at - since >= AT_MAX_FOR
    notices = []
    if is_long and not before.at_max:
        text = f"max_containers has held launches back for {format_age(decision.at - since)}: {summarize(decision)}"
        notices.append(_note(Kind.AT_MAX, done, text))
    return change(before, at_max_since=since, at_max=is_long), notices


def _watch_template(before: Watched, done: Reconciled) -> Looked:
    stage = done.decision.numbers.stage if done.decision.numbers else None
    if stage is None:
        return before, []
    if stage.standing is Standing.TRUSTED:
        if before.left_out is None:
            return before, []
        text = f"revision {stage.newest} of its task definition has proven itself, and all its tasks run it"
        return change(before, left_out=None), [_note(Kind.TEMPLATE_TAKEN, done, text)]
    if stage.standing not in LEFT_OUT or before.left_out == (stage.newest, stage.standing):
        return before, []
    kind = Kind.TEMPLATE_GONE_BACK if stage.standing is Standing.GONE_BACK else Kind.TEMPLATE_REFUSED
    text = f"of its task definition, {explain_stage(stage, done.decision.at)}"
    return change(before, left_out=(stage.newest, stage.standing)), [_note(kind, done, text)]


def _note(kind: Kind, done: Reconciled, text: str, reason: str | None = None) -> Notice:
    return Notice(kind, done.decision.at, done.scaler, show(text), reason)
