"""One task: its parameters, its life, and its description in an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.sandbox.aws.definition_rules import order_by_dependency
from controller.sandbox.aws.lifecycle import Part
from controller.sandbox.aws.run_task_rules import FARGATE_PROVIDERS

if TYPE_CHECKING:
    from controller.sandbox.aws.definitions import Definition
    from controller.sandbox.aws.lifecycle import ContainerState, Life
    from controller.sandbox.aws.wire import Json


@dataclass(frozen=True, slots=True)
class EmbeddedTask:
    """A task that RunTask started. Only its life changes."""

    arn: str
    cluster: str
    """The cluster's name."""
    cluster_arn: str
    definition: Definition
    group: str
    started_by: str
    launch_type: str
    capacity_provider: str | None
    overrides: Json
    tags: tuple[Json, ...]
    subnet: str | None
    client_token: str
    container_arns: dict[str, str]
    life: Life

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]

    def describe(self, now: float, *, with_tags: bool = False) -> Json:
        """Return the task at ``now`` as an answer shows it."""
        states = self.life.containers(now)
        document = self.definition.document
        shown = {
            "taskArn": self.arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.definition.arn,
            "group": self.group,
            "lastStatus": self.life.last_status(now),
            "desiredStatus": self.life.desired_status(now),
            "launchType": self.launch_type,
            "createdAt": self.life.created_at,
            "containers": []
            if self._waits_for_instance(now)
            else [
                self._describe_container(container, states[container["name"]])
                for container in document["containerDefinitions"]
                if self.life.placed or self.life.find_stop(now) is None
            ],
            "overrides": self._describe_overrides(),
            "attachments": self._describe_attachments(),
            "healthStatus": self.life.health,
        }
        optional = {
            "startedBy": self.started_by,
            "capacityProviderName": self.capacity_provider,
            "cpu": document.get("cpu"),
            "memory": document.get("memory"),
            "tags": list(self.tags) if with_tags else None,
        }
        return shown | {key: value for key, value in optional.items() if value} | self._describe_times(now)

    def _waits_for_instance(self, now: float) -> bool:
        """Say whether its capacity provider scales up for it: ECS then describes it without containers."""
        on_instances = self.capacity_provider is not None and self.capacity_provider not in FARGATE_PROVIDERS
        return on_instances and self.life.last_status(now) == "PROVISIONING"

    def _describe_overrides(self) -> Json:
        """Return the overrides as ECS shows them: one for every container, most of them empty."""
        given = {override["name"]: override for override in self.overrides.get("containerOverrides", ())}
        shown = [given.get(name, {"name": name}) for name in self.container_arns]
        return {"inferenceAcceleratorOverrides": []} | self.overrides | {"containerOverrides": shown}

    def _describe_times(self, now: float) -> Json:
        stop = self.life.find_stop(now)
        times: Json = {
            "startedAt": self.life.started_at(now),
            "stoppingAt": stop.at if stop else None,
            "stopCode": stop.code if stop else None,
            "stoppedReason": stop.reason if stop else None,
            "executionStoppedAt": stop.at if stop else None,
            "stoppedAt": self.life.stopped_at(now),
        }
        return {key: value for key, value in times.items() if value is not None}

    def _describe_container(self, container: Json, state: ContainerState) -> Json:
        name = container["name"]
        shown = {
            "containerArn": self.container_arns[name],
            "taskArn": self.arn,
            "name": name,
            "image": container["image"],
            "lastStatus": state.status,
            "healthStatus": "UNKNOWN",
            "networkInterfaces": [],
            "cpu": str(container["cpu"]),
        }
        if "memory" in container:
            shown["memory"] = str(container["memory"])
        if state.exit_code is not None:
            shown["exitCode"] = state.exit_code
        return shown

    def _describe_attachments(self) -> list[Json]:
        if self.subnet is None:
            return []
        details = [{"name": "subnetId", "value": self.subnet}]
        return [{"id": self.id, "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details}]


def read_parts(definition: Definition) -> tuple[Part, ...]:
    """Return a definition's containers as their lives depend on them, in dependency order."""
    return tuple(
        Part(
            name=container["name"],
            essential=container["essential"],
            depends_on=tuple((d["containerName"], d["condition"]) for d in container.get("dependsOn", ())),
        )
        for container in order_by_dependency(definition.document["containerDefinitions"])
    )
