"""The parts that the reconciles of one controller share, and how they are put together on AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from controller.aws.accesses import AllClients
from controller.aws.account import count_free_addresses, read_quota
from controller.aws.event_bus import put_event
from controller.aws.operations import ANSWERS
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.aws.peers import PeerLook
from controller.clock import Clock
from controller.config import OWN, AccessSpec, ControllerSpec, ScalerSpec
from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.scaling.budget import SharedBudget
from controller.scaling.clusters import Clusters
from controller.scaling.cycle import Aim
from controller.scaling.fleet import Cluster
from controller.scaling.launch import Launcher
from controller.scaling.line import Lines
from controller.scaling.lister import Listers
from controller.scaling.observe import QueueReader
from controller.scaling.queue_sum import QueueSum
from controller.scaling.realms import AllPolls, Realms
from controller.scaling.revisions import TemplateRevisions
from controller.scaling.search import Searches, search_with
from controller.telemetry.history import History
from controller.telemetry.marks import Happening
from controller.telemetry.metrics import Metrics

VERSION = version("ecs-queue-controller")
ClusterKey = tuple[AccessSpec, str]
"""How a cluster is reached, and its name or ARN."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the reconciles of one controller share."""

    realms: Realms
    """What is asked and launched in each account and region that scalers name."""
    polls: AllPolls
    """Reads all queues on one event loop."""
    clusters: Clusters[ClusterKey]
    listers: Listers
    """Look at the clusters."""
    budget: SharedBudget
    metrics: Metrics
    history: History
    clock: Clock
    lines: Lines
    """For the rate at which all scalers together start tasks in an account and region."""
    look_for_peers: Callable[[str], PeerLook]
    """Returns who looks for the other controllers of this one's service, given the address of its task's metadata."""
    searches: Searches
    """Which queues there are for scalers that look for them, in the controller's own account and region."""
    put_event: Callable[[str, Mapping[str, Any]], None]
    """Puts a CloudEvent on an EventBridge bus. Raises AwsError."""

    def aim_at(self, spec: ScalerSpec) -> Aim:
        """Return a scaler's configuration with the queue and the cluster that it names."""

        def reader_of(queue: str) -> QueueReader:
            return self.queue_of(spec, queue)

        queue = reader_of(spec.queues[0]) if len(spec.queues) == 1 else QueueSum(spec, reader_of)
        box = self.realms.of(spec.queue_access).deletions.box_of(spec.name)
        cluster, rollout, revisions = self.cluster_of(spec), spec.policy.rollout, None
        if rollout is not None:
            store = self.realms.of(spec.task_access).revisions
            revisions = TemplateRevisions(store, cluster, spec.name, spec.task.definition, rollout)
        return Aim(spec, queue, cluster, box, revisions)

    def queue_of(self, spec: ScalerSpec, queue: str) -> QueueReader:
        """Return the reader of a queue, given as a name, URL or ARN, that is where a scaler's queue is."""
        return self.realms.of(spec.queue_access).queue(queue)

    def launcher_of(self, spec: ScalerSpec) -> Launcher:
        """Return who launches for a scaler."""
        return self.realms.of(spec.task_access).launcher

    def read_quota(self, access: AccessSpec, kind: str) -> float:
        """Return how many vCPUs of FARGATE or FARGATE_SPOT an account may run. Raises AwsError."""
        return read_quota(self.realms.of(access).clients, kind)

    def count_free_addresses(self, access: AccessSpec, subnets: Collection[str]) -> dict[str, int]:
        """Return the free addresses of each of some subnets. Raises AwsError."""
        return count_free_addresses(self.realms.of(access).clients, subnets)

    def renew(self) -> None:
        """Read credentials anew, from wherever they come."""
        self.realms.renew()

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

    def keep_clusters(self, scalers: Collection[ScalerSpec]) -> None:
        """Forget every cluster but those that these scalers work in."""
        self.clusters.keep({_key_of(spec) for spec in scalers})

    def cluster_of(self, spec: ScalerSpec) -> Cluster:
        """Return the cluster that a scaler works in."""
        return self.clusters.of(_key_of(spec))


def connect(spec: ControllerSpec, clock: Clock, *, dry_run: bool) -> Services:
    """Return the parts that the reconciles of a controller share. Asks AWS nothing yet."""
    metrics = Metrics(VERSION, ANSWERS, REQUEST_OUTCOMES)
    clients = AllClients(spec.aws, spec.name, metrics.observe_request, clock)
    lines = Lines(spec.aws.launch_rate, clock)
    realms = Realms(spec, clients, lines, clock, dry_run=dry_run)
    return Services(
        realms=realms,
        polls=AllPolls(realms),
        clusters=Clusters(lambda key: realms.of(key[0]).cluster(key[1]), clock.now),
        listers=Listers(clock),
        budget=SharedBudget(WINDOWS_PER_SLOT * spec.aws.consistency_window),
        metrics=metrics,
        history=History(clock.now()),
        clock=clock,
        lines=lines,
        look_for_peers=partial(PeerLook, clients.own),
        searches=search_with(clients.own, realms.of(OWN).traits),
        put_event=partial(put_event, clients.own),
    )


def _key_of(spec: ScalerSpec) -> ClusterKey:
    return spec.task_access, spec.task.cluster
