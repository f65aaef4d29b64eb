"""The rights that the controller needs for one configuration, each confined as far as IAM can.

What an action can be confined to is said by the Service Authorization Reference: its resource types and condition keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.stack.arns import Account, cluster_name
from controller.config.stack.kept_rights import read_configuration
from controller.config.stack.queue_rights import read_queues
from controller.config.stack.statement import ANYTHING, TASKS_SERVICE, VOLUMES_SERVICE, Rights, WorkerRoles
from controller.core.copies.copies import family_of
from controller.core.decision.policy import StartWithin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from controller.config.spec import ControllerSpec, ScalerSpec
    from controller.core.address import Remote

CLUSTERS_AT_ONCE = 8
"""In one statement: a cluster's name has 255 characters at most, and stands twice in what lets its tasks be seen."""

_Cluster = tuple[Account, str]
"""A cluster by its name, and the account and region that it is in."""


def list_rights(
    spec: ControllerSpec,
    account: Account,
    roles: WorkerRoles,
    address: Remote | None,
    shared_in: str | None = None,
    dead_letter_queues: Iterable[str] = (),
    runs_in: Account | None = None,
) -> list[Rights]:
    """Return what the controller may do; ``address`` is where it reads its configuration, None: not from AWS.

    ``account`` has the region that ``aws.region`` says. The configuration, which says so, is read in the region that
    the controller runs in, ``runs_in``; None: the same.
    ``shared_in`` is the cluster in which it looks for the controllers that share its work; None: it does not look.
    ``dead_letter_queues`` are those of the scalers' queues, by ARN, which the queue doctor reads as well.
    """
    rights = [
        *_work(spec, account, roles, None, shared_in, dead_letter_queues),
        *_assume_roles(spec),
        *_put_events(spec, account),
    ]
    return rights if address is None else [*rights, *read_configuration(address, runs_in or account)]


def list_rights_of_role(
    spec: ControllerSpec, role: str, region: str, roles: WorkerRoles, dead_letter_queues: Iterable[str] = ()
) -> list[Rights]:
    """Return what a role may do that scalers name; ``region`` is the controller's own.

    ``roles`` and ``dead_letter_queues`` are those of its account.
    """
    _, partition, _, _, account, _ = role.split(":", 5)
    return list(_work(spec, Account(partition, region, account), roles, role, None, dead_letter_queues))


def list_assumed_roles(spec: ControllerSpec) -> tuple[str, ...]:
    """Return the roles that scalers name, each once, in the configuration's order."""
    accesses = (access for scaler in spec.scalers for access in (scaler.queue_access, scaler.task_access))
    return tuple(dict.fromkeys(access.role_arn for access in accesses if access.role_arn is not None))


def _work(
    spec: ControllerSpec,
    account: Account,
    roles: WorkerRoles,
    role: str | None,
    shared_in: str | None,
    dead_letter_queues: Iterable[str],
) -> Iterator[Rights]:
    """Yield what the work of those scalers needs that a role does; None: the controller's own."""
    queues = [scaler for scaler in spec.scalers if scaler.queue_access.role_arn == role]
    workers = [scaler for scaler in spec.scalers if scaler.task_access.role_arn == role]
    clusters = dict.fromkeys(_find_cluster(scaler, account) for scaler in workers)
    if shared_in is not None:
        clusters[account, cluster_name(shared_in)] = None
    yield from read_queues(queues, account, dead_letter_queues)
    yield from _read_metrics(spec, queues)
    if clusters:
        yield from _read_tasks(clusters)
    if workers:
        yield from _read_definitions(workers)
        yield from _register_copies(workers, account)
        yield from _run_workers(workers, account)
        yield from _pass_roles(roles)
        yield from _pass_roles_of_volumes(workers)


def _read_metrics(spec: ControllerSpec, scalers: Sequence[ScalerSpec]) -> Iterator[Rights]:
    """Allow what CloudWatch counts of queues to be read, which has neither a resource type nor a condition key."""
    learns = any(isinstance(scaler.policy.demand, StartWithin) for scaler in scalers)
    if (spec.aws.asks_message_age and scalers) or (spec.aws.asks_cloudwatch and learns):
        yield Rights("LearnFromDeletedMessages", ("cloudwatch:GetMetricData",), (ANYTHING,))


def read_tasks(account: Account, clusters: Collection[str]) -> Iterator[Rights]:
    """Allow the tasks in clusters of one region, by name, to be seen: workers, and controllers that share the work."""
    return _read_tasks([(account, name) for name in clusters])


def _read_tasks(clusters: Iterable[_Cluster]) -> Iterator[Rights]:
    """Allow the tasks in clusters to be seen.

    ListTasks without a container instance has no resource, only the cluster as a condition, and a condition cannot be
    divided among policies: so many clusters fit into one, however long their names are.
    """
    clusters = list(clusters)
    parts = [clusters[first : first + CLUSTERS_AT_ONCE] for first in range(0, len(clusters), CLUSTERS_AT_ONCE)]
    for number, part in enumerate(parts, 1):
        suffix = "" if len(parts) == 1 else str(number)
        in_clusters = _in_clusters(place.cluster(name) for place, name in part)
        yield Rights(f"ListTasks{suffix}", ("ecs:ListTasks",), (ANYTHING,), in_clusters)
        tasks = tuple(place.tasks(name) for place, name in part)
        yield Rights(f"DescribeTasks{suffix}", ("ecs:DescribeTasks",), tasks, in_clusters)


