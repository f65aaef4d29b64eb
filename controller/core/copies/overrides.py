"""Container overrides: how a RunTask call gives each copy its environment, and how many copies fit into a call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import copy_names
from controller.core.copies.template import CannotCopy

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_OVERRIDES: Final = 8192
"""Characters of a RunTask call's overrides as JSON (ECS API reference, RunTask)."""


def build_overrides(worker: str, environment: Mapping[str, str], k: int) -> dict[str, Any]:
    """Return RunTask's ``overrides`` that give each of k copies the environment."""
    # Sorted, because a call that is sent again with its token must be the same to the letter, even if a restart has
    # read the variables in another order.
    ordered = sorted(environment.items(), key=lambda variable: str(variable[0]))
    variables = [{"name": name, "value": value} for name, value in ordered]
    return {"containerOverrides": [{"name": name, "environment": variables} for name in copy_names(worker, k)]}


def measure_overrides(worker: str, environment: Mapping[str, str], k: int) -> int:
    """Return how many characters of JSON the overrides of k copies have."""
    return len(json.dumps(build_overrides(worker, environment, k), separators=(",", ":")))


def limit_by_overrides(worker: str, environment: Mapping[str, str], most: int, why: str) -> tuple[int, str]:
    """Return the most copies, at most ``most``, whose overrides ECS accepts, and why there cannot be one more.

    ``why`` is the reason for ``most``. Raises CannotCopy if the overrides of a single worker exceed the limit.
    """
    # The configuration is checked for the same limit, but it cannot know the length of the container's name if it
    # leaves the container to the template.
    sizes = {k: measure_overrides(worker, environment, k) for k in range(1, most + 1)} if environment else {}
    above = next((k for k, size in sizes.items() if size > MAX_OVERRIDES), None)
    if above is None:
        return most, why
    whom = f"container {worker}" if above == 1 else f"{above} copies of container {worker}"
    problem = (
        f"task.environment takes {sizes[above]:,} characters of overrides for {whom}, "
        f"and ECS allows {MAX_OVERRIDES:,}: shorten it"
    )
    if above == 1:
        raise CannotCopy(problem)
    return above - 1, f"{problem}, or set max_containers_per_task to {above - 1}"
