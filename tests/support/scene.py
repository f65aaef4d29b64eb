"""A queue, a cluster and a template on a test's clock, and the controller's own parts that watch them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.core.decision.slots import slot_numbered
from controller.scaling.services import connect
from tests.support.aws import CreatedQueue, create_cluster, create_queue, register_template, run_tasks, send_messages
from tests.support.controller import CONTROLLER, SCALER, SLOTS, controller_spec, scaler_spec
from tests.support.steps import Whole

if TYPE_CHECKING:
    from controller.config import ScalerSpec
    from controller.core.decision.model import Numbers, Reason
    from controller.core.record import Reconciled
    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.services import Services
    from tests.support.clock import ManualClock

APP = f"ecsq-{CONTROLLER}"
SLOT = slot_numbered(SLOTS, 56_000_000)
NEXT = slot_numbered(SLOTS, 56_000_001)
NOW = SLOT.start + 10
"""A moment within the window of a slot of 30 s, which is open from 5.5 s to 25 s."""
POLL = 10.0


@dataclass
class Scene:
    """A queue, a cluster and a template on the test's clock, and a controller that watches them."""

    aws: EmbeddedAws
    clock: ManualClock
    queue: CreatedQueue
    cluster: str
    template: str
    services: Services

    def spec(self, **changes: Any) -> ScalerSpec:
        """Return a scaler of the scene."""
        return scaler_spec(**{"cluster": self.cluster, "definition": self.template, "queue": self.queue.name} | changes)

    def scaler(self, **changes: Any) -> Whole:
        """Return the reconciler of such a scaler, which remembers nothing yet."""
        return Whole(self.spec(**changes), self.services)

    def send(self, messages: int) -> None:
        """Send messages."""
        send_messages(self.aws, self.queue.url, messages)

    def run(self, tasks: int, before: float = 0.0) -> list[str]:
        """Start tasks as an earlier process would have, so many seconds ago."""
        self.clock.now -= before
        arns = run_tasks(self.aws, self.cluster, self.template, tasks, startedBy=CONTROLLER, group=SCALER)
        self.clock.now += before
        return arns

    def restart(self) -> None:
        """Begin again as a new process, which remembers nothing."""
        self.services = services(self.aws, self.clock, dry_run=False)

    def let_pass(self, seconds: float, *scalers: Whole, poll: float = POLL) -> list[Reconciled]:
        """Let time pass and scalers poll, each by itself look again when it wants to; gives their launches."""
        launches, end, next_poll = [], self.clock.now + seconds, self.clock.now
        looks: dict[int, float] = {}
        while self.clock.now < end:
            is_poll = next_poll <= self.clock.now
            next_poll = self.clock.now + poll if is_poll else next_poll
            for number, scaler in enumerate(scalers):
                if is_poll or looks.get(number) == self.clock.now:
                    looks[number] = scaler.reconcile() or 0.0
                    if (each := last(scaler)).launch and each.decision.at == self.clock.now:
                        launches.append(each)
            self.clock.now = min(next_poll, *(look for look in looks.values() if look > self.clock.now), end)
        return launches

    def asked(self) -> list[str]:
        """Return the operations that the controller has asked for since the last look.

        Without the listings of tasks that ended before this process, which it takes once, before its first launch.
        """
        calls = self.aws.journal.calls(client=APP)
        self.aws.journal.clear()
        return [call.operation for call in calls if call.parameters.get("desiredStatus") != "STOPPED"]

    def sample(self, name: str, **labels: str) -> float | None:
        """Return a series of the scaler's; None: it is not there."""
        return self.services.metrics.registry.get_sample_value(f"ecsq_{name}", {"scaler": SCALER, **labels})

    def series(self) -> list[str]:
        """Return the names of all series that the scaler has."""
        metrics = self.services.metrics.registry.collect()
        return [sample.name for each in metrics for sample in each.samples if sample.labels.get("scaler") == SCALER]


def build(own: tuple[EmbeddedAws, ManualClock], *, dry_run: bool) -> Scene:
    """Return a new scene; AWS and the controller go by the same clock."""
    aws, clock = own
    aws.reset()
    clock.now = NOW
    return Scene(
        aws,
        clock,
        create_queue(aws),
        create_cluster(aws),
        register_template(aws),
        services(aws, clock, dry_run=dry_run),
    )


def services(aws: EmbeddedAws, clock: ManualClock, *, dry_run: bool) -> Services:
    """Return what the reconciles of a new process share."""
    return connect(controller_spec(aws), clock.handed_in(), dry_run=dry_run)


def last(scaler: Whole) -> Reconciled:
    """Return the last reconcile."""
    assert scaler.last is not None
    return scaler.last


def numbers(scaler: Whole) -> Numbers:
    """Return the numbers of the last decision."""
    found = last(scaler).decision.numbers
    assert found is not None
    return found


def reasons(scene: Scene, scaler: Whole, *moments: float) -> list[Reason]:
    """Let the scaler reconcile at these moments; gives why it launched or held."""
    found = []
    for scene.clock.now in moments:
        scaler.reconcile()
        found.append(last(scaler).decision.reason)
    return found
