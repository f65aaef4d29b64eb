"""As much of IAM's evaluation as these policies use: Allow statements, wildcards, and three condition operators."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

MATCHES = {
    "StringEquals": lambda value, pattern: value == pattern,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": lambda value, pattern: value == pattern,
}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(policy: Mapping[str, Any]) -> set[str]:
    """Return every action that some statement allows."""
    return {action for statement in policy["Statement"] for action in _listed(statement["Action"])}


def _conditions_hold(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    # A key that the request does not carry fails its operator: none here is of the IfExists kind.
    return all(
        key in context and any(MATCHES[operator](context[key], wanted) for wanted in _listed(patterns))
        for operator, keys in statement.get("Condition", {}).items()
        for key, patterns in keys.items()
    )


def allowed(policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Tell whether a statement allows the action on the resource's ARN in the request's context.

    Rules: "Policy evaluation logic" of the IAM User Guide, without Deny, boundaries and resource policies.
    """
    return any(
        any(fnmatchcase(action, pattern) for pattern in _listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"]))
        and _conditions_hold(statement, context)
        for statement in policy["Statement"]
    )


def unconfined(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield the actions of statements that take any resource under no condition."""
    for statement in policy["Statement"]:
        if "*" in _listed(statement["Resource"]) and not statement.get("Condition"):
            yield from _listed(statement["Action"])
