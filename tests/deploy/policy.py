"""As much of IAM's evaluation as these policies use: Allow statements, wildcards, and three condition operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

MATCHES = {
    "StringEquals": lambda value, pattern: value == pattern,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
}
Policy = Mapping[str, Any]


def listed(value: str | list[str]) -> list[str]:
    """Return what a policy writes as one text or as a list of them."""
    return [value] if isinstance(value, str) else value


def actions(policy: Policy) -> set[str]:
    """Return every action that some statement allows."""
    return {action for statement in policy["Statement"] for action in listed(statement["Action"])}


def _conditions_hold(statement: Policy, context: Mapping[str, str]) -> bool:
    # A key that the request does not carry fails its operator: none here is of the IfExists kind.
    return all(
        key in context and any(MATCHES[operator](context[key], wanted) for wanted in listed(patterns))
        for operator, keys in statement.get("Condition", {}).items()
        for key, patterns in keys.items()
    )


def allowed(policy: Policy, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Tell whether a statement allows the action on the resource's ARN in the request's context.

    Rules: "Policy evaluation logic" of the IAM User Guide, without Deny, boundaries and resource policies.
    """
    return any(
        any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        and _conditions_hold(statement, context)
        for statement in policy["Statement"]
    )


def unconfined(policy: Policy) -> Iterator[str]:
    """Yield the actions of statements that take any resource under no condition."""
    for statement in policy["Statement"]:
        if "*" in listed(statement["Resource"]) and not statement.get("Condition"):
            yield from listed(statement["Action"])


def join(policies: Policy | list[Policy]) -> Policy:
    """Return one policy with the statements of all that a role has; ``ecsq iam`` prints one or several."""
    documents = policies if isinstance(policies, list) else [policies]
    return {"Statement": [statement for document in documents for statement in document["Statement"]]}


def narrowed(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Yield the policy with one thing less each time, and what that is: an action or a resource of a statement."""
    for number, statement in enumerate(policy["Statement"]):
        for part in ("Action", "Resource"):
            for taken in listed(statement[part]):
                less = deepcopy(dict(policy))
                less["Statement"][number][part] = [each for each in listed(statement[part]) if each != taken]
                yield f"{statement['Sid']}: {taken}", less


def pairs(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Yield each action on each resource of each statement, and the policy that allows this alone."""
    for statement in policy["Statement"]:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                alone = {"Statement": [{**statement, "Action": [action], "Resource": [resource]}]}
                yield f"{statement['Sid']}: {action} on {resource}", alone
