"""The rights that the controller needs for one configuration, each confined as far as IAM can.

What an action can be confined to is said by the Service Authorization Reference: its resource types and condition keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.config.stack.arns import Account, cluster_name
from controller.core.address import Parameter, Remote, StoredObject
from controller.core.copies.copies import family_of
from controller.core.decision.policy import StartWithin
from controller.core.queue_names import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from controller.config.spec import ControllerSpec, QueueSearch, ScalerSpec

ANYTHING = "*"
"""The resource of an action that has none, or that is confined by its condition alone."""
TASKS_SERVICE = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True, slots=True)
class WorkerRoles:
    """The roles of the templates, which the controller passes on to the tasks that it starts."""

    arns: tuple[str, ...] = ()
    parameter: str | None = None
    """The parameter of the template that lists them instead; None: ``arns`` does."""


@dataclass(frozen=True, slots=True)
class Rights:
    """One statement of a policy: what is allowed, on what, and when."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Values by operator and key."""
    parameter: str | None = None
    """The template's parameter that lists the resources instead of ``resources``; None: they are known."""


def list_rights(
    spec: ControllerSpec,
    account: Account,
    roles: WorkerRoles,
    address: Remote | None,
    shared_in: str | None = None,
    dead_letter_queues: Iterable[str] = (),
) -> list[Rights]:
    """Return what the controller may do; ``address`` is where it reads its configuration, None: not from AWS.

    ``shared_in`` is the cluster in which it looks for the controllers that share its work; None: it does not look.
    ``dead_letter_queues`` are those of the scalers' queues, by ARN, which the queue doctor reads as well.
    """
    clusters = dict.fromkeys(_list(spec, lambda scaler: [cluster_name(scaler.task.cluster)]))
    if shared_in is not None:
        clusters[cluster_name(shared_in)] = None
    rights = [
        *_read_queues(spec, account, dead_letter_queues),
        *_read_metrics(spec),
        *read_tasks(account, clusters),
        *_read_definitions(spec),
        *_register_copies(spec, account),
        *_run_workers(spec, account),
        *_pass_roles(roles),
        *_put_events(spec, account),
    ]
    if isinstance(address, Parameter):
        rights += _read_parameter(address, account)
    if isinstance(address, StoredObject):
        rights += _read_object(address, account)
    return rights


def _read_queues(spec: ControllerSpec, account: Account, dead_letter_queues: Iterable[str]) -> Iterator[Rights]:
    """Allow the queues to be counted, and those that are given by name or ARN to be looked up.

    What is found by its name is read in any case, and may be a dead-letter queue or one that is configured as well.
    """
    prefixes = tuple(account.queue(search.prefix) for search in _list_searches(spec) if search.prefix)
    configured = _list(spec, lambda scaler: [account.queue(each) for each in scaler.queues if not is_url(each)])
    named = tuple(
        arn
        for arn in dict.fromkeys((*configured, *map(account.queue, dead_letter_queues)))
        if not arn.startswith(prefixes)
    )
    by_url = _list(spec, lambda scaler: map(account.queue, scaler.queues))
    only_counted = tuple(arn for arn in by_url if arn not in named and not arn.startswith(prefixes))
    if named:
        yield Rights("ReadQueues", ("sqs:GetQueueUrl", "sqs:GetQueueAttributes"), named)
    if only_counted:
        yield Rights("CountQueues", ("sqs:GetQueueAttributes",), only_counted)
    yield from _find_queues(spec, account)


def _find_queues(spec: ControllerSpec, account: Account) -> Iterator[Rights]:
    """Allow queues to be looked for, which cannot be confined, and those that are found to be read, which can.

    Those found by their tags are any queues with these tags. GetResources gives no URLs, so that those are looked up.
    """
    searches = _list_searches(spec)
    named = tuple(dict.fromkeys(account.queue(f"{search.prefix}*") for search in searches if search.prefix))
    tagged = list(dict.fromkeys(search.tags for search in searches if search.prefix is None))
    reads = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")
    if named:
        yield Rights("FindQueuesByName", ("sqs:ListQueues",), (ANYTHING,))
        yield Rights("ReadQueuesByName", reads, named)
    if tagged:
        yield Rights("FindQueuesByTags", ("tag:GetResources",), (ANYTHING,))
    for number, tags in enumerate(tagged, 1):
        suffix = "" if len(tagged) == 1 else str(number)
        with_tags = {"StringEquals": {f"aws:ResourceTag/{key}": (value,) for key, value in tags}}
        yield Rights(f"ReadQueuesByTags{suffix}", reads, (account.queue("*"),), with_tags)


def _list_searches(spec: ControllerSpec) -> list[QueueSearch]:
    return list(dict.fromkeys(scaler.search for scaler in spec.scalers if scaler.search is not None))


def _read_metrics(spec: ControllerSpec) -> Iterator[Rights]:
    """Allow what CloudWatch counts of queues to be read, which has neither a resource type nor a condition key."""
    learns = any(isinstance(scaler.policy.demand, StartWithin) for scaler in spec.scalers)
    if spec.aws.asks_message_age or (spec.aws.asks_cloudwatch and learns):
        yield Rights("LearnFromDeletedMessages", ("cloudwatch:GetMetricData",), (ANYTHING,))


def read_tasks(account: Account, clusters: Collection[str]) -> Iterator[Rights]:
    """Allow the tasks in clusters, by name, to be seen: workers, and controllers that share the work.

    ListTasks without a container instance has no resource, only the cluster as a condition.
    """
    in_clusters = _in_clusters(map(account.cluster, clusters))
    yield Rights("ListTasks", ("ecs:ListTasks",), (ANYTHING,), in_clusters)
    yield Rights("DescribeTasks", ("ecs:DescribeTasks",), tuple(map(account.tasks, clusters)), in_clusters)


