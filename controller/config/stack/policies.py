"""Rights as IAM policies: as many as IAM's limits ask for, and none of them wider for that.

Limits: "IAM and AWS STS quotas" in the IAM User Guide. A managed policy has 6,144 characters, white space not counted;
a role has 10 of them, up to 25 on request.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.config.stack.arns import LONGEST, Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from controller.config.stack.statement import Rights

POLICY_CHARACTERS = 6144
POLICIES_A_ROLE = 10

_PARAMETER_CHARACTERS = 4400
"""What a list that is a template's parameter takes up at most: its value has 4,096 bytes (CloudFormation quotas), and
its items get quotation marks."""
_VERSION = "2012-10-17"
_BETWEEN = len(",")

Document = dict[str, Any]


class StackError(Exception):
    """What a configuration needs does not fit into what AWS takes; the message says what to do."""


def pack(rights: Iterable[Rights], most: int = POLICIES_A_ROLE, place: Account = LONGEST) -> list[tuple[Rights, ...]]:
    """Return the statements of each policy, in order; a statement is cut between two resources where it has to be.

    ``place`` is where they are deployed: what a template fills in counts as long as it becomes there.
    Raises StackError when they are more than ``most`` policies.
    """
    policies: list[list[Rights]] = [[]]
    left = _room()
    for wanted in rights:
        rest: Rights | None = wanted
        while rest is not None:
            fitting, rest = _split(rest, left, place)
            if fitting is not None:
                policies[-1].append(fitting)
                left -= _measure(fitting, place)
            elif not policies[-1]:
                raise StackError(f"the statement {wanted.sid} does not fit into any policy of IAM")
            if rest is not None:
                policies.append([])
                left = _room()
    if len(policies) > most:
        raise StackError(
            f"the controller's rights take {len(policies)} policies of IAM, and a role has {most}: let scalers share "
            "task definitions, or divide the configuration among controllers of different names; or have the quota "
            "raised, to 25 at most, and say so with --policies"
        )
    return [tuple(policy) for policy in policies]


def render_policy(rights: Sequence[Rights], convert: Callable[[str], Any] = str) -> Document:
    """Return a policy document, with each text as ``convert`` makes it."""
    return {"Version": _VERSION, "Statement": [_render(each, convert) for each in rights]}


def measure(document: Document, place: Account = LONGEST) -> int:
    """Return the characters of a policy that is deployed at a place, as IAM counts them."""
    return len(place.fill_in(json.dumps(document, separators=(",", ":"))))


def _render(rights: Rights, convert: Callable[[str], Any]) -> Document:
    statement: Document = {
        "Sid": rights.sid,
        "Effect": "Allow",
        "Action": list(rights.actions),
        "Resource": [convert(arn) for arn in rights.resources],
    }
    if rights.conditions:
        statement["Condition"] = {operator: _render_keys(keys, convert) for operator, keys in rights.conditions.items()}
    return statement


def _render_keys(keys: Mapping[str, tuple[str, ...]], convert: Callable[[str], Any]) -> Document:
    return {key: convert(values[0]) if len(values) == 1 else list(map(convert, values)) for key, values in keys.items()}


def _room() -> int:
    return POLICY_CHARACTERS - measure(render_policy(()))


def _measure(rights: Rights, place: Account) -> int:
    listed = _PARAMETER_CHARACTERS if rights.parameter else 0
    return measure(_render(rights, str), place) + _BETWEEN + listed


def _split(rights: Rights, room: int, place: Account) -> tuple[Rights | None, Rights | None]:
    """Return what of a statement fits into so many characters, and the rest; None: nothing."""
    if _measure(rights, place) <= room:
        return rights, None
    left = room - _measure(replace(rights, resources=()), place)
    fitting = 0
    for arn in rights.resources:
        left -= len(place.fill_in(json.dumps(arn))) + _BETWEEN
        if left < 0:
            break
        fitting += 1
    if not fitting or rights.parameter:
        return None, rights
    first, rest = rights.resources[:fitting], rights.resources[fitting:]
    return replace(rights, resources=first), replace(rights, resources=rest)
