"""From DescribeTasks to the ledger's records: which worker containers of a task run, and how a task ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import Any

from controller.aws.errors import shorten
from controller.aws.sentences import is_shortage
from controller.core.copies.copies import KEEPER, MAX_COPIES, copy_names
from controller.core.copies.keeper import OVERDUE
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Outline, Part, Size, Start

FindOutline = Callable[[str | None, str | None], Outline]
"""Returns the outline of a task by its group and its family; None is not told."""

FindAttendants = Callable[[str], frozenset[str]]
"""Returns the containers of a task definition, by its ARN, that are its log router or its proxy."""

_RUNNING = "RUNNING"
_STOPPED = frozenset({"STOPPED", "DELETED"})
_STOPPING = frozenset({"DEACTIVATING", "STOPPING", "DEPROVISIONING"})
_INTERRUPTED = frozenset(
    {"SpotInterruption", "TerminationNotice", "InfrastructureHealth", "UserInitiated", "ServiceSchedulerInitiated"}
)

_FAILED_TO_START = frozenset({"TaskFailedToStart", None})
"""The stop codes of a task that did not start; older ones have none."""
_NOT_MADE = re.compile(r"Cannot\w*Error|ResourceInitializationError")
"""ECS's reasons for a container that could not be pulled, created or started."""
_MOST_DIGITS = 10
"""Of a revision, CPU units or MiB."""
_AHEAD = 86_400.0
"""Seconds by which our clock may be behind ECS's: it may have stepped back. A later date than that is none."""
_PUT_BY_AWS = "aws-guardduty-agent-"
"""How the name of GuardDuty's agent begins, which an account's runtime monitoring adds to Fargate tasks."""
_KEEPER_DID_ITS_WORK = frozenset({None, 0, OVERDUE, 137, 143})
"""The keeper's exit codes that blame nothing on it: still there, all workers stopped, its deadline over, killed, told
to stop."""


def find_none(_definition: str) -> frozenset[str]:
    """Return no container: the attendants of task definitions that have neither log router nor proxy."""
    return frozenset()


def read_task(
    task: Mapping[str, Any], find_outline: FindOutline, now: float, attendants: FindAttendants = find_none
) -> LiveTask | StoppedTask:
    """Return what a description says of a task, and of what it does not say the outline by its group and its family.

    Its times are seconds since the epoch (``described.py``). It may lack every member but ``taskArn``. Without a date
    ``now`` stands for its creation, seconds since the epoch. ``attendants`` is asked where no worker is configured.
    """
    outline = find_outline(task.get("group"), _read_family(task))
    workers = _pick_workers(task, outline.worker, attendants)
    if task.get("lastStatus") in _STOPPED:
        return _read_stopped(task, outline, workers, now)
    if len(workers) < (outline.copies or 1):
        workers = ()
    statuses = [container.get("lastStatus") for container in workers]
    running, stopped = statuses.count(_RUNNING), sum(status in _STOPPED for status in statuses)
    created_at = _read_moment(task, "createdAt", now)
    return LiveTask(
        arn=task["taskArn"],
        scaler=outline.scaler,
        running=running,
        starting=len(statuses) - running - stopped if workers else outline.workers,
        created_at=now if created_at is None else created_at,
        exited=sum(container.get("exitCode") is not None for container in workers),
        start=Start(_read_moment(task, "startedAt", now)),
        company=_has_company(task, workers),
        stopped=stopped,
        draining=task.get("desiredStatus") == "STOPPED" or task.get("lastStatus") in _STOPPING,
        guessed=frozenset(
            part
            for part, told in ((Part.OWNER, task.get("group")), (Part.CREATION, created_at), (Part.CREW, workers))
            if not told
        ),
        family=_read_family(task),
        revision=_read_revision(task),
        size=_read_size(task.get("cpu"), task.get("memory")),
        provider=_read_provider(task),
        alone=len(workers) == len(_list_containers(task)) == 1,
    )


def guess_task(arn: str, find_outline: FindOutline, now: float) -> LiveTask:
    """Return a task that ECS knows but does not describe: it lives, and all else of it is guessed."""
    outline = find_outline(None, None)
    return LiveTask(arn, outline.scaler, 0, outline.workers, now, guessed=frozenset(Part))


def _read_stopped(
    task: Mapping[str, Any], outline: Outline, workers: Sequence[Mapping[str, Any]], now: float
) -> StoppedTask:
    outcome = _judge_outcome(task, workers)
    cause = _find_cause(outcome, task, workers)
    created_at = _read_moment(task, "createdAt", now)
    # What comes after the execution is ECS's own: taking the network interface away, above all.
    dates = (_read_moment(task, "executionStoppedAt", now), _read_moment(task, "stoppedAt", now), created_at)
    stopped_at = next((date for date in dates if date is not None), now)
    return StoppedTask(
        arn=task["taskArn"],
        scaler=outline.scaler,
        outcome=outcome,
        created_at=stopped_at if created_at is None else created_at,
        start=Start(_read_moment(task, "startedAt", now)),
        stopped_at=stopped_at,
        cause=None if cause is None else shorten(cause),
        company=_has_company(task, workers),
        family=_read_family(task),
        revision=_read_revision(task),
        provider=_read_provider(task),
    )


