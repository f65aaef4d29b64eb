"""The ledger: which tasks live, by the listing, the descriptions and our own answers.

A task that was seen once, in a listing or in the answer to a launch, is live until it is described as stopped or has
been MISSING for five minutes, whatever the listing says: ECS is eventually consistent, and a task just started has
been seen as MISSING. One that is still listed is not given up.

An odd task, whose description does not tell all that counts, lives with what was known of it before: by an earlier
look, or by the answer to the launch. If nothing was, it lives with the guess that stands in its description.

The ledger also dates starts and ends by the workers (``task.py`` says why ECS's own dates are not enough). A task is
looked at again and again; what was known of its start stays, and what a look adds is filled in::

    created_at ----------- start.after ------- start.at ------------------- ran_until ------ stopped_at, ended_at
    RunTask                the last moment     a worker had surely begun:   the last look    all workers had
                           at which none       by ECS's date, where it is   that saw a       surely ended
                           had begun           the workers', or by a look   worker run
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.decision.looks import note_listed
from controller.core.decision.model import Fleet
from controller.core.decision.providers import ProviderUse
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Part, Start, TaskState
from controller.core.frozen import change

MISSING_FOR_GOOD = 300.0
"""Seconds after which a task that ECS does not know is given up."""
MAX_START_TIME = 300.0
"""Seconds that workers may take to start after a look that saw none run. A later date of ECS's is not theirs."""
LONGEST_START = 86_400.0
"""Seconds: no start that is measured took longer."""
CLOSE = 60.0
"""If the looks before and after a start are at most so many seconds apart, its duration counts as measured."""

Ledger = Mapping[str, LiveTask]
"""The live tasks by ARN."""


def enter_started(ledger: Ledger, tasks: Iterable[LiveTask]) -> Ledger:
    """Return the ledger with the tasks that an answer to RunTask names.

    What is known of a task already is kept, but not what was only guessed: our own answer knows better.
    """
    known = dict(ledger)
    for task in tasks:
        seen = known.get(task.arn)
        known[task.arn] = task if seen is None else _fill_in(seen, task)
    return known


def enter_draining(ledger: Ledger, tasks: Iterable[LiveTask], now: float) -> Ledger:
    """Return the ledger with tasks that were told to stop before this process; what is known already is kept."""
    return {task.arn: _look_at(change(task, draining=True), None, now) for task in tasks} | dict(ledger)


def enter_listed(ledger: Ledger, spared: Iterable[str], listed_at: float) -> Ledger:
    """Return the ledger after a listing that began at ``listed_at``; ``spared`` are listed and were not described."""
    return {**ledger, **{arn: note_listed(ledger[arn], listed_at) for arn in spared if arn in ledger}}


def enter_descriptions(
    ledger: Ledger, tasks: Iterable[LiveTask | StoppedTask], missing: Iterable[str], now: float
) -> tuple[Ledger, tuple[StoppedTask, ...]]:
    """Return the ledger after a round of descriptions, and the tasks that ended since the last.

    ``missing`` are the ARNs of the ledger that ECS says it does not know, and that are not listed.
    """
    known = dict(ledger)
    stopped = []
    for task in tasks:
        if isinstance(task, StoppedTask):
            # A listing that lags shows a task again after its end: it ends once.
            if (before := known.pop(task.arn, None)) is not None:
                stopped.append(date_end(task, before))
        else:
            known[task.arn] = _look_at(task, known.get(task.arn), now)
    for arn in missing:
        task = known[arn]
        since = now if task.missing_since is None else task.missing_since
        if now - since < MISSING_FOR_GOOD:
            known[arn] = change(task, missing_since=since)
        else:
            del known[arn]
            stopped.append(StoppedTask(arn=arn, scaler=task.scaler, outcome=StopOutcome.UNKNOWN))
    return known, tuple(stopped)


def date_end(task: StoppedTask, before: LiveTask | None = None) -> StoppedTask:
    """Return a task that has stopped, dated by its workers as far as known; ``before`` is how it was seen last."""
    if before is not None:
        created_at = min(task.created_at, before.created_at)
        provider = task.provider or before.provider
        task = change(task, scaler=task.scaler or before.scaler, created_at=created_at, provider=provider)
    if before is not None and before.ended_at is not None:
        task = change(task, stopped_at=min(task.stopped_at, before.ended_at))
    if before is not None and before.start.at is not None:
        return change(task, start=before.start, ran_until=before.ran_until)
    idle_until = _find_idle_until(task, before)
    measured = _is_measured(task, task.start.at, idle_until)
    dated = _is_date_of_workers(task.start.at, idle_until)
    return change(task, start=Start(task.start.at, None if dated else idle_until, measured))


def _look_at(task: LiveTask, before: LiveTask | None, now: float) -> LiveTask:
    """Return a live task as described at ``now``, with what earlier looks have told of it."""
    looked_into = Part.CREW not in task.guessed
    task = change(_fill_in(task, before), looked_at=now)
    if not looked_into:
        # Nothing more is known of its workers than before.
        return task
    start = _date_start(task, before, now)
    return change(
        task,
        start=start,
        ran_until=now if task.running else (before.ran_until if before else None),
        ended_at=_date_workers_end(task, before, now),
    )


