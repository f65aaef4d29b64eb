"""The controller's own parts as tests put them together, on an embedded AWS."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from controller.aws.errors import Fault
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.aws.pace import BackOff
from controller.aws.session import Clients
from controller.config import AwsSpec, ControllerSpec, LogSpec, ScalerSpec, ServerSpec, TaskSpec
from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.packing import Packing, PackingPolicy
from controller.core.decision.rate import Rate
from controller.core.decision.task import LiveTask
from controller.telemetry.metrics import Metrics
from controller.telemetry.series import Series
from tests.core.decision import builders
from tests.support.aws import NETWORK
from tests.support.clock import MACHINE_CLOCK

if TYPE_CHECKING:
    from controller.aws.session import RequestObserver
    from controller.clock import Clock
    from controller.core.decision.ledger import Ledger
    from controller.sandbox.aws import EmbeddedAws

CONTROLLER = "ecsq"
SCALER = "content-ingest"
SLOTS = replace(builders.SLOTS, controller=CONTROLLER, scaler=SCALER)
PACKING = PackingPolicy(Packing.SPREAD, max_tasks_per_launch=100, max_containers_per_task=9)
ACCOUNT_RATE = Rate(per_second=20.0, burst=100)
"""How fast Fargate starts tasks for an account and region by default."""
FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK}
FAULTS = [fault.value for fault in Fault]
NOBODY_LISTENS = "http://127.0.0.1:1"
"""An endpoint that refuses every connection."""
UNREACHABLE_AWS = AwsSpec("us-east-1", NOBODY_LISTENS, 5.0, 5.0, ACCOUNT_RATE, ACCOUNT_RATE)


def ignore_request(*_request: object) -> None:
    """Observe nothing."""


def aws_spec(aws: EmbeddedAws, call_timeout: float = 5.0) -> AwsSpec:
    """Return a specification that leads to the embedded AWS."""
    return replace(UNREACHABLE_AWS, region=aws.region, endpoint_url=aws.url, call_timeout=call_timeout)


def controller_spec(aws: EmbeddedAws) -> ControllerSpec:
    """Return a controller of the embedded AWS, without scalers and without a budget."""
    return ControllerSpec(
        CONTROLLER, aws_spec(aws), ServerSpec("127.0.0.1", 0), LogSpec("info", "json"), scalers=(), budget=None
    )


def clients_of(
    aws: EmbeddedAws,
    observe: RequestObserver = ignore_request,
    *,
    call_timeout: float = 5.0,
    name: str = CONTROLLER,
    clock: Clock = MACHINE_CLOCK,
) -> Clients:
    """Return a controller's clients of the embedded AWS; those that nobody observes are made once."""
    spec = aws_spec(aws, call_timeout)
    if observe is not ignore_request:
        return Clients(spec, name, observe, clock)
    clients = _clients(spec, name)
    clients.clock = clock
    clients._back_off = BackOff(clock)  # a throttle in one test is no other test's business
    return clients


@cache
def _clients(spec: AwsSpec, name: str) -> Clients:
    return Clients(spec, name, ignore_request, MACHINE_CLOCK)


def metrics_of_nothing() -> Metrics:
    """Return metrics that nothing has counted in yet."""
    return Metrics("0", (), REQUEST_OUTCOMES)


def series_of(metrics: Metrics, scaler: str = SCALER) -> Series:
    """Return one scaler's series."""
    return Series(metrics, scaler, FAULTS)


def scaler_spec(
    cluster: str, definition: str, *, queue: str = "nobody-asks", name: str = SCALER, index: int = 0, **changes: Any
) -> ScalerSpec:
    """Return a scaler of one container a message, at most 10, on Fargate; without cooldowns.

    ``changes`` are members of its policy, its packing or its task, each under its own name.
    """
    policy = builders.policy(slots=replace(SLOTS, scaler=name), cooldown=builders.NO_COOLDOWN)
    task = TaskSpec(cluster, definition, None, KeeperSettings("busybox", deadline=None), FARGATE, {})
    return ScalerSpec(
        name=name,
        index=index,
        queues=(queue,),
        policy=_changed(policy, changes),
        packing=_changed(PACKING, changes),
        task=_changed(task, changes),
        priority=0,
    )


def _changed(record: Any, changes: dict[str, Any]) -> Any:
    """Return the record with those of the changes that it has a member for."""
    return replace(record, **{name: value for name, value in changes.items() if name in record.__dataclass_fields__})


def known_tasks(*arns: str) -> Ledger:
    """Return tasks as a launch enters them, before anybody has looked at them."""
    return {arn: LiveTask(arn, SCALER, running=0, starting=1, created_at=0.0) for arn in arns}
