"""The task metadata endpoint, version 4: what a container may ask about its own task.

After the ECS developer guide ("Amazon ECS task metadata V4 JSON response"). The real endpoint has an address of its
own on the container's network; here it is at the address of the embedded AWS, where faults and the journal reach it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import METADATA_PREFIX, Answer, Json, json_answer

if TYPE_CHECKING:
    from controller.sandbox.aws.lifecycle import ContainerState
    from controller.sandbox.aws.task import Task
    from controller.sandbox.aws.tasks import Tasks

_TASK_PATH = re.compile(rf"{METADATA_PREFIX}([0-9a-f]{{32}})-\d{{10}}/task")


def container_path(task: Task, name: str) -> str:
    """Give the path of a container's own endpoint."""
    return METADATA_PREFIX + _runtime_id(task, name)


def task_answer(tasks: Tasks, path: str) -> Answer:
    """Answer ``<container's path>/task``; 404 for every other path, and once ECS has forgotten the task."""
    asked = _TASK_PATH.fullmatch(path)
    task = next((each for each in tasks.all() if asked and _id(each) == asked[1]), None)
    if task is None:
        return json_answer({"error": f"no task metadata at {path}"}, status=404)
    return json_answer(task_document(task, tasks.clock()))


def task_document(task: Task, now: float) -> Json:
    """Give the task with its containers; one that has not been created yet is not listed."""
    definition = task.definition
    states = task.life.containers(now)
    return {
        "Cluster": task.cluster,
        "TaskARN": task.arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": task.life.desired_status(now),
        "KnownStatus": task.life.last_status(now),
        "LaunchType": task.launch_type,
        "Containers": [
            _container(task, container, state)
            for container in definition.document["containerDefinitions"]
            if (state := states[container["name"]]).status != "PENDING"
        ],
    }


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
        "Image": container["image"],
        "Labels": {"com.amazonaws.ecs.container-name": name, "com.amazonaws.ecs.task-arn": task.arn},
        "DesiredStatus": "STOPPED" if state.stopped_at is not None else "RUNNING",
        "KnownStatus": state.status,
        "ContainerARN": task.container_arns[name],
        "Type": "NORMAL",
        **{key: value for key, value in known.items() if value is not None},
    }


def _runtime_id(task: Task, name: str) -> str:
    return f"{_id(task)}-{list(task.container_arns).index(name):010d}"


def _id(task: Task) -> str:
    return task.arn.rpartition("/")[2]


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
