"""The scenario of a run: its queues, the workers that serve them, and the configuration of the controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.sandbox.messages import Mishap

CLUSTER = "sandbox"
WORKER_CONTAINER = "worker"
SUBNET = "subnet-0123456789abcdef0"
QUESTIONS_IN_VAIN = 4
"""How many questions in a row a keeper may ask without a usable answer, until nobody is expected to end its task."""
CONTROLLER_CLIENT = "ecsq-"
"""The prefix of the marker in the user agent of every controller."""


@dataclass(frozen=True, slots=True)
class QueueScenario:
    """One queue with its workers and its scaler."""

    name: str
    """The name of the queue and of its scaler."""
    worker: str
    """The behaviour of a worker container: a key of ``workers.BEHAVIOURS``."""
    work_seconds: tuple[float, float]
    """The shortest and the longest work that a message means, seconds."""
    burst_sizes: tuple[tuple[int, int], ...]
    """The smallest and the largest number of messages in each burst; after the last one they repeat from the first."""
    scaler: Mapping[str, Any]
    """The scaler's part of the configuration, without its name, queue and task."""
    limits: Mapping[str, Any]
    """The packing limits of the scaler's ``task`` section."""
    mishaps: tuple[Mishap, ...] = ()
    """The mishaps in the first burst, each of one message."""
    log_router: bool = False
    """Whether the template has a log router beside the worker."""

    @property
    def family(self) -> str:
        """The family of the template."""
        return f"{self.name}-worker"

    @property
    def max_containers(self) -> int:
        """The scaler's hard limit on live containers."""
        return int(self.scaler["max_containers"])


DRAIN = QueueScenario(
    name="drain",
    worker="drain",
    work_seconds=(1.0, 3.0),
    burst_sizes=((14, 18), (1, 1), (26, 32)),
    scaler={
        # What a message takes is assumed: until CloudWatch can tell, a run of a minute is over.
        "demand": {"start_within": "15s", "seconds_per_message": {"at_first": 2}},
        "max_containers": 10,
    },
    limits={"max_tasks_per_launch": 4, "max_containers_per_task": 4},
)
"""A queue whose workers take messages until it is empty; its demand is a promise."""

SINGLE = QueueScenario(
    name="single",
    worker="single",
    work_seconds=(2.0, 6.0),
    burst_sizes=((3, 4), (13, 16), (6, 9)),
    scaler={"demand": {"messages_per_container": 1}, "max_containers": 16},
    limits={"max_tasks_per_launch": 4, "max_containers_per_task": 4},
)
"""A queue whose workers take one message and exit; its demand is one container for each message."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that is set up for a run."""

    queues: tuple[QueueScenario, ...] = (DRAIN, SINGLE)
    controller: str = "sandbox"
    """The name of the controller."""
    consistency_window: float = 1.0
    """L in the configuration, seconds. It is short, so that a minute has ten slots."""
    call_timeout: float = 2.0
    """T in the configuration, seconds."""
    poll_interval: float = 1.0
    """Seconds between two polls of a scaler."""
    listing_lag: float = 0.3
    """How long the embedded ECS takes to list a task that it has started, seconds; less than L."""
    start_delay: tuple[float, float] = (0.8, 2.5)
    """The shortest and the longest time from RunTask to RUNNING, seconds."""
    visibility_timeout: int = 30
    """How long a message is invisible after a worker took it, seconds; longer than any work."""
    grace: float = 30.0
    """How long after its duration a run waits for work that is still under way, seconds."""
    keeper_poll: float = 1
    """Seconds between a keeper's questions; a fifth of the default, as is L."""
    keeper_timeout: float = 2
    """How long a keeper waits for an answer, seconds; on one machine, answers take less unless they are disturbed."""

    @property
    def keeper_patience(self) -> float:
        """How long a task may live after its last worker, seconds: its keeper may fail to get an answer a few times."""
        return QUESTIONS_IN_VAIN * (self.keeper_poll + self.keeper_timeout)

    @property
    def slot(self) -> float:
        """How long a slot of the launch protocol is, seconds."""
        return WINDOWS_PER_SLOT * self.consistency_window

    @property
    def has_siblings(self) -> bool:
        """Whether it is about containers of one task that affect each other."""
        return any(queue.log_router or queue.mishaps for queue in self.queues)

    @property
    def client(self) -> str:
        """The marker in the user agent of the controllers of this scenario."""
        return f"{CONTROLLER_CLIENT}{self.controller}"


def build_configuration(scenario: Scenario, *, endpoint_url: str, region: str, port: int) -> dict[str, Any]:
    """Return the content of the controller's configuration file for ``scenario``.

    ``port`` is the daemon's own, on loopback.
    """
    return {
        "name": scenario.controller,
        "aws": {
            "region": region,
            "endpoint_url": endpoint_url,
            "consistency_window": format_duration(scenario.consistency_window),
            "call_timeout": format_duration(scenario.call_timeout),
        },
        "poll_interval": format_duration(scenario.poll_interval),
        "server": {"host": "127.0.0.1", "port": port},
        "scalers": [_build_scaler(queue, scenario) for queue in scenario.queues],
    }


def _build_scaler(queue: QueueScenario, scenario: Scenario) -> dict[str, Any]:
    return {
        "name": queue.name,
        "queue": queue.name,
        # The shortest that is allowed.
        "cooldown": {"launch": format_duration(scenario.slot)},
        **queue.scaler,
        "task": {
            "cluster": CLUSTER,
            "definition": queue.family,
            "container": WORKER_CONTAINER,
            "subnets": [SUBNET],
            **queue.limits,
        },
    }
