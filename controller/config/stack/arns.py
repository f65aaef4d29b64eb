"""The ARNs of what a configuration names, as policies name them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from controller.core.address import Parameter, StoredObject
from controller.core.queue_names import is_url


@dataclass(frozen=True, slots=True)
class Account:
    """An account and a region in it, by their names or by those that a template fills in when it is deployed."""

    partition: str
    """``aws``, ``aws-cn``, ``aws-us-gov``."""
    region: str
    id: str

    @classmethod
    def of_deployment(cls, region: str | None) -> Account:
        """Return the account that a template is deployed to; ``region`` is the configuration's, if it names one."""
        return cls("${AWS::Partition}", region or "${AWS::Region}", "${AWS::AccountId}")

    @classmethod
    def of_arn(cls, arn: str) -> Account:
        """Return the account and region that an ARN names."""
        _, partition, _, region, account, _ = arn.split(":", 5)
        return cls(partition, region, account)

    def in_region(self, region: str | None) -> Account:
        """Return the same account in another region; None: in this one."""
        return self if region is None else replace(self, region=region)

    def fill_in(self, text: str) -> str:
        """Return a text of a template as it becomes when it is deployed here."""
        return (
            text.replace("${AWS::Partition}", self.partition)
            .replace("${AWS::Region}", self.region)
            .replace("${AWS::AccountId}", self.id)
        )

    def queue(self, queue: str) -> str:
        """Return the ARN of a queue that is given as a name, a URL or an ARN."""
        if queue.startswith("arn:"):
            return queue
        if not is_url(queue):
            return self._arn("sqs", queue)
        # https://sqs.REGION.amazonaws.com/ACCOUNT/NAME; the host tells nothing else that a policy names.
        split = urlsplit(queue)
        account, name = split.path.split("/")[-2:]
        host = (split.hostname or "").split(".")
        region = host[1] if host[0] == "sqs" and len(host) > 2 else self.region  # noqa: PLR2004 - sqs.REGION.DOMAIN
        return f"arn:{self.partition}:sqs:{region}:{account or self.id}:{name}"

    def event_bus(self, bus: str) -> str:
        """Return the ARN of an event bus that is given as a name or an ARN."""
        return bus if bus.startswith("arn:") else self._arn("events", f"event-bus/{bus}")

    def cluster(self, name: str) -> str:
        """Return the ARN of a cluster."""
        return self._arn("ecs", f"cluster/{name}")

    def tasks(self, cluster: str) -> str:
        """Return the ARNs of a cluster's tasks."""
        return self._arn("ecs", f"task/{cluster}/*")

    def definitions(self, family: str) -> str:
        """Return the ARNs of a family's revisions."""
        return self._arn("ecs", f"task-definition/{family}:*")

    def role(self, role: str) -> str:
        """Return the ARN of a role that a task definition names, by its ARN or its name."""
        return role if role.startswith("arn:") else f"arn:{self.partition}:iam::{self.id}:role/{role}"

    def parameter(self, parameter: Parameter) -> str:
        """Return the ARN of a parameter."""
        return self._arn("ssm", f"parameter/{parameter.name.removeprefix('/')}")

    def bucket(self, stored: StoredObject) -> str:
        """Return the ARN of the bucket that an object is in."""
        return f"arn:{self.partition}:s3:::{stored.bucket}"

    def object(self, stored: StoredObject) -> str:
        """Return the ARN of an object, of all its versions."""
        return f"{self.bucket(stored)}/{stored.key}"

    def keys(self) -> str:
        """Return the ARNs of the account's encryption keys."""
        return self._arn("kms", "key/*")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"


LONGEST = Account("aws-us-gov", "ap-southeast-2", "0" * 12)
"""Stands for an account that is not known, where characters are counted."""


def cluster_name(cluster: str) -> str:
    """Return the name of a cluster that is given as a name or an ARN."""
    return cluster.rpartition("/")[2]
