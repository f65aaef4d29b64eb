"""What IAM would be asked about a call: the actions that it needs, on which resources, with which condition keys.

By the Service Authorization Reference of each service. A call of the controller's may need several: RunTask also passes
roles, and tags what it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from controller.sandbox.aws.queue_search import TAGGING

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.definitions import Definition
    from controller.sandbox.aws.journal import JournalEntry
    from controller.sandbox.aws.wire import Json

ANYTHING = "*"
"""The resource of an action that has none."""
_TASKS_SERVICE = "ecs-tasks.amazonaws.com"
_VOLUMES_SERVICE = "ecs.amazonaws.com"
_ROLES = ("taskRoleArn", "executionRoleArn")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to IAM: whether something may be done."""

    action: str
    resource: str
    """An ARN, or ``*``."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Values by condition key, those that the controller's policies go by."""


class Vault(Protocol):
    """Knows what AWS decrypts with a key before it gives it out, and how queues are tagged."""

    def is_secret(self, name: str) -> bool:
        """Say it of a parameter."""

    def is_encrypted(self, bucket: str, key: str) -> bool:
        """Say it of an object."""

    def tags_of(self, queue: str) -> Mapping[str, str]:
        """Return the tags of a queue."""


class Authorizations:
    """Says of calls to one account and region what IAM would be asked."""

    def __init__(
        self,
        arns: Arns,
        find_definition: Callable[[str], Definition | None],
        vault: Vault,
    ) -> None:
        """Take how a task definition is found, and who knows what is encrypted and tagged."""
        self._arns = arns
        self._find_definition = find_definition
        self._vault = vault
        self._by_operation = {
            ("sqs", "GetQueueUrl"): self._of_queue,
            ("sqs", "GetQueueAttributes"): self._of_queue,
            ("ecs", "ListTasks"): self._of_listing,
            ("ecs", "DescribeTasks"): self._of_descriptions,
            ("ecs", "RegisterTaskDefinition"): self._of_registration,
            ("ecs", "RunTask"): self._of_launch,
            ("ssm", "GetParameter"): self._of_parameter,
            ("ssm", "GetParameterHistory"): self._of_parameter,
            ("events", "PutEvents"): self._of_events,
            ("sts", "AssumeRole"): self._of_role,
            (TAGGING, "GetResources"): self._of_tagged,
            ("monitoring", "GetMetricData"): self._of_metrics,
            ("s3", "GetObject"): self._of_object,
            ("s3", "ListObjectVersions"): self._of_versions,
        }

    def list_asked(self, entry: JournalEntry) -> list[Asked]:
        """Return what IAM is asked for a call; of one that is not known here, its own action on anything."""
        find = self._by_operation.get((entry.service, entry.operation), self._of_anything)
        return list(find(entry))

    def _of_anything(self, entry: JournalEntry) -> Iterator[Asked]:
        yield Asked(f"{entry.service}:{entry.operation}", ANYTHING)

    def _of_queue(self, entry: JournalEntry) -> Iterator[Asked]:
        asked = entry.parameters
        name = asked.get("QueueName") or str(asked.get("QueueUrl")).rpartition("/")[2]
        tags = {f"aws:ResourceTag/{key}": value for key, value in self._vault.tags_of(name).items()}
        yield Asked(f"sqs:{entry.operation}", self._arns.of("sqs", name), tags)

    def _of_tagged(self, entry: JournalEntry) -> Iterator[Asked]:
        yield Asked(f"tag:{entry.operation}", ANYTHING)

    def _of_metrics(self, entry: JournalEntry) -> Iterator[Asked]:
        yield Asked(f"cloudwatch:{entry.operation}", ANYTHING)

    def _of_listing(self, entry: JournalEntry) -> Iterator[Asked]:
        yield Asked("ecs:ListTasks", ANYTHING, self._in_cluster(entry.parameters))

    def _of_descriptions(self, entry: JournalEntry) -> Iterator[Asked]:
        cluster = self._name_cluster(entry.parameters)
        for task in entry.parameters.get("tasks", ()):
            arn = self._arns.task(cluster, str(task).rpartition("/")[2])
            yield Asked("ecs:DescribeTasks", arn, self._in_cluster(entry.parameters))

    def _of_registration(self, entry: JournalEntry) -> Iterator[Asked]:
        asked = entry.parameters
        arn = self._arns.of("ecs", f"task-definition/{asked.get('family')}:*")
        yield Asked("ecs:RegisterTaskDefinition", arn)
        if asked.get("tags"):
            yield Asked("ecs:TagResource", arn, {"ecs:CreateAction": "RegisterTaskDefinition"})
        yield from self._pass_roles(asked)

    def _of_launch(self, entry: JournalEntry) -> Iterator[Asked]:
        asked = entry.parameters
        definition = self._find_definition(str(asked.get("taskDefinition")))
        if definition is None:
            return
        yield Asked("ecs:RunTask", definition.arn, self._in_cluster(asked))
        if asked.get("tags") or asked.get("enableECSManagedTags") or asked.get("propagateTags", "NONE") != "NONE":
            tasks = self._arns.task(self._name_cluster(asked), "*")
            yield Asked("ecs:TagResource", tasks, {"ecs:CreateAction": "RunTask"})
        yield from self._pass_roles(definition.document)
        for volume in asked.get("volumeConfigurations", ()):
            role = volume.get("managedEBSVolume", {}).get("roleArn")
            yield Asked("iam:PassRole", str(role), {"iam:PassedToService": _VOLUMES_SERVICE})

    def _of_events(self, entry: JournalEntry) -> Iterator[Asked]:
        for event in entry.parameters.get("Entries", ()):
            bus = str(event.get("EventBusName", "default"))
            arn = bus if bus.startswith("arn:") else self._arns.of("events", f"event-bus/{bus}")
            yield Asked("events:PutEvents", arn)

    def _of_role(self, entry: JournalEntry) -> Iterator[Asked]:
        yield Asked("sts:AssumeRole", str(entry.parameters.get("RoleArn")))

    def _of_parameter(self, entry: JournalEntry) -> Iterator[Asked]:
        name = str(entry.parameters.get("Name"))
        arn = self._arns.of("ssm", f"parameter/{name.removeprefix('/')}")
        yield Asked(f"ssm:{entry.operation}", arn)
        if entry.parameters.get("WithDecryption") and self._vault.is_secret(name):
            yield self._decrypt("ssm", {"kms:EncryptionContext:PARAMETER_ARN": arn})

    def _of_object(self, entry: JournalEntry) -> Iterator[Asked]:
        asked = entry.parameters
        action = "s3:GetObjectVersion" if "VersionId" in asked else "s3:GetObject"
        arn = f"arn:aws:s3:::{asked['Bucket']}/{asked['Key']}"
        yield Asked(action, arn)
        if self._vault.is_encrypted(asked["Bucket"], asked["Key"]):
            yield self._decrypt("s3", {"kms:EncryptionContext:aws:s3:arn": arn})

    def _of_versions(self, entry: JournalEntry) -> Iterator[Asked]:
        asked = entry.parameters
        yield Asked("s3:ListBucketVersions", f"arn:aws:s3:::{asked['Bucket']}", {"s3:prefix": asked.get("Prefix", "")})

    def _decrypt(self, service: str, context: Mapping[str, str]) -> Asked:
        """Return what a service asks for in the caller's name, of whatever key it is."""
        through = {"kms:ViaService": f"{service}.{self._arns.region}.amazonaws.com"}
        return Asked("kms:Decrypt", self._arns.of("kms", "key/of-the-owner"), {**through, **context})

    def _pass_roles(self, definition: Mapping[str, Any]) -> Iterator[Asked]:
        for role in filter(None, map(definition.get, _ROLES)):
            yield Asked("iam:PassRole", role, {"iam:PassedToService": _TASKS_SERVICE})

    def _in_cluster(self, parameters: Json) -> dict[str, str]:
        return {"ecs:cluster": self._arns.cluster(self._name_cluster(parameters))}

    def _name_cluster(self, parameters: Json) -> str:
        return str(parameters.get("cluster", "default")).rpartition("/")[2]