def _read_definitions(spec: ControllerSpec) -> Iterator[Rights]:
    """Neither action has a resource type or a condition key."""
    listing = ("ecs:ListTaskDefinitions",) if any(map(_makes_copies, spec.scalers)) else ()
    yield Rights("ReadTaskDefinitions", ("ecs:DescribeTaskDefinition", *listing), (ANYTHING,))


def _register_copies(spec: ControllerSpec, account: Account) -> Iterator[Rights]:
    derived = _list(spec, lambda scaler: [_derived(scaler, account)] if _makes_copies(scaler) else [])
    if derived:
        yield Rights("RegisterCopies", ("ecs:RegisterTaskDefinition",), derived)
        yield Rights("TagCopies", ("ecs:TagResource",), derived, _on_create("RegisterTaskDefinition"))


def _run_workers(spec: ControllerSpec, account: Account) -> Iterator[Rights]:
    """Allow each family in its own clusters, by a statement for each cluster."""
    clusters = _list(spec, lambda scaler: [cluster_name(scaler.task.cluster)])
    for number, name in enumerate(clusters, 1):
        suffix = "" if len(clusters) == 1 else str(number)
        families = _list(spec, lambda scaler, name=name: _families(scaler, account, name))  # type: ignore[misc]
        yield Rights(f"RunWorkers{suffix}", ("ecs:RunTask",), families, _in_clusters([account.cluster(name)]))
    tagged = _list(spec, lambda scaler: [account.tasks(cluster_name(scaler.task.cluster))] if _tags(scaler) else [])
    if tagged:
        yield Rights("TagWorkers", ("ecs:TagResource",), tagged, _on_create("RunTask"))


def _pass_roles(roles: WorkerRoles) -> Iterator[Rights]:
    if roles.arns or roles.parameter:
        to_tasks = {"StringEquals": {"iam:PassedToService": (TASKS_SERVICE,)}}
        yield Rights("PassWorkerRoles", ("iam:PassRole",), roles.arns, to_tasks, roles.parameter)


def _put_events(spec: ControllerSpec, account: Account) -> Iterator[Rights]:
    """Allow changes to be told to the buses that are configured; PutEvents is confined by a bus's ARN."""
    buses = tuple(dict.fromkeys(account.event_bus(each.bus) for each in spec.events if each.bus is not None))
    if buses:
        yield Rights("PutEvents", ("events:PutEvents",), buses)


def _read_parameter(parameter: Parameter, account: Account) -> Iterator[Rights]:
    """Allow the parameter; a SecureString is decrypted on the reader's behalf, by any key of the account."""
    arn = account.parameter(parameter)
    yield Rights("ReadConfiguration", ("ssm:GetParameter", "ssm:GetParameterHistory"), (arn,))
    yield _decrypt(account, "ssm", {"kms:EncryptionContext:PARAMETER_ARN": (arn,)})


def _read_object(stored: StoredObject, account: Account) -> Iterator[Rights]:
    """Allow the object, and earlier versions for where the newest is bad.

    What encrypts it is bound to the object, or with a bucket key to the bucket.
    """
    arn, bucket = account.object(stored), account.bucket(stored)
    if stored.version is None:
        yield Rights("ReadConfiguration", ("s3:GetObject", "s3:GetObjectVersion"), (arn,))
        only_its_own = {"StringEquals": {"s3:prefix": (stored.key,)}}
        yield Rights("FindEarlierConfigurations", ("s3:ListBucketVersions",), (bucket,), only_its_own)
    else:
        yield Rights("ReadConfiguration", ("s3:GetObjectVersion",), (arn,))
    yield _decrypt(account, "s3", {"kms:EncryptionContext:aws:s3:arn": (arn, bucket)})


def _decrypt(account: Account, service: str, context: Mapping[str, tuple[str, ...]]) -> Rights:
    through = {"kms:ViaService": (f"{service}.{account.region}.amazonaws.com",), **context}
    return Rights("DecryptConfiguration", ("kms:Decrypt",), (account.keys(),), {"StringEquals": through})


def _families(scaler: ScalerSpec, account: Account, cluster: str) -> list[str]:
    """Return the definitions that a scaler runs in a cluster."""
    if cluster_name(scaler.task.cluster) != cluster:
        return []
    template = account.definitions(family_of(scaler.task.definition))
    return [template, _derived(scaler, account)] if _makes_copies(scaler) else [template]


def _derived(scaler: ScalerSpec, account: Account) -> str:
    """Return the families of copies: ``?`` stands for the one digit of their number."""
    return account.definitions(f"{family_of(scaler.task.definition)}-x?")


def _makes_copies(scaler: ScalerSpec) -> bool:
    return min(scaler.packing.max_containers_per_task, scaler.policy.max_containers) > 1


def _tags(scaler: ScalerSpec) -> bool:
    """Say whether the tasks of a scaler carry tags from their start, which is a right of its own."""
    asked = scaler.task.run_task
    return bool(asked.get("tags") or asked.get("enableECSManagedTags")) or asked.get("propagateTags") not in (
        None,
        "NONE",
    )


def _list(spec: ControllerSpec, find: Callable[[ScalerSpec], Iterable[str]]) -> tuple[str, ...]:
    """Return what is found for the scalers, each once, in the configuration's order."""
    return tuple(dict.fromkeys(found for scaler in spec.scalers for found in find(scaler)))


def _in_clusters(arns: Iterable[str]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    return {"ArnEquals": {"ecs:cluster": tuple(arns)}}


def _on_create(operation: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    return {"StringEquals": {"ecs:CreateAction": (operation,)}}
