"""The task metadata endpoint, version 4, where a container can ask about its own task.

It follows the ECS developer guide ("Amazon ECS task metadata V4 JSON response") and the ECS agent, which answers on
ECS. There the endpoint has its own address on the container's network; here it shares the address of the embedded AWS,
so that disturbances hit it and the journal records it.

Every path but ``/task`` is left out, and so are the parts of the document that are not measured here: clock drift,
ephemeral storage, health and log options. Networks and limits are made up. A container that waits for another is
absent until it starts; newer agents list it as PULLED once its image is pulled.
"""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import METADATA_PREFIX, HttpAnswer, Json

if TYPE_CHECKING:
    from controller.sandbox.aws.lifecycle import ContainerState, Life
    from controller.sandbox.aws.task import EmbeddedTask
    from controller.sandbox.aws.tasks import EmbeddedTasks

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


def build_container_path(task: EmbeddedTask, name: str) -> str:
    """Return the path of a container's own endpoint."""
    return METADATA_PREFIX + _build_runtime_id(task, name)


def answer_metadata(tasks: EmbeddedTasks, path: str) -> HttpAnswer:
    """Answer ``<path of a container>/task``.

    Everything else is 404, and so is a container that was not created yet, or whose task ECS has forgotten.
    """
    asked = _TASK_PATH.fullmatch(path)
    task = tasks.find_by_id(asked[2]) if asked else None
    if asked and task:
        document = describe_task(task, tasks.clock())
        if any(asked[1] == container["DockerId"] for container in document.get("Containers", ())):
            return _make_answer(200, document)
    return _make_answer(404, f"V4 task metadata handler: no container at {path}")


def describe_task(task: EmbeddedTask, now: float) -> Json:
    """Return the task with the containers that were created, in any order; no ``Containers`` if there are none."""
    definition, states = task.definition, task.life.containers(now)
    document: Json = {
        "Cluster": task.cluster,
        "TaskARN": task.arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": task.life.desired_status(now),
        "KnownStatus": _translate_status(task.life, now),
        "Limits": _LIMITS,
        "PullStartedAt": _format_time(task.life.pending_at),
        "PullStoppedAt": _format_time(task.life.ready_at),
        "LaunchType": task.launch_type,
    }
    created = [
        _describe_container(task, container, state)
        for container in definition.document["containerDefinitions"]
        if (state := states[container["name"]]).started_at is not None
    ]
    # The agent keeps them in a Go map, so the order differs from answer to answer.
    random.Random(f"{task.id}:{now}").shuffle(created)  # noqa: S311 - repeatable
    return document | ({"Containers": created} if created else {})


def _translate_status(life: Life, now: float) -> str:
    """Return the task's status in the agent's words, which differ from those of DescribeTasks."""
    if life.find_stop(now) is not None:
        return "STOPPED"
    return "NONE" if life.started_at(now) is None else "RUNNING"


def _describe_container(task: EmbeddedTask, container: Json, state: ContainerState) -> Json:
    name = container["name"]
    known: Json = {
        "ExitCode": state.exit_code,
        "StartedAt": _format_time(state.started_at),
        "FinishedAt": _format_time(state.stopped_at),
    }
    return {
        "DockerId": _build_runtime_id(task, name),
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
        "CreatedAt": _format_time(state.started_at),
        **{key: value for key, value in known.items() if value is not None},
        "Type": "NORMAL",
        "ContainerARN": task.container_arns[name],
        "Networks": [_NETWORK],
    }


def _build_runtime_id(task: EmbeddedTask, name: str) -> str:
    return f"{task.id}-{list(task.container_arns).index(name):010d}"


def _make_answer(status: int, document: Json | str) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(document, separators=(",", ":")).encode(), _HEADERS)


def _format_time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
