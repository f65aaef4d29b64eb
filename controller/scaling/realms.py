"""Realms: what is asked and launched in one account and region, by one role. Each has all of it for itself.

An outage of one, or a role that cannot be assumed, is the trouble of the scalers that name it and of no others. What is
limited by AWS for an account and a region is shared by the realms there: rates, and the rest after a throttle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Protocol, TypeVar

from controller.aws.accesses import AllClients
from controller.aws.attendants import Attendants
from controller.aws.cloudwatch import QueueMetrics
from controller.aws.definitions import Definitions
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import Queue, QueueUrls
from controller.aws.revisions import Revisions
from controller.aws.run_task import run_task
from controller.aws.session import Clients
from controller.aws.tasks import Tasks
from controller.aws.traits import TraitsKnown
from controller.clock import Clock
from controller.config import OWN, AccessSpec, ControllerSpec, ScalerSpec
from controller.scaling.ages import Ages
from controller.scaling.calls import Calls
from controller.scaling.deletions import Deletions
from controller.scaling.fleet import Cluster
from controller.scaling.launch import Launcher
from controller.scaling.line import Lines
from controller.scaling.observe import QueueReader
from controller.scaling.revisions import RevisionStore


class HasSpec(Protocol):
    """Whatever has a scaler's configuration; ``controller.scaling.reconcile.Reconciler`` has."""

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force."""


Scaler = TypeVar("Scaler", bound=HasSpec)


@dataclass(frozen=True, slots=True)
class Realm:
    """What is asked and launched by one access."""

    clients: Clients
    queue: Callable[[str], QueueReader]
    """Returns the reader of a queue that is given as a name, URL or ARN."""
    urls: QueueUrls
    polls: QueuePolls
    """Reads all queues on one event loop."""
    traits: TraitsKnown
    """How the queues are set up."""
    cluster: Callable[[str], Cluster]
    """Makes the cluster of a name or ARN."""
    launcher: Launcher
    revisions: RevisionStore
    """Knows the revisions of templates, for scalers with a rollout."""
    deletions: Deletions
    """What scalers are told of their deleted messages."""
    ages: Ages
    """What is told of their oldest ones."""


class Realms:
    """The realms that scalers name, each made at its first use. Safe to use from every thread."""

    def __init__(self, spec: ControllerSpec, clients: AllClients, lines: Lines, clock: Clock, *, dry_run: bool) -> None:
        """Make none yet."""
        self._spec = spec
        self._clients = clients
        self._lines = lines
        self._clock = clock
        self._dry_run = dry_run
        self._made: dict[AccessSpec, Realm] = {}
        self._lock = Lock()

    def of(self, access: AccessSpec) -> Realm:
        """Return the realm of an access. Asks AWS nothing."""
        with self._lock:
            if access not in self._made:
                self._made[access] = self._make(access)
            return self._made[access]

    def list_made(self) -> list[Realm]:
        """Return all there are so far."""
        with self._lock:
            return list(self._made.values())

    def renew(self) -> None:
        """Read credentials anew, from wherever they come."""
        self._clients.renew()
        for realm in self.list_made():
            realm.polls.renew()

    def ask_each(
        self, list_scalers: Callable[[], Collection[Scaler]], ask: Callable[[Realm, Collection[Scaler]], object]
    ) -> None:
        """Ask in each realm that a scaler's queue is in, for all whose queues are there."""
        scalers = list_scalers()
        if self._made.keys() <= {OWN}:
            ask(self.of(OWN), scalers)  # as most have it, and with ten thousand scalers sorting them takes a while
            return
        groups: dict[AccessSpec, list[Scaler]] = {}
        for each in scalers:
            groups.setdefault(each.spec.queue_access, []).append(each)
        for access, group in groups.items():
            ask(self.of(access), group)

    def _find_url(self, spec: ScalerSpec) -> str:
        """Return the URL of a scaler's one queue, which may be in another account than its cluster."""
        return self.of(spec.queue_access).urls.find(spec.queues[0])

    def _make(self, access: AccessSpec) -> Realm:
        spec, clock = self._spec, self._clock
        clients = self._clients.of(access)
        traits, attendants, cloudwatch = TraitsKnown(clock), Attendants(clients), QueueMetrics(clients)
        calls = Calls(partial(run_task, clients), spec.name, self._lines.of(access), clock)
        return Realm(
            clients=clients,
            queue=partial(Queue, clients, traits=traits),
            urls=QueueUrls(clients),
            polls=QueuePolls(clients, traits),
            traits=traits,
            cluster=lambda name: Cluster(Tasks(clients, name, spec.name, attendants.begin_look), clock, access.where),
            launcher=Launcher(Definitions(clients), calls, clock, self._find_url, dry_run=self._dry_run),
            revisions=Revisions(clients),
            deletions=Deletions(cloudwatch if spec.aws.asks_cloudwatch else None, clock.now),
            ages=Ages(cloudwatch if spec.aws.asks_message_age else None, clock.now),
        )


class AllPolls:
    """The polls of all realms, which share one event loop. ``begin``, ``end`` and ``close`` belong to it."""

    def __init__(self, realms: Realms) -> None:
        self._realms = realms
        self._readers = Counter[tuple[QueuePolls, str]]()
        """By queue, and who reads it: for how many scalers."""

    @property
    def own(self) -> QueuePolls:
        """Those of the controller's own account and region."""
        return self.of(OWN)

    def of(self, access: AccessSpec) -> QueuePolls:
        """Return the polls by which a queue is read."""
        return self._realms.of(access).polls

    def begin(self, access: AccessSpec, queues: Iterable[str]) -> QueuePolls:
        """Return the polls by which queues are read, for one more scaler from now on."""
        polls = self.of(access)
        self._readers.update((polls, queue) for queue in queues)
        return polls

    def end(self, polls: QueuePolls, queues: Iterable[str]) -> None:
        """Read queues for one scaler less; what is known of those that nobody reads any more is dropped."""
        for queue in queues:
            self._readers[polls, queue] -= 1
            if not self._readers[polls, queue]:
                del self._readers[polls, queue]
                polls.forget(queue)

    async def close(self) -> None:
        """Close the connections; nothing is read any more."""
        for realm in self._realms.list_made():
            await realm.polls.close()
