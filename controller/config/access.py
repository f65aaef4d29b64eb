"""The account and region of a scaler's queue and of its cluster: built from its section ``aws``, and checked.

One region and one role hold for both. With ``queue_role_arn`` the queue is somewhere else: then its ARN or URL says in
which region, if it says one. An external id goes along with every role: a trust policy that asks for none ignores it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.config import formats
from controller.config.document import get
from controller.config.problems import Finding, KeyPath, format_path
from controller.config.regions import find_account, find_partition, find_region, partition_of
from controller.config.spec import OWN, AccessSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from controller.config.aws_schema import ScalerAws

OWN_ROLE = "own"
"""For ``queue_role_arn``: the controller's own credentials."""
_OF_CLUSTER: tuple[tuple[str, ...], ...] = (("task", "cluster"), ("task", "definition"))
"""The keys of a scaler whose values have to be where its cluster is."""


def build_accesses(aws: ScalerAws, queues: Iterable[str], region: str | None) -> tuple[AccessSpec, AccessSpec]:
    """Return how a scaler's queues and its cluster are reached; ``region`` is the controller's, if that is named."""
    tasks = _build_access(aws.region, aws.role_arn, aws.external_id, region)
    if aws.queue_role_arn is None:
        return tasks, tasks
    role = None if aws.queue_role_arn == OWN_ROLE else aws.queue_role_arn
    named = next(filter(None, map(find_region, queues)), None)
    return _build_access(named or aws.region, role, aws.external_id, region), tasks


def _build_access(region: str | None, role: str | None, external_id: str | None, own: str | None) -> AccessSpec:
    """Return an access, with the one object for the controller's own account and region."""
    access = AccessSpec(None if region == own else region, role, None if role is None else external_id)
    return OWN if access == OWN else access


@dataclass(frozen=True, slots=True)
class _Side:
    """What a scaler says of the place of its queue, or of its cluster."""

    region: str | None
    region_key: str
    """The key that says the region, as messages name it."""
    other_region: str
    """What else to do about another region, after a comma; empty: nothing."""
    role: str | None
    role_key: str
    other_account: str
    """What else to do about another account."""


def check_access(data: Any, scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find what a scaler names in another region, account or partition than it says its queue or cluster is in."""
    yield from _check_keys(data, scaler, path)
    yield from _check_search(scaler, path)
    queue, tasks = _read_sides(data, scaler, format_path((*path, "aws")))
    listed: dict[KeyPath, Any] = {("queue",): get(scaler, str, "queue")}
    listed |= {("queues", index): each for index, each in enumerate(get(scaler, list, "queues") or [])}
    is_apart = get(scaler, str, "aws", "queue_role_arn") is not None
    if (is_apart or queue.region is None) and (regions := list(filter(None, map(_region_of, listed.values())))):
        queue = replace(queue, region=regions[0], region_key="that of the first one", other_region="")
    named: dict[KeyPath, tuple[Any, _Side]] = {keys: (name, queue) for keys, name in listed.items()}
    named |= {keys: (get(scaler, str, *keys), tasks) for keys in _OF_CLUSTER}
    for keys, (name, side) in named.items():
        if isinstance(name, str) and (message := _find_contradiction(name, side)):
            yield Finding((*path, *keys), message)


def _region_of(name: Any) -> str | None:
    return find_region(name) if isinstance(name, str) else None


def _check_search(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find queues that are looked for in another account or region, which the controller does not do."""
    if get(scaler, dict, "queues") is None:
        return
    queue_role = get(scaler, str, "aws", "queue_role_arn") or get(scaler, str, "aws", "role_arn")
    if get(scaler, str, "aws", "region") is not None or queue_role not in {None, OWN_ROLE}:
        message = "are looked for in the controller's own account and region alone: list them, or set"
        yield Finding((*path, "queues"), f"{message} aws.queue_role_arn to own, without a region")


def _read_sides(data: Any, scaler: Any, section: str) -> tuple[_Side, _Side]:
    """Return what is said of the queue and of the cluster; ``section`` is the scaler's, as messages name it.

    A value of a wrong form says nothing, and the controller's region nothing beside an endpoint, which may be of any.
    """
    own = None if get(data, str, "aws", "endpoint_url") else _read(data, formats.REGION, "aws", "region")
    region, role = _read(scaler, formats.REGION, "aws", "region"), _read(scaler, formats.ROLE, "aws", "role_arn")
    queue_role = _read(scaler, formats.QUEUE_ROLE, "aws", "queue_role_arn")
    region_key = "aws.region" if region is None else f"{section}.region"
    other_region = f", or set {section}.region" if region is None else ""
    only_queue = f", or for the queue alone {section}.queue_role_arn (own: by the controller's own credentials)"
    tasks = _Side(region or own, region_key, other_region, role, f"{section}.role_arn", "")
    if queue_role is None:
        return replace(tasks, other_region=f"{other_region}{only_queue}", other_account=only_queue), tasks
    named = None if queue_role == OWN_ROLE else queue_role
    return _Side(None, region_key, "", named, f"{section}.queue_role_arn", ""), tasks


def _find_contradiction(name: str, side: _Side) -> str | None:
    region, account, partition = find_region(name), find_account(name), find_partition(name)
    if side.region is not None and region not in {None, side.region}:
        change = f"change one of the two{side.other_region}"
        return f"is in {region}, but {side.region_key} is {side.region}: {change}"
    if side.role is None:
        return None
    role_partition, role_account = find_partition(side.role), find_account(side.role)
    other = next((each for each in (partition, partition_of(region)) if each not in {None, role_partition}), None)
    if other is not None:
        return f"is in the partition {other}, but {side.role_key} is a role of {role_partition}: change one of the two"
    if account not in {None, role_account}:
        change = f"change one of the two{side.other_account}"
        return f"is in account {account}, but {side.role_key} is a role of {role_account}: {change}"
    return None


def _check_keys(data: Any, scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find keys of the section itself that cannot be meant: AWS's partitions share neither roles nor credentials."""
    path = (*path, "aws")
    own, region = (_read(each, formats.REGION, "aws", "region") for each in (data, scaler))
    here, there = partition_of(own), partition_of(region)
    if here and there and here != there:
        message = f"is in the partition {there}, and the controller's in {here}: no credentials are good for both"
        yield Finding((*path, "region"), f"{message}; run another controller there")
    roles = {key: _read(scaler, formats.ROLE, "aws", key) for key in ("role_arn", "queue_role_arn")}
    for key, role in roles.items():
        partition, place = None if role is None else find_partition(role), region or own
        if partition and partition_of(place) not in {None, partition}:
            message = f"is a role of the partition {partition}, but {place} is in {partition_of(place)}"
            yield Finding((*path, key), f"{message}: name a role of that partition, or run another controller")
    if get(scaler, str, "aws", "external_id") is not None and not any(
        get(scaler, str, "aws", key) not in {None, OWN_ROLE} for key in roles
    ):
        message = "has no effect without a role: set role_arn or queue_role_arn, too, or remove this key"
        yield Finding((*path, "external_id"), message)


def _read(data: Any, pattern: str, *keys: str) -> str | None:
    """Return a text that has the form which it needs to have; None: there is none."""
    text = get(data, str, *keys)
    return text if text is not None and re.match(pattern, text) else None