def _fill_in(task: LiveTask, known: LiveTask | None) -> LiveTask:
    """Return a task with what is ``known`` of it from elsewhere in place of what is guessed of it."""
    if known is None:
        return task
    # An order to stop is not taken back: an older description may come after a newer one.
    made = task if task.family else known
    told = task = change(
        task,
        draining=task.draining or known.draining,
        provider=task.provider or known.provider,
        family=made.family,
        revision=made.revision,
        size=task.size or known.size,
    )
    if Part.CREATION in told.guessed:
        task = change(task, created_at=known.created_at)
    if Part.OWNER in told.guessed and known.scaler:
        task = change(task, scaler=known.scaler)
    # Of two guesses at the crew the smaller is by the family, which tells it.
    if Part.CREW in told.guessed and not (Part.CREW in known.guessed and task.workers < known.workers):
        task = change(
            known,
            scaler=task.scaler,
            created_at=task.created_at,
            draining=task.draining,
            provider=task.provider,
            family=task.family,
            revision=task.revision,
            size=task.size,
            missing_since=None,
        )
    return change(task, guessed=told.guessed & known.guessed)


def _date_start(task: LiveTask, before: LiveTask | None, now: float) -> Start:
    """Return when the workers of a task, as described at ``now``, have started.

    What an earlier look has told stays. Otherwise ECS's date of the task is taken if it can be that of the workers,
    and this look if there is no such date.
    """
    if before is not None and before.start.at is not None:
        return before.start
    ecs_date = task.start.at
    if ecs_date is None and not task.running and not task.exited:
        return Start(after=now)
    idle_until = _find_idle_until(task, before)
    # While a worker runs, whoever waits for its end has not started, and cannot have put ECS's date off.
    dated = _is_date_of_workers(ecs_date, idle_until) or (task.running > 0 and ecs_date is not None)
    known_by = now if ecs_date is None else ecs_date
    return Start(known_by, None if dated else idle_until, _is_measured(task, known_by, idle_until))


def _date_workers_end(task: LiveTask, before: LiveTask | None, now: float) -> float | None:
    if not task.exited or task.running or task.starting:
        return None
    return now if before is None or before.ended_at is None else before.ended_at


def _find_idle_until(task: LiveTask | StoppedTask, before: LiveTask | None) -> float:
    """Return until when no worker of a task had run, by the looks before."""
    return task.created_at if before is None or before.start.after is None else before.start.after


def _is_date_of_workers(ecs_date: float | None, idle_until: float) -> bool:
    """Say whether ECS's date of a task's start may be taken for that of its workers."""
    return ecs_date is not None and ecs_date - idle_until <= MAX_START_TIME


def _is_measured(task: LiveTask | StoppedTask, known_by: float | None, idle_until: float) -> bool:
    """Say whether the start of a described task's workers is known closely: ECS dates nothing else, or looks tell.

    A clock that was set back between two looks makes nonsense of them, and so may ECS of its own dates.
    """
    if known_by is None or not 0 <= known_by - task.created_at <= LONGEST_START:
        return False
    dated_by_ecs = task.start.at is not None and not task.company
    return dated_by_ecs or known_by - idle_until <= CLOSE


def count_fleet(
    tasks: Iterable[LiveTask], listed_at: float, start_delay: float | None, unowned: Iterable[LiveTask] = ()
) -> Fleet:
    """Return one scaler's fleet from its live tasks, and from those that may be its own or another's."""
    tasks = tuple(tasks)
    by_state: dict[TaskState, list[LiveTask]] = {state: [] for state in TaskState}
    for task in tasks:
        by_state[task.state].append(task)
    draining, ended = by_state[TaskState.DRAINING], by_state[TaskState.ENDED]
    at_work = by_state[TaskState.RUNNING] + by_state[TaskState.STARTING]
    return Fleet(
        listed_at=listed_at,
        running=sum(task.running for task in at_work),
        starting=tuple(task.created_at for task in at_work for _ in range(task.starting)),
        running_tasks=len(by_state[TaskState.RUNNING]),
        starting_tasks=len(by_state[TaskState.STARTING]),
        newest_task_at=max((task.created_at for task in at_work), default=None),
        oldest_task_at=min((task.created_at for task in tasks), default=None),
        start_delay=start_delay,
        draining=sum(task.workers for task in draining),
        draining_tasks=len(draining),
        ended=sum(task.workers for task in ended),
        ended_tasks=len(ended),
        unowned=sum(task.workers for task in unowned),
        odd_tasks=sum(bool(task.guessed) for task in tasks),
        providers=_count_by_provider(at_work),
        began=tuple(task.start.at for task in at_work if task.start.at is not None for _ in range(task.running)),
    )


def _count_by_provider(tasks: Iterable[LiveTask]) -> tuple[ProviderUse, ...]:
    on: dict[str, list[LiveTask]] = {}
    for task in tasks:
        if task.provider is not None:
            on.setdefault(task.provider, []).append(task)
    return tuple(
        ProviderUse(
            provider,
            containers=sum(task.running + task.starting for task in on[provider]),
            newest_task_at=max(task.created_at for task in on[provider]),
        )
        for provider in sorted(on)
    )
