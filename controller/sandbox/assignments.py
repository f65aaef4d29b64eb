"""Which queue a container works on: that of the sandbox's own templates, or one of the user's.

A container of any definition works on the queue that its variable ``QUEUE_URL`` names. One without it works on the
queue that is called like its scaler, if there is one, and if it is the only container of its template: of several
nobody can tell which does the work.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controller.core.copies.copies import KEEPER

if TYPE_CHECKING:
    from controller.sandbox.aws import ContainerView, TaskView

BEHAVIOUR_VARIABLE = "SANDBOX_WORKER"
"""The environment variable with the behaviour of a worker of the sandbox's own templates."""
QUEUE_VARIABLE = "SANDBOX_QUEUE"
"""The queue of such a worker, by its name."""
OWN_QUEUE_VARIABLE = "QUEUE_URL"
"""The environment variable with which any container takes a queue, by its URL."""
DRAINS = "drain"
"""The behaviour of a container that says nothing of it: it takes messages until there are none."""

_COPY = re.compile(r"-\d$")
_NO_SCALER = "family:"
"""How the group of a task begins that nobody has put in one."""


def is_worker(view: ContainerView) -> bool:
    """Return whether a container says itself that it is a worker, and is no keeper or sidecar."""
    return BEHAVIOUR_VARIABLE in view.environment or OWN_QUEUE_VARIABLE in view.environment


def name_behaviour(view: ContainerView) -> str:
    """Return how a worker behaves: a key of ``workers.BEHAVIOURS``."""
    return view.environment.get(BEHAVIOUR_VARIABLE, DRAINS)


def name_queue(task: TaskView, view: ContainerView) -> str | None:
    """Return the name of the queue that a container may work on; None: it does no work.

    A scaler that runs the sandbox's own template for a queue of its own must not drain another one.
    """
    if url := view.environment.get(OWN_QUEUE_VARIABLE):
        return url.rpartition("/")[2]
    scaler = None if task.group.startswith(_NO_SCALER) else task.group or None
    if is_worker(view):
        return scaler or view.environment[QUEUE_VARIABLE]
    return scaler if _is_only_one(task) else None


def _is_only_one(task: TaskView) -> bool:
    """Say whether all containers of a task but the keeper are copies of one."""
    names = [view.name for view in task.containers if view.name != KEEPER]
    has_copies = len(names) < len(task.containers)
    return len({_COPY.sub("", name) if has_copies else name for name in names}) == 1
