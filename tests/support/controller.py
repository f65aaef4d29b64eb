"""The controller's own parts as tests put them together, on an embedded AWS."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from controller.aws.errors import Fault
from controller.aws.pace import BackOff
from controller.aws.session import REQUEST_OUTCOMES, Clients
from controller.config import AwsSpec, ScalerSpec, TaskSpec
from controller.core.copies.packing import PackingPolicy
from controller.core.decision.policy import CooldownPolicy, MessageState, PerContainer, Policy, SlotPolicy
from controller.telemetry.metrics import Metrics
from controller.telemetry.series import Series
from tests.support.aws import NETWORK

if TYPE_CHECKING:
    from controller.aws.session import RequestObserver
    from controller.sandbox.aws import EmbeddedAws

CONTROLLER = "ecsq"
SCALER = "content-ingest"
SLOTS = SlotPolicy(controller=CONTROLLER, scaler=SCALER)
FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK}
FAULTS = [fault.value for fault in Fault]
NOBODY_LISTENS = "http://127.0.0.1:1"
"""An endpoint that refuses every connection."""


def ignore_request(*_request: object) -> None:
    """Observe nothing."""


def aws_spec(aws: EmbeddedAws, call_timeout: float = 5.0) -> AwsSpec:
    """Return a specification that leads to the embedded AWS."""
    return AwsSpec(aws.region, aws.url, consistency_window=5.0, call_timeout=call_timeout)


def clients_of(
    aws: EmbeddedAws, observe: RequestObserver = ignore_request, *, call_timeout: float = 5.0, name: str = CONTROLLER
) -> Clients:
    """Return a controller's clients of the embedded AWS; those that nobody observes are made once."""
    spec = aws_spec(aws, call_timeout)
    if observe is not ignore_request:
        return Clients(spec, name, observe)
    clients = _clients(spec, name)
    clients._back_off = BackOff()  # what one test was throttled for is no other's business
    return clients


@cache
def _clients(spec: AwsSpec, name: str) -> Clients:
    return Clients(spec, name, ignore_request)


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
    policy = Policy(
        slots=replace(SLOTS, scaler=name),
        demand=PerContainer(1),
        counted=frozenset({MessageState.VISIBLE, MessageState.IN_FLIGHT}),
        max_containers=10,
        cooldown=CooldownPolicy(launch=0.0, fall=0.0),
    )
    task = TaskSpec(cluster, definition, None, "busybox", FARGATE, {})
    return ScalerSpec(
        name=name,
        index=index,
        queue=queue,
        policy=_changed(policy, changes),
        packing=_changed(PackingPolicy(), changes),
        task=_changed(task, changes),
    )


def _changed(record: Any, changes: dict[str, Any]) -> Any:
    """Return the record with those of the changes that it has a member for."""
    return replace(record, **{name: value for name, value in changes.items() if name in record.__dataclass_fields__})
