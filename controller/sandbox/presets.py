"""The scenarios from which a user can choose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.sandbox.messages import Mishap
from controller.sandbox.scenario import DRAIN, SINGLE, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

_EIGHT = {"max_tasks_per_launch": 2, "max_containers_per_task": 8, "packing": "dense"}

BASIC = Scenario()
"""Templates with a worker alone."""

SIDECAR = Scenario(
    queues=(
        replace(
            DRAIN,
            log_router=True,
            mishaps=(Mishap.FAILS,),
            burst_sizes=((20, 24), (3, 5), (26, 32)),
            scaler={
                "demand": {
                    "steps": [
                        {"backlog": 1, "containers": 2},
                        {"backlog": 6, "containers": 8},
                        {"backlog": 20, "containers": 16},
                    ]
                },
                "max_containers": 16,
            },
            limits=_EIGHT,
        ),
        replace(
            SINGLE,
            log_router=True,
            mishaps=(Mishap.HANGS,),
            work_seconds=(1.0, 4.0),
            burst_sizes=((10, 14), (2, 3), (14, 16)),
            limits=_EIGHT,
        ),
    ),
    # Short, so that within a minute the messages of the failing worker and of the hanging one return to the queue.
    visibility_timeout=8,
)
"""Templates with a log router beside the worker, and up to eight workers in a task; one fails and one hangs."""

PRESETS: Mapping[str, Scenario] = {"basic": BASIC, "sidecar": SIDECAR}
