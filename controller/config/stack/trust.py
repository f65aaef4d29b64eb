"""The trust policy of a role in another account: who may assume it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.stack.policies import StackError

if TYPE_CHECKING:
    from controller.config.spec import ControllerSpec


def build_trust(spec: ControllerSpec, role: str, principal: str) -> dict[str, Any]:
    """Return the trust policy of a role that scalers name; ``principal`` is the ARN of who may assume it.

    With an external id nobody may who does not say it (IAM User Guide, "The confused deputy problem").
    Raises StackError where some scalers have one for the role and others do not: it can ask all for one, or nobody.
    """
    accesses = [access for scaler in spec.scalers for access in (scaler.queue_access, scaler.task_access)]
    named = dict.fromkeys(access.external_id for access in accesses if access.role_arn == role)
    if len(named) > 1 and None in named:
        raise StackError(f"{role} is named with aws.external_id and without: give it to all scalers of this role")
    ids = [each for each in named if each is not None]
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    if ids:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": ids[0] if len(ids) == 1 else ids}}
    return {"Version": "2012-10-17", "Statement": [statement]}