def _read_moment(task: Mapping[str, Any], member: str, now: float) -> float | None:
    """Return one of a task's times, seconds since the epoch; None if it is not there yet, or cannot be true."""
    moment: float | None = task.get(member)
    return None if moment is None or moment > now + _AHEAD else moment


def _read_family(task: Mapping[str, Any]) -> str | None:
    """Return the family of a task's definition; None if its ARN is not there, or is none."""
    name, colon, _revision = str(task.get("taskDefinitionArn", "")).rpartition("/")[2].rpartition(":")
    # Ten thousand tasks may live of one family: they share its name, as they do their size and provider.
    return intern(name) if colon else None


def _read_revision(task: Mapping[str, Any]) -> int | None:
    """Return which revision of its family a task was made from; None if its ARN does not tell."""
    return _read_number(str(task.get("taskDefinitionArn", "")).rpartition(":")[2])


def _read_provider(task: Mapping[str, Any]) -> str | None:
    name: str | None = task.get("capacityProviderName")
    return None if name is None else intern(name)


@lru_cache(maxsize=256)  # the same record for all tasks of a size
def _read_size(cpu: str | None, memory: str | None) -> Size | None:
    """Return the task-level CPU and memory, which ECS tells as texts; None if it tells neither."""
    size = Size(_read_number(cpu) or None, _read_number(memory) or None)
    return None if size == Size() else size


def _read_number(text: str | None) -> int | None:
    is_number = text is not None and text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text or "") if is_number else None


def _pick_workers(
    task: Mapping[str, Any], worker: str | None, attendants: FindAttendants
) -> Sequence[Mapping[str, Any]]:
    """Return the worker containers: the configured one, or its copies. None of them is told if not all are named.

    If none is configured they are all but the keeper, the log router and the proxy. A task from before ``container``
    was changed has neither worker nor copies: then all but the keeper count, which is never too few.
    """
    if any(container is None or not container.get("name") for container in task.get("containers") or ()):
        return ()
    containers = [container for container in _list_containers(task) if container["name"] != KEEPER]
    if worker is None and _are_copies(containers):
        return containers
    if worker is None:
        beside = attendants(str(task.get("taskDefinitionArn", "")))
        return [container for container in containers if container["name"] not in beside] or containers
    itself = [container for container in containers if container["name"] == worker]
    copies = copy_names(worker, MAX_COPIES)
    return itself or [container for container in containers if container["name"] in copies] or containers


def _are_copies(containers: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the containers are one, or copies of one, by their names: then there is nothing beside them."""
    names = {container["name"] for container in containers}
    return len(names) <= 1 or any(names == set(copy_names(name.removesuffix("-1"), len(names))) for name in names)


def _has_company(task: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> bool:
    return any(each not in workers and each["name"] != KEEPER for each in _list_containers(task))


def _list_containers(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the containers of the task's definition: not the agents that AWS puts beside them by itself."""
    named = [container for container in task.get("containers") or () if container and container.get("name")]
    return [container for container in named if not container["name"].startswith(_PUT_BY_AWS)]


def _find_cause(outcome: StopOutcome, task: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> str | None:
    """Return why a task stopped: by the first worker that failed, for ECS's reason tells of essential ones alone."""
    if outcome is StopOutcome.FAILED:
        failed = next(container for container in workers if container.get("exitCode"))
        said = f": {failed['reason']}" if failed.get("reason") else ""
        return f"container {failed['name']} exited with code {failed['exitCode']}{said}"
    if outcome is StopOutcome.DEADLINE:
        return f"{KEEPER} ended it: its deadline was over"
    stopped_reason: str | None = task.get("stoppedReason")
    return stopped_reason if outcome is StopOutcome.NO_CAPACITY else _find_start_failure(task) or stopped_reason


def _find_start_failure(task: Mapping[str, Any]) -> str | None:
    """Return why a container could not be made, or the keeper could not keep; None if neither happened."""
    for container in _list_containers(task):
        name, code, reason = container["name"], container.get("exitCode"), container.get("reason") or ""
        if code is None and _NOT_MADE.search(reason):
            return f"container {name}: {reason}"
        if name == KEEPER and code not in _KEEPER_DID_ITS_WORK:
            return f"container {name} exited with code {code}: see docs/keeper.md"
    return None


def _judge_outcome(task: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> StopOutcome:
    """Judge how a task ended: success is in the exit codes, for "essential container exited" says both."""
    stop_code = task.get("stopCode")
    if stop_code in _FAILED_TO_START and is_shortage(task.get("stoppedReason") or ""):
        return StopOutcome.NO_CAPACITY
    if stop_code == "TaskFailedToStart":
        return StopOutcome.START_FAILED
    if stop_code in _INTERRUPTED:
        return StopOutcome.INTERRUPTED
    if any(each["name"] == KEEPER and each.get("exitCode") == OVERDUE for each in _list_containers(task)):
        # Whatever its workers exit with then, they were told to stop.
        return StopOutcome.DEADLINE
    codes = [container.get("exitCode") for container in workers] or [None]
    if any(code not in {0, None} for code in codes):
        return StopOutcome.FAILED
    if None in codes:
        return StopOutcome.START_FAILED if _find_start_failure(task) else StopOutcome.UNKNOWN
    return StopOutcome.SUCCEEDED
