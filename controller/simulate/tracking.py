"""Tracking: ECS service auto scaling by target tracking on the backlog for each task.

Source: Application Auto Scaling user guide, "How target tracking scaling works"; ECS developer guide, "Service auto
scaling"; the alarms that AWS makes for a policy of one-minute metrics: above the target for 3 minutes, or below 90 % of
it for 15 minutes. Both cooldowns are ECS's default of 300 s. The metric is visible messages over running tasks, a
minute late as CloudWatch shows it. A service keeps one task at least: of none there is no backlog for each, and fewer
messages than the target would wait for ever.

A service's tasks do not exit: their workers wait for ever. To scale in ECS takes any, and a worker that is not done
with its message 30 s after the signal (``stopTimeout``) is killed in its work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf
from random import Random

from controller.core.copies.packing import Plan, TaskGroup
from controller.simulate.outcome import Account, Poll
from controller.simulate.tasks import Task, Workers
from controller.simulate.world import World

MINUTE = 60.0
OUT_AFTER, IN_AFTER = 3, 15
"""Datapoints in a row that an alarm wants."""
IN_BELOW = 0.9
COOLDOWN = 300.0
"""Seconds from one scaling to the next in the same direction."""


def never_exiting(workers: Workers) -> Workers:
    """Return the workers of a service: they take one message after the other, and wait for ever."""
    return replace(workers, takes_one=False, last_poll=inf)


def find_capacity(metrics: Sequence[float], target: float, capacity: int, least: int, most: int) -> int:
    """Return the tasks that the policy wants by the last minutes' backlogs for each task, the newest last."""
    wanted = capacity
    if len(metrics) >= OUT_AFTER and all(metric > target for metric in metrics[-OUT_AFTER:]):
        wanted = ceil(max(1, capacity) * metrics[-1] / target)
    elif len(metrics) >= IN_AFTER and all(metric < IN_BELOW * target for metric in metrics[-IN_AFTER:]):
        wanted = ceil(capacity * metrics[-1] / target)
    return max(least, min(most, wanted))


class Service:
    """An ECS service with a target tracking policy."""

    def __init__(self, world: World, account: Account, seed: int, target: float, bounds: tuple[int, int]) -> None:
        """``bounds`` are the least and the most tasks of the service."""
        self._world, self._account = world, account
        self._target, (self._least, self._most) = target, bounds
        self._picks = Random(f"{seed}:scale-in")  # noqa: S311 - repeatable, not secret
        self._metrics: deque[float] = deque([0.0], maxlen=IN_AFTER + 1)
        self._tasks: list[Task] = []
        self._scaled_at = {"out": -inf, "in": -inf}
        self.first_look = world.now
        self._launch(self._least)

    def look(self) -> float:
        """Take in a minute's datapoint, scale by the ones before it, and return when the next comes."""
        world, now = self._world, self._world.now
        running = sum(not task.has_to_start for task in self._tasks)
        wanted = find_capacity(list(self._metrics), self._target, len(self._tasks), self._least, self._most)
        self._metrics.append(world.visible / max(1, running))
        launched = self._scale(wanted, now)
        reason = "launch" if launched > 0 else "hold"
        starting = len(self._tasks) - running
        self._account.enter(Poll(now, reason, world.visible, world.in_flight, running, starting, wanted, launched))
        return now + MINUTE

    def _scale(self, wanted: int, now: float) -> int:
        more = wanted - len(self._tasks)
        way = "out" if more > 0 else "in"
        if more == 0 or now < self._scaled_at[way] + COOLDOWN:
            return 0
        self._scaled_at[way] = now
        if more > 0:
            self._launch(more)
            return more
        for task in self._picks.sample(self._tasks, -more):
            self._tasks.remove(task)
            self._world.stop(task)
        return 0

    def _launch(self, tasks: int) -> None:
        if tasks > 0:
            self._tasks += [self._world.launch(1) for _ in range(tasks)]
            self._account.enter_launch(self._world.now, Plan((TaskGroup(tasks, 1),)))
