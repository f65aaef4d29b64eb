"""One process of the controller: the real Reconciler, Cluster and Launcher, and the seams behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from controller.aws.descriptions import FindOutline
from controller.aws.errors import AwsError, Fault
from controller.aws.event_bus import put_event
from controller.aws.peers import PeerLook
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import QueueUrls
from controller.aws.run_task import OutcomeUnknownError, RunTaskAnswer
from controller.aws.session import Clients, TooLateError
from controller.aws.tasks import Round
from controller.aws.traits import TraitsKnown
from controller.clock import Clock
from controller.config import OWN, AccessSpec, ScalerSpec
from controller.core.copies.derive import Allowed
from controller.core.copies.template import Template
from controller.core.decision.ledger import Ledger
from controller.core.decision.limits import SIGNATURE_LIFETIME
from controller.core.decision.model import Decision, QueueCounts
from controller.core.decision.rate import Rate
from controller.core.decision.stopped import StoppedTask
from controller.scaling.ages import Ages
from controller.scaling.budget import SharedBudget
from controller.scaling.calls import Calls
from controller.scaling.clusters import Clusters
from controller.scaling.deletions import Deletions
from controller.scaling.fleet import Cluster
from controller.scaling.launch import Launcher, Launching
from controller.scaling.line import Lines
from controller.scaling.lister import Listers
from controller.scaling.order import Enter, FindObjection
from controller.scaling.realms import AllPolls, Realm, Realms
from controller.scaling.search import search_with
from controller.scaling.services import Services
from controller.telemetry.history import History
from controller.telemetry.series import Series
from tests.proof.configurations import capacity
from tests.proof.stepped import Seam, Stepped
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import CONTROLLER, UNREACHABLE_AWS, ignore_request, metrics_of_nothing
from tests.support.steps import Whole

if TYPE_CHECKING:
    from tests.proof.world import World

PLENTY = Rate(1000.0, 1000)
METRICS = metrics_of_nothing()
"""Of all processes: nobody looks at them here, and to make them takes longer than a schedule."""
CLIENTS = Clients(UNREACHABLE_AWS, CONTROLLER, ignore_request, MACHINE_CLOCK)
POLLS, LOOKS = QueuePolls(CLIENTS), partial(PeerLook, CLIENTS)
SEARCHES = search_with(CLIENTS, POLLS.traits)
"""Of all processes: each reads its queue as it reconciles, and nobody looks for peers or queues, so nothing is asked by
these."""
REGISTRABLE: Allowed = {"family": None, "containerDefinitions": None, "tags": None, "cpu": None, "memory": None}
SENDS, AWAITS, PAUSES = "sends", "awaits", "pauses"


@dataclass(slots=True, eq=False)
class Request:
    """One RunTask request on its way."""

    sender: Process
    slot: int
    parameters: Mapping[str, Any]
    most: int
    """The max_containers that its sender has decided by."""
    sent_at: float
    """True time."""
    signed_at: float
    """By its sender's clock."""
    reply: RunTaskAnswer | Exception | None = None
    """What comes back; None: nothing yet."""
    arrived: bool = False
    gives_up_at: float = 0.0
    """When the sender takes its outcome for unknown."""

    @property
    def valid_until(self) -> float:
        """When AWS begins to refuse its signature, true time."""
        return self.signed_at + SIGNATURE_LIFETIME


