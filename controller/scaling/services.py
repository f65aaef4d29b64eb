"""The parts that the reconciles of one controller share, and how they are put together on AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from controller.aws.attendants import Attendants
from controller.aws.cloudwatch import DeletedMessages
from controller.aws.definitions import Definitions
from controller.aws.operations import ANSWERS
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.aws.pace import Pacer
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import Queue
from controller.aws.run_task import run_task
from controller.aws.session import Clients
from controller.aws.tasks import Tasks
from controller.clock import Clock
from controller.config import ControllerSpec, ScalerSpec
from controller.scaling.budget import SharedBudget
from controller.scaling.cycle import Aim
from controller.scaling.deletions import Deletions
from controller.scaling.fleet import Cluster, Clusters
from controller.scaling.launch import Launcher
from controller.scaling.observe import QueueReader
from controller.telemetry.metrics import Metrics

VERSION = version("ecs-queue-controller")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the reconciles of one controller share."""

    queue: Callable[[str], QueueReader]
    """Returns the reader of a queue that is given as a name, URL or ARN."""
    polls: QueuePolls
    """Reads all queues on one event loop."""
    clusters: Clusters
    launcher: Launcher
    budget: SharedBudget
    metrics: Metrics
    clock: Clock
    deletions: Deletions
    """What scalers are told of their deleted messages."""
    renew: Callable[[], None]
    """Reads credentials anew, from wherever they come."""

    def aim_at(self, spec: ScalerSpec) -> Aim:
        """Return a scaler's configuration with the queue and the cluster that it names."""
        return Aim(spec, self.queue(spec.queue), self.cluster_of(spec), self.deletions.box_of(spec.name))

    def cluster_of(self, spec: ScalerSpec) -> Cluster:
        """Return the cluster that a scaler works in."""
        return self.clusters.of(spec.task.cluster)


def connect(spec: ControllerSpec, clock: Clock, *, dry_run: bool) -> Services:
    """Return the parts that the reconciles of a controller share. Asks AWS nothing yet."""
    metrics = Metrics(VERSION, ANSWERS, REQUEST_OUTCOMES)
    clients = Clients(spec.aws, spec.name, metrics.observe_request, clock)
    pacer = Pacer(spec.aws.launch_rate, clock)
    run = partial(run_task, clients)
    attendants = Attendants(clients)
    polls = QueuePolls(clients)

    def renew() -> None:
        clients.renew()
        polls.renew()

    return Services(
        queue=partial(Queue, clients),
        polls=polls,
        clusters=Clusters(lambda cluster: Tasks(clients, cluster, spec.name, attendants.begin_look), clock),
        launcher=Launcher(Definitions(clients), run, spec.name, pacer, clock, dry_run=dry_run),
        budget=SharedBudget(),
        metrics=metrics,
        clock=clock,
        deletions=Deletions(DeletedMessages(clients).ask if spec.aws.asks_cloudwatch else None, clock.now),
        renew=renew,
    )
