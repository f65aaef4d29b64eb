"""The task metadata endpoint, version 4: what a container may ask about its own task.

After the ECS developer guide ("Amazon ECS task metadata V4 JSON response") and the ECS agent, which answers it. The
real endpoint has an address of its own on the container's network; here it is at the address of the embedded AWS,
where faults and the journal reach it.

Left out: every path but ``/task``; of the document, what nobody here measures (clock drift, ephemeral storage, health,
log options). Networks and limits are made up. A container that waits for another is absent until it starts; newer
agents list it once its image is pulled, as PULLED.
"""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import METADATA_PREFIX, Answer, Json

if TYPE_CHECKING:
    from controller.sandbox.aws.lifecycle import ContainerState, Life
    from controller.sandbox.aws.task import Task
    from controller.sandbox.aws.tasks import Tasks

_TASK_PATH = re.compile(rf"{METADATA_PREFIX}(([0-9a-f]{{32}})-\d{{10}})/task")
_HEADERS = {"Content-Type": "application/json"}
_LIMITS = {"CPU": 0.25, "Memory": 512}
_NETWORK = {
    "NetworkMode": "awsvpc",
    "IPv4Addresses": ["10.0.2.61"],
    "AttachmentIndex": 0,
    "IPv4SubnetCIDRBlock": "10.0.2.0/24",
    "DomainNameServers": ["10.0.0.2"],
    "SubnetGatewayIpv4Address": "10.0.2.1/24",
}


def container_path(task: Task, name: str) -> str:
    """Give the path of a container's own endpoint."""
    return METADATA_PREFIX + _runtime_id(task, name)


def task_answer(tasks: Tasks, path: str) -> Answer:
    """Answer ``<path of a container that was created>/task``; 404 for the rest, and once ECS has forgotten the task."""
    asked = _TASK_PATH.fullmatch(path)
    task = tasks.of_id(asked[2]) if asked else None
    if asked and task:
        document = task_document(task, tasks.clock())
        if any(asked[1] == container["DockerId"] for container in document.get("Containers", ())):
            return _answer(200, document)
    return _answer(404, f"V4 task metadata handler: no container at {path}")


def task_document(task: Task, now: float) -> Json:
    """Give the task with the containers that were created, in any order; without ``Containers`` if there are none."""
    definition, states = task.definition, task.life.containers(now)
    document: Json = {
        "Cluster": task.cluster,
        "TaskARN": task.arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": task.life.desired_status(now),
        "KnownStatus": _known_status(task.life, now),
        "Limits": _LIMITS,
        "PullStartedAt": _time(task.life.pending_at),
        "PullStoppedAt": _time(task.life.ready_at),
        "LaunchType": task.launch_type,
    }
    created = [
        _container(task, container, state)
        for container in definition.document["containerDefinitions"]
        if (state := states[container["name"]]).started_at is not None
    ]
    # The agent keeps them in a Go map: each answer has an order of its own.
    random.Random(f"{task.id}:{now}").shuffle(created)  # noqa: S311 - repeatable
    return document | ({"Containers": created} if created else {})


def _known_status(life: Life, now: float) -> str:
    """Give the task's status in the agent's words, which are not those of DescribeTasks."""
    if life.stop_at(now) is not None:
        return "STOPPED"
    return "NONE" if life.started_at(now) is None else "RUNNING"


def _container(task: Task, container: Json, state: ContainerState) -> Json:
    name = container["name"]
    known: Json = {
        "ExitCode": state.exit_code,
        "StartedAt": _time(state.started_at),
        "FinishedAt": _time(state.stopped_at),
    }
    return {
        "DockerId": _runtime_id(task, name),
        "Name": name,
        "DockerName": name,
        "Image": container["image"],
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster_arn,
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": task.definition.family,
            "com.amazonaws.ecs.task-definition-version": str(task.definition.revision),
        },
        "DesiredStatus": "STOPPED" if state.stopped_at is not None else "RUNNING",
        "KnownStatus": state.status,
        "Limits": {"CPU": container["cpu"]},
        "CreatedAt": _time(state.started_at),
        **{key: value for key, value in known.items() if value is not None},
        "Type": "NORMAL",
        "ContainerARN": task.container_arns[name],
        "Networks": [_NETWORK],
    }


def _runtime_id(task: Task, name: str) -> str:
    return f"{task.id}-{list(task.container_arns).index(name):010d}"


def _answer(status: int, document: Json | str) -> Answer:
    return Answer(status, json.dumps(document, separators=(",", ":")).encode(), _HEADERS)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