def _read_definitions(scalers: Sequence[ScalerSpec]) -> Iterator[Rights]:
    """Neither action has a resource type or a condition key."""
    lists = any(_makes_copies(scaler) or scaler.policy.rollout is not None for scaler in scalers)
    listing = ("ecs:ListTaskDefinitions",) if lists else ()
    yield Rights("ReadTaskDefinitions", ("ecs:DescribeTaskDefinition", *listing), (ANYTHING,))


def _register_copies(scalers: Sequence[ScalerSpec], account: Account) -> Iterator[Rights]:
    derived = _list(scalers, lambda scaler: [_derived(scaler, account)] if _makes_copies(scaler) else [])
    if derived:
        yield Rights("RegisterCopies", ("ecs:RegisterTaskDefinition",), derived)
        yield Rights("TagCopies", ("ecs:TagResource",), derived, _on_create("RegisterTaskDefinition"))


def _run_workers(scalers: Sequence[ScalerSpec], account: Account) -> Iterator[Rights]:
    """Allow each family in its own clusters, by a statement for each cluster."""
    clusters = list(dict.fromkeys(_find_cluster(scaler, account) for scaler in scalers))
    for number, (place, name) in enumerate(clusters, 1):
        suffix = "" if len(clusters) == 1 else str(number)
        within = [scaler for scaler in scalers if _find_cluster(scaler, account) == (place, name)]
        families = _list(within, lambda scaler: _families(scaler, account))
        yield Rights(f"RunWorkers{suffix}", ("ecs:RunTask",), families, _in_clusters([place.cluster(name)]))
    tagging = dict.fromkeys(_find_cluster(scaler, account) for scaler in scalers if _tags(scaler))
    if tagging:
        tagged = tuple(place.tasks(name) for place, name in tagging)
        yield Rights("TagWorkers", ("ecs:TagResource",), tagged, _on_create("RunTask"))


def _pass_roles(roles: WorkerRoles) -> Iterator[Rights]:
    if roles.arns or roles.parameter:
        to_tasks = {"StringEquals": {"iam:PassedToService": (TASKS_SERVICE,)}}
        yield Rights("PassWorkerRoles", ("iam:PassRole",), roles.arns, to_tasks, roles.parameter)


def _pass_roles_of_volumes(scalers: Sequence[ScalerSpec]) -> Iterator[Rights]:
    """Allow the roles of EBS volumes that RunTask has made for each task, which the configuration names."""
    roles = _list(scalers, lambda scaler: map(_role_of, scaler.task.run_task.get("volumeConfigurations", ())))
    if named := tuple(filter(None, roles)):
        to_volumes = {"StringEquals": {"iam:PassedToService": (VOLUMES_SERVICE,)}}
        yield Rights("PassVolumeRoles", ("iam:PassRole",), named, to_volumes)


def _role_of(volume: Mapping[str, Any]) -> str:
    """Return the role of a volume; empty: it names none."""
    return str(volume.get("managedEBSVolume", {}).get("roleArn", ""))


def _assume_roles(spec: ControllerSpec) -> Iterator[Rights]:
    """Allow exactly the roles that scalers name to be assumed; each of them has to trust the controller as well."""
    if roles := list_assumed_roles(spec):
        yield Rights("AssumeRoles", ("sts:AssumeRole",), roles)


def _put_events(spec: ControllerSpec, account: Account) -> Iterator[Rights]:
    """Allow changes to be told to the buses that are configured; PutEvents is confined by a bus's ARN."""
    buses = tuple(dict.fromkeys(account.event_bus(each.bus) for each in spec.events if each.bus is not None))
    if buses:
        yield Rights("PutEvents", ("events:PutEvents",), buses)


def _find_cluster(scaler: ScalerSpec, account: Account) -> _Cluster:
    return account.in_region(scaler.task_access.region), cluster_name(scaler.task.cluster)


def _families(scaler: ScalerSpec, account: Account) -> list[str]:
    """Return the definitions that a scaler runs."""
    template = account.in_region(scaler.task_access.region).definitions(family_of(scaler.task.definition))
    return [template, _derived(scaler, account)] if _makes_copies(scaler) else [template]


def _derived(scaler: ScalerSpec, account: Account) -> str:
    """Return the families of copies: ``?`` stands for the one digit of their number."""
    place = account.in_region(scaler.task_access.region)
    return place.definitions(f"{family_of(scaler.task.definition)}-x?")


def _makes_copies(scaler: ScalerSpec) -> bool:
    """Say whether anything is derived from a scaler's template: with a deadline even a single worker has a keeper."""
    return scaler.task.keeper.keeps(min(scaler.packing.max_containers_per_task, scaler.most_containers))


def _tags(scaler: ScalerSpec) -> bool:
    """Say whether the tasks of a scaler carry tags from their start, which is a right of its own."""
    asked = scaler.task.run_task
    return bool(asked.get("tags") or asked.get("enableECSManagedTags")) or asked.get("propagateTags") not in (
        None,
        "NONE",
    )


def _list(scalers: Iterable[ScalerSpec], find: Callable[[ScalerSpec], Iterable[str]]) -> tuple[str, ...]:
    """Return what is found for scalers, each once, in the configuration's order."""
    return tuple(dict.fromkeys(found for scaler in scalers for found in find(scaler)))


def _in_clusters(arns: Iterable[str]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    return {"ArnEquals": {"ecs:cluster": tuple(arns)}}


def _on_create(operation: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    return {"StringEquals": {"ecs:CreateAction": (operation,)}}