class Process:
    """A process from its start to its crash, stepped from seam to seam; it remembers nothing of another."""

    def __init__(self, name: str, world: World, spec: ScalerSpec, skew: float) -> None:
        self.name = name
        self.world = world
        self.spec = spec
        self.skew = skew
        """Its clock less the true time, seconds."""
        self.alive = True
        self.fails = False
        """Whether its next call, RunTask's included, fails before it does anything."""
        self.cut_off = False
        """Whether its RunTask requests are lost or late, until something else is decided."""
        self.request: Request | None = None
        """The one whose answer it awaits."""
        self.slot = 0
        """Of the plan that it carries out."""
        self.most = 0
        """The max_containers by which that was decided."""
        clock = Clock(lambda: world.now + self.skew, lambda: world.now, self._pause)
        self.seams = seams = _Seams(self)
        lines = Lines(PLENTY, clock)
        calls = Calls(self._run_task, CONTROLLER, lines.of(OWN), clock)
        launcher = _Watched(seams, calls, clock, str, dry_run=False)
        launcher.process = self
        realms = _OneRealm(
            Realm(
                clients=CLIENTS,
                queue=lambda _: seams,
                urls=QueueUrls(CLIENTS),
                polls=POLLS,
                traits=TraitsKnown(clock),
                cluster=lambda _: Cluster(seams, clock),
                launcher=launcher,
                revisions=seams,
                deletions=Deletions(None, clock.now),
                ages=Ages(None, clock.now),
            )
        )
        self._services = Services(
            realms=realms,
            polls=AllPolls(realms),
            clusters=Clusters(lambda key: realms.of(key[0]).cluster(key[1]), clock.now),
            listers=Listers(clock),
            budget=SharedBudget(),
            metrics=METRICS,
            history=History(world.now),
            clock=clock,
            lines=lines,
            look_for_peers=LOOKS,
            searches=SEARCHES,
            put_event=partial(put_event, CLIENTS),
        )
        self.reconciler = Whole(spec, self._services)
        self._stepped = Stepped(self._reconcile)

    def __repr__(self) -> str:
        return self.name

    @property
    def seam(self) -> Seam | None:
        """Where it waits; None: it is idle."""
        return self._stepped.seam

    @property
    def looks_again_at(self) -> float | None:
        """What the last reconcile has returned, true time."""
        result = self._stepped.result
        return None if result is None else result - self.skew

    def go_on(self) -> None:
        """Go on to the next seam; an idle process begins a reconcile."""
        self._stepped.go_on()

    def hand_over(self) -> bool:
        """Lose the scaler to another controller and get it back; say whether it was let go, and begins anew."""
        if not self.reconciler.let_go():
            return False
        self.reconciler.retire()
        self.reconciler = Whole(self.spec, self._services)
        return True

    def crash(self) -> None:
        """End here."""
        self.alive = False
        self._stepped.crash()

    def _reconcile(self) -> float | None:
        return self.reconciler.reconcile()

    def meet(self, name: str, wakes_at: float = 0.0) -> None:
        """Wait at a seam. Raises AwsError if the call is to fail."""
        self._stepped.wait(Seam(name, wakes_at))
        if self.fails and name not in {AWAITS, PAUSES}:
            self.fails = False
            raise AwsError(Fault.THROTTLED, f"{name}: Rate exceeded")

    def _pause(self, seconds: float) -> bool:
        self.meet(PAUSES, self.world.now + seconds)
        return False

    def _run_task(self, parameters: Mapping[str, Any], last_send: float) -> RunTaskAnswer:
        """Stand in for ``controller.aws.run_task.run_task``: the last check and the send are one moment."""
        self.meet(SENDS)
        now = self.world.now
        if now + self.skew > last_send:
            self.world.tell(self, "is too late to send")
            raise TooLateError
        timeout = self.spec.policy.slots.call_timeout
        self.request = Request(self, self.slot, parameters, self.most, now, now + self.skew, gives_up_at=now + timeout)
        self.world.sent(self.request)
        self.meet(AWAITS)
        reply, self.request = self.request.reply, None
        if isinstance(reply, RunTaskAnswer):
            return reply
        raise reply or OutcomeUnknownError("nobody has decided")


class _Watched(Launcher):
    """The launcher, and a note of what it is about to start."""

    process: Process

    def launch(
        self, spec: ScalerSpec, decision: Decision, enter: Enter, series: Series, find_objection: FindObjection
    ) -> Launching:
        self.process.slot = decision.slot or 0
        self.process.most = spec.policy.max_containers
        self.process.world.planned(self.process, min(decision.launch, capacity(spec)))
        return super().launch(spec, decision, enter, series, find_objection)


class _OneRealm(Realms):
    """One account and region, in which everything is."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm

    def of(self, _access: AccessSpec) -> Realm:
        return self._realm


class _Seams:
    """Queue reader, lister and definition store of one process. Whatever else is asked for is a broken promise."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._account = process.world.account

    def __getattr__(self, operation: str) -> NoReturn:
        raise AssertionError(f"the controller asked AWS for {operation}: it reads, registers and runs tasks")

    def read_counts(self) -> QueueCounts:
        self._process.meet("counts")
        return self._account.queue.counts()

    def observe(self, known: Ledger, _find_outline: FindOutline, _is_needed: Callable[[], bool]) -> Round:
        self._process.meet("lists")
        listed = self._account.listed(self._world.now)
        self._process.meet("describes")
        return self._account.described(listed, known, self._process.spec.name, self._world.now)

    def list_stopping(self, _family: str, _find_outline: FindOutline, _note: object) -> tuple[StoppedTask, ...]:
        """Return nothing that ended badly; no seam to stop at, since nothing hangs on when this is read."""
        return ()

    @property
    def registrable(self) -> Allowed:
        return REGISTRABLE

    def read_template(self, definition: str) -> Template:
        self._process.meet("template")
        return self._account.template(definition)

    def find_foreign(self, _family: str) -> str | None:
        return None

    def find(self, _family: str, fingerprint: str) -> str | None:
        return self._account.find(fingerprint)

    def register(self, definition: Mapping[str, Any], fingerprint: str) -> str:
        self._process.meet("registers")
        workers = len(definition["containerDefinitions"]) - len(self._account.template("").containers)
        template = {tag["key"]: tag["value"] for tag in definition["tags"]}["ecsq:template"]
        return self._account.register(definition["family"], workers, fingerprint, template)

    def list_active(self, _definition: str) -> tuple[int, ...]:
        self._process.meet("revisions")
        return tuple(range(self._account.revision, 0, -1))

    def find_template(self, derived: str) -> int | None:
        return self._account.revision_of(f"task-definition/{derived}")

    def forget(self, arn: str) -> None:
        """Nothing is kept here that could be forgotten."""
