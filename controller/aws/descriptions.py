"""From DescribeTasks to the ledger's records: which worker containers of a task run, and how a task ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from controller.aws.errors import AwsError, Fault
from controller.core.copies.copies import KEEPER, MAX_COPIES, copy_names
from controller.core.decision.task import LiveTask, Start, StopOutcome, StoppedTask

_RUNNING = "RUNNING"
_STOPPED = frozenset({"STOPPED", "DELETED"})
_INTERRUPTED = frozenset(
    {"SpotInterruption", "TerminationNotice", "InfrastructureHealth", "UserInitiated", "ServiceSchedulerInitiated"}
)

_NOT_MADE = re.compile(r"Cannot\w*Error|ResourceInitializationError")
"""ECS's reasons for a container that could not be pulled, created or started."""
_PUT_BY_AWS = "aws-guardduty-agent-"
"""How the name of GuardDuty's agent begins, which an account's runtime monitoring adds to Fargate tasks."""
_KEEPER_DID_ITS_WORK = frozenset({None, 0, 137, 143})
"""The keeper's exit codes that blame nothing on it: still there, all workers stopped, killed, told to stop."""


FindAttendants = Callable[[str], frozenset[str]]
"""Returns the containers of a task definition, by its ARN, that are its log router or its proxy."""


def find_none(_definition: str) -> frozenset[str]:
    """Return no container: the attendants of task definitions that have neither log router nor proxy."""
    return frozenset()


def read_task(
    task: Mapping[str, Any], worker: str | None, attendants: FindAttendants = find_none
) -> LiveTask | StoppedTask:
    """Return what a description says of a task whose worker is configured as ``worker``; None: it is not configured.

    Raises AwsError when a live one names no container: how many workers it has is unknown, not zero.
    """
    workers = _pick_workers(task, worker, attendants)
    arn, scaler = task["taskArn"], task.get("group", "")
    if task["lastStatus"] in _STOPPED:
        outcome = _judge_outcome(task, workers)
        return StoppedTask(
            arn=arn,
            scaler=scaler,
            outcome=outcome,
            created_at=task["createdAt"].timestamp(),
            start=Start(_read_moment(task, "startedAt")),
            # What comes after the execution is ECS's own: taking the network interface away, above all.
            stopped_at=_read_moment(task, "executionStoppedAt")
            or _read_moment(task, "stoppedAt")
            or task["createdAt"].timestamp(),
            cause=_find_cause(outcome, task, workers),
            company=_has_company(task, workers),
        )
    if not workers:
        raise AwsError(Fault.SERVER_ERROR, f"task {arn}: described without containers")
    statuses = [container.get("lastStatus") for container in workers]
    return LiveTask(
        arn=arn,
        scaler=scaler,
        running=statuses.count(_RUNNING),
        starting=sum(status != _RUNNING and status not in _STOPPED for status in statuses),
        created_at=task["createdAt"].timestamp(),
        company=_has_company(task, workers),
        exited=sum(container.get("exitCode") is not None for container in workers),
        start=Start(_read_moment(task, "startedAt")),
    )


def _read_moment(task: Mapping[str, Any], member: str) -> float | None:
    """Return one of a task's times, seconds since the epoch; None if it is not there yet."""
    moment: datetime | None = task.get(member)
    return None if moment is None else moment.timestamp()


def _pick_workers(
    task: Mapping[str, Any], worker: str | None, attendants: FindAttendants
) -> Sequence[Mapping[str, Any]]:
    """Return the worker containers: the configured one, or its copies.

    If none is configured they are all but the keeper, the log router and the proxy. A task from before ``container``
    was changed has neither worker nor copies: then all but the keeper count, which is never too few.
    """
    containers = [container for container in _list_containers(task) if container["name"] != KEEPER]
    if worker is None and _are_copies(containers):
        return containers
    if worker is None:
        beside = attendants(task["taskDefinitionArn"])
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
    return [container for container in task.get("containers", []) if not container["name"].startswith(_PUT_BY_AWS)]


def _find_cause(outcome: StopOutcome, task: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> str | None:
    """Return why a task stopped: by the first worker that failed, for ECS's reason tells of essential ones alone."""
    if outcome is StopOutcome.FAILED:
        failed = next(container for container in workers if container.get("exitCode"))
        said = f": {failed['reason']}" if failed.get("reason") else ""
        return f"container {failed['name']} exited with code {failed['exitCode']}{said}"
    reason: str | None = _find_start_failure(task) or task.get("stoppedReason")
    return reason


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
    if stop_code == "TaskFailedToStart":
        return StopOutcome.START_FAILED
    if stop_code in _INTERRUPTED:
        return StopOutcome.INTERRUPTED
    codes = [container.get("exitCode") for container in workers] or [None]
    if any(code not in {0, None} for code in codes):
        return StopOutcome.FAILED
    if None in codes:
        return StopOutcome.START_FAILED if _find_start_failure(task) else StopOutcome.UNKNOWN
    return StopOutcome.SUCCEEDED
