"""The tasks of ECS services, started and ended as a service's scheduler would. There is no scheduler: who tests is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.sandbox.aws.control import EcsControl, TaskView
    from controller.sandbox.aws.ecs import Ecs


class ServiceTasks:
    """Starts and ends tasks of services, and says how healthy they are. Safe to use from every thread."""

    def __init__(self, ecs: Ecs, control: EcsControl) -> None:
        self._ecs = ecs
        self._control = control

    def start(self, service: str, *, cluster: str, definition: str) -> TaskView:
        """Start a Fargate task of a service, whose group is ``service:`` and the service's name."""
        with self._ecs.lock:
            task = self._ecs.launches.start_of_service(service, cluster, definition)
        return self._control.task(task.arn)

    def judge(self, arn: str, health: str) -> None:
        """Let a task be HEALTHY, UNHEALTHY or UNKNOWN from now on. Raises ``KeyError`` for an unknown one."""
        with self._ecs.lock:
            self._ecs.tasks.get(arn).life.health = health

    def stop(self, arn: str) -> None:
        """Tell a task to stop, as a deployment or a failed health check does."""
        self._control.interrupt(arn, "ServiceSchedulerInitiated", "Scaling activity initiated by the scheduler")
