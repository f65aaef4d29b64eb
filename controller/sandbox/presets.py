"""What a user can choose to see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.sandbox.messages import Mishap
from controller.sandbox.scenario import DRAIN, SINGLE, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

_EIGHT = {"max_tasks_per_launch": 2, "max_containers_per_task": 8, "packing": "dense"}

BASIC = Scenario()
"""Workers alone in their template."""

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
    # Short, so that a minute shows the messages of the worker that fails and of the one that hangs come back.
    visibility_timeout=8,
)
"""Up to eight workers a task beside a log router; one of them fails, another one hangs."""

PRESETS: Mapping[str, Scenario] = {"basic": BASIC, "sidecar": SIDECAR}
