"""The container overrides of a RunTask call: the environment of every copy, within the size that ECS takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import copy_names
from controller.core.copies.template import CannotCopy

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_OVERRIDES: Final = 8192
"""Characters of a RunTask call's overrides as JSON (ECS API reference, RunTask)."""


def container_overrides(worker: str, environment: Mapping[str, str], k: int) -> dict[str, Any]:
    """Return RunTask's ``overrides`` that give k copies the environment: the same for the same, in whatever order."""
    ordered = sorted(environment.items(), key=lambda variable: str(variable[0]))
    variables = [{"name": name, "value": value} for name, value in ordered]
    return {"containerOverrides": [{"name": name, "environment": variables} for name in copy_names(worker, k)]}


def overrides_size(worker: str, environment: Mapping[str, str], k: int) -> int:
    """Return the characters that the environment of k copies takes in a RunTask call, as JSON."""
    return len(json.dumps(container_overrides(worker, environment, k), separators=(",", ":")))


def within_overrides(worker: str, environment: Mapping[str, str], most: int, why: str) -> tuple[int, str]:
    """Return the most copies, at most ``most``, whose overrides ECS takes, and why not one more.

    The configuration is checked for this too, but can be only where it names the container. Raises CannotCopy
    if the overrides of one worker are above the limit.
    """
    sizes = {k: overrides_size(worker, environment, k) for k in range(1, most + 1)} if environment else {}
    above = next((k for k, size in sizes.items() if size > MAX_OVERRIDES), None)
    if above is None:
        return most, why
    told = f"task.environment takes {sizes[above]:,} characters of overrides with {above} of container {worker}"
    if above == 1:
        raise CannotCopy(f"{told}, and ECS allows {MAX_OVERRIDES:,}: shorten it")
    return (
        above - 1,
        f"{told}, and ECS allows {MAX_OVERRIDES:,}: shorten it, or set max_containers_per_task to {above - 1}",
    )
