"""The parts that the reconciles of one controller share, and how they are put together on AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from controller.aws.account import count_free_addresses, read_quota
from controller.aws.attendants import Attendants
from controller.aws.cloudwatch import QueueMetrics
from controller.aws.definitions import Definitions
from controller.aws.event_bus import put_event
from controller.aws.operations import ANSWERS
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.aws.peers import PeerLook
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import Queue, QueueUrls
from controller.aws.run_task import run_task
from controller.aws.session import Clients
from controller.aws.tasks import Tasks
from controller.aws.traits import TraitsKnown
from controller.clock import Clock
from controller.config import ControllerSpec, ScalerSpec
from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.scaling.ages import Ages
from controller.scaling.budget import SharedBudget
from controller.scaling.calls import Calls
from controller.scaling.clusters import Clusters
from controller.scaling.cycle import Aim
from controller.scaling.deletions import Deletions
from controller.scaling.fleet import Cluster
from controller.scaling.launch import Launcher
from controller.scaling.line import Line
from controller.scaling.lister import Listers
from controller.scaling.observe import QueueReader
from controller.scaling.queue_sum import QueueSum
from controller.scaling.search import Searches, search_with
from controller.telemetry.history import History
from controller.telemetry.marks import Happening
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
    listers: Listers
    """Look at the clusters."""
    launcher: Launcher
    budget: SharedBudget
    metrics: Metrics
    history: History
    clock: Clock
    line: Line
    """For the rate at which all scalers together start tasks."""
    look_for_peers: Callable[[str], PeerLook]
    """Returns who looks for the other controllers of this one's service, given the address of its task's metadata."""
    deletions: Deletions
    """What scalers are told of their deleted messages."""
    ages: Ages
    """What is told of their oldest ones."""
    searches: Searches
    """Which queues there are for scalers that look for them."""
    put_event: Callable[[str, Mapping[str, Any]], None]
    """Puts a CloudEvent on an EventBridge bus. Raises AwsError."""
    read_quota: Callable[[str], float]
    """Returns how many vCPUs of FARGATE or FARGATE_SPOT the account may run. Raises AwsError."""
    count_free_addresses: Callable[[Collection[str]], dict[str, int]]
    """Returns the free addresses of each of some subnets. Raises AwsError."""
    renew: Callable[[], None]
    """Reads credentials anew, from wherever they come."""

    def aim_at(self, spec: ScalerSpec) -> Aim:
        """Return a scaler's configuration with the queue and the cluster that it names."""
        queue = self.queue(spec.queues[0]) if len(spec.queues) == 1 else QueueSum(spec, self.queue)
        return Aim(spec, queue, self.cluster_of(spec), self.deletions.box_of(spec.name))

    def configure(self, budget: int | None, scalers: Collection[ScalerSpec]) -> None:
        """Share the budget, and the memory for what happened lately, among so many scalers."""
        self.budget.configure(budget, scalers)
        self.metrics.budget_containers.set(budget or 0)
        self.history.divide_among(len(scalers))

    def count_reload(self, at: float | None) -> None:
        """Count a reload that was taken at ``at``, or was not, if that is None."""
        self.metrics.count_reload(at)
        if at is None:
            self.history.note(self.clock.now(), Happening.REFUSED)
        else:
            self.history.note(at, Happening.RELOAD)

    def cluster_of(self, spec: ScalerSpec) -> Cluster:
        """Return the cluster that a scaler works in."""
        return self.clusters.of(spec.task.cluster)


def connect(spec: ControllerSpec, clock: Clock, *, dry_run: bool) -> Services:
    """Return the parts that the reconciles of a controller share. Asks AWS nothing yet."""
    metrics = Metrics(VERSION, ANSWERS, REQUEST_OUTCOMES)
    clients = Clients(spec.aws, spec.name, metrics.observe_request, clock)
    line = Line(spec.aws.launch_rate, clock)
    calls = Calls(partial(run_task, clients), spec.name, line, clock)
    attendants = Attendants(clients)
    traits = TraitsKnown(clock)
    polls, cloudwatch = QueuePolls(clients, traits), QueueMetrics(clients)

    def renew() -> None:
        clients.renew()
        polls.renew()

    return Services(
        queue=partial(Queue, clients, traits=traits),
        polls=polls,
        clusters=Clusters(
            lambda name: Cluster(Tasks(clients, name, spec.name, attendants.begin_look), clock), clock.now
        ),
        listers=Listers(clock),
        launcher=Launcher(Definitions(clients), calls, clock, QueueUrls(clients).find, dry_run=dry_run),
        budget=SharedBudget(WINDOWS_PER_SLOT * spec.aws.consistency_window),
        metrics=metrics,
        history=History(clock.now()),
        clock=clock,
        line=line,
        look_for_peers=partial(PeerLook, clients),
        deletions=Deletions(cloudwatch if spec.aws.asks_cloudwatch else None, clock.now),
        ages=Ages(cloudwatch if spec.aws.asks_message_age else None, clock.now),
        searches=search_with(clients, traits),
        put_event=partial(put_event, clients),
        read_quota=partial(read_quota, clients),
        count_free_addresses=partial(count_free_addresses, clients),
        renew=renew,
    )
