"""One statement of a policy, before it is written as IAM reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ANYTHING = "*"
"""The resource of an action that has none, or that is confined by its condition alone."""
TASKS_SERVICE = "ecs-tasks.amazonaws.com"
"""Takes the roles of task definitions."""
VOLUMES_SERVICE = "ecs.amazonaws.com"
"""Takes the roles with which EBS volumes are made for tasks ("Amazon ECS infrastructure IAM role")."""


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
