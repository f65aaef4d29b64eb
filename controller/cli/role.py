"""A role in another account, for ``ecsq iam --assumed``: its trust policy and its policies, to be pasted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from controller.config import ControllerSpec
from controller.config.stack import (
    Account,
    StackError,
    WorkerRoles,
    build_trust,
    list_assumed_roles,
    list_rights_of_role,
    pack,
    render_policy,
)
from controller.core.address import Address


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says."""

    account: str | None
    """The controller's own."""
    region: str | None
    """The controller's own."""
    roles: tuple[str, ...]
    """Those of the workers in the role's account."""
    dead_letter_queues: tuple[str, ...]
    """Those in the role's account."""
    task_role: str | None
    """Who may assume the role; None: anybody in the controller's account."""
    policies: int
    """How many managed policies a role may have."""


def describe_role(spec: ControllerSpec, config: Address, role: str, given: Given) -> dict[str, Any]:
    """Return what a role needs that scalers name. Raises click.ClickException, which says what is wrong."""
    known = list_assumed_roles(spec)
    if role not in known:
        named = f"they name {', '.join(known)}" if known else "they name none"
        raise click.ClickException(f"{config}: no scaler names the role {role} in its section aws; {named}")
    region = given.region or spec.aws.region
    if region is None:
        raise click.UsageError("--assumed needs --region where the configuration has no aws.region")
    place = _place_of(role, region)
    workers = WorkerRoles(tuple(map(place.role, given.roles)))
    try:
        trust = build_trust(spec, role, _name_principal(place, given))
        rights = list_rights_of_role(spec, role, region, workers, given.dead_letter_queues)
        documents = [render_policy(each) for each in pack(rights, given.policies, place)]
    except StackError as error:
        raise click.ClickException(f"{config}: {error}") from error
    return {"role": role, "trust": trust, "policies": documents}


def _place_of(role: str, region: str) -> Account:
    _, partition, _, _, account, _ = role.split(":", 5)
    return Account(partition, region, account)


def _name_principal(place: Account, given: Given) -> str:
    if given.task_role is not None:
        return given.task_role
    if given.account is None:
        raise click.UsageError("--assumed needs --task-role, or --account: whom the role is to trust")
    return f"arn:{place.partition}:iam::{given.account}:root"
