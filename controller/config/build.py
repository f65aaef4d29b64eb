"""From the checked configuration to the specification that the program runs on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from controller.config.access import build_accesses
from controller.config.demand_schema import GivenPace
from controller.config.queue_schema import ListedQueues
from controller.config.schedule_schema import CHANGED
from controller.config.spec import (
    AwsSpec,
    ControllerSpec,
    EventFormat,
    EventSpec,
    LogSpec,
    QueueSearch,
    ScalerSpec,
    ServerSpec,
    TaskSpec,
)
from controller.config.starts import CronStarts
from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.packing import Packing, PackingPolicy
from controller.core.decision.policy import (
    MAX_CALL_WINDOWS,
    BreakerPolicy,
    Busy,
    CooldownPolicy,
    DemandPolicy,
    HysteresisPolicy,
    MessageState,
    PerContainer,
    Policy,
    RolloutPolicy,
    SlotPolicy,
    StartWithin,
    Step,
    Steps,
)
from controller.core.decision.rate import Rate
from controller.core.decision.slots import slot_length
from controller.core.decision.timetable import Changes, TimeWindow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.config.aws_schema import Aws
    from controller.config.demand_schema import Demand
    from controller.config.queue_schema import Queues
    from controller.config.schedule_schema import Window
    from controller.config.schema import Configuration, Cooldown, Hysteresis, Scaler
    from controller.config.task_schema import Task


UNFOUND = "its queues have not been looked for yet"
"""Why the queues of a configuration that was only read are not known."""


def build(configuration: Configuration, scalers: Iterable[ScalerSpec]) -> ControllerSpec:
    """Return the specification that a valid configuration describes; ``scalers`` are those of its scalers."""
    server, log = configuration.server, configuration.log
    aws = _build_aws(configuration.aws)
    return ControllerSpec(
        name=configuration.name,
        aws=aws,
        server=ServerSpec(server.host, server.port),
        log=LogSpec(log.level, log.format),
        scalers=tuple(scalers),
        events=tuple(
            EventSpec(event.eventbridge, event.webhook, event.webhook_env, EventFormat(event.format))
            for event in configuration.events
        ),
        budget=None if configuration.budget is None else configuration.budget.max_containers,
    )


def build_scalers(configuration: Configuration, first: int = 0) -> list[ScalerSpec]:
    """Return the specifications of the scalers of a valid configuration, which are in the file from ``first`` on."""
    aws = _build_aws(configuration.aws)
    return [
        _build_scaler(first + index, scaler, configuration, aws) for index, scaler in enumerate(configuration.scalers)
    ]


def _build_aws(aws: Aws) -> AwsSpec:
    timeout = aws.call_timeout
    if "call_timeout" not in aws.model_fields_set:
        timeout = min(timeout, MAX_CALL_WINDOWS * aws.consistency_window)
    launches = Rate(aws.launch_rate.tasks_per_second, aws.launch_rate.burst)
    listings = Rate(aws.listing_rate.calls_per_second, aws.listing_rate.burst)
    return AwsSpec(
        aws.region,
        aws.endpoint_url,
        aws.consistency_window,
        timeout,
        launches,
        listings,
        asks_cloudwatch=aws.cloudwatch == "auto",
        asks_message_age=aws.message_age,
    )


def _build_scaler(index: int, scaler: Scaler, configuration: Configuration, aws: AwsSpec) -> ScalerSpec:
    slots = SlotPolicy(configuration.name, scaler.name, aws.consistency_window, aws.call_timeout)
    interval = scaler.poll_interval if scaler.poll_interval is not None else configuration.poll_interval
    task, queues = scaler.task, _list_queues(scaler)
    queue_access, task_access = build_accesses(scaler.aws, queues, aws.region)
    return ScalerSpec(
        name=scaler.name,
        index=index,
        queues=queues,
        policy=Policy(
            slots=slots,
            demand=_build_demand(scaler.demand),
            is_fifo=any(queue.endswith(".fifo") for queue in queues),
            counted=frozenset(MessageState(state) for state in scaler.backlog),
            busy=Busy(scaler.busy),
            poll_interval=interval,
            min_containers=scaler.min_containers,
            max_containers=scaler.max_containers,
            hysteresis=_build_hysteresis(scaler.hysteresis),
            cooldown=_build_cooldown(scaler.cooldown, slots),
            breaker=BreakerPolicy(scaler.breaker.after, scaler.breaker.within),
            paused=scaler.paused,
            providers=_build_order(task),
            deadline=_build_deadline(task),
            rollout=None if scaler.rollout is None else RolloutPolicy(scaler.rollout.canary, scaler.rollout.prove),
        ),
        packing=PackingPolicy(Packing(task.packing), task.max_tasks_per_launch, task.max_containers_per_task),
        task=_build_task(task),
        priority=scaler.priority,
        queue_access=queue_access,
        task_access=task_access,
        schedule=tuple(map(_build_window, scaler.schedule)),
        queue_key="queue" if scaler.queues is None else "queues",
        queue_env=scaler.queue_env,
        search=(search := _build_search(scaler.queues)),
        unfound=None if search is None else UNFOUND,
    )


def _build_window(window: Window) -> TimeWindow:
    changes = Changes(**{key: getattr(window, key) for key in CHANGED})
    return TimeWindow(CronStarts(window.cron, window.timezone), window.lasts, changes, window.until)


def _list_queues(scaler: Scaler) -> tuple[str, ...]:
    if scaler.queue is not None:
        return (scaler.queue,)
    if scaler.queues is None:
        raise ValueError("a scaler without a queue; queue_rules.py refuses it before")
    return scaler.queues.names if isinstance(scaler.queues, ListedQueues) else ()


def _build_search(queues: Queues | None) -> QueueSearch | None:
    if queues is None or isinstance(queues, ListedQueues):
        return None
    return QueueSearch(queues.prefix, tuple(sorted((queues.tags or {}).items())), queues.each)


def _build_demand(demand: Demand) -> DemandPolicy:
    if demand.steps is not None:
        return Steps(tuple(Step(step.backlog, step.containers) for step in demand.steps))
    if demand.messages_per_container is not None:
        return PerContainer(demand.messages_per_container)
    if demand.start_within is None:
        raise ValueError("a demand without a strategy; rules.py refuses it before")
    pace = demand.seconds_per_message
    if isinstance(pace, GivenPace):
        return StartWithin(demand.start_within, seconds_per_message=pace.at_first)
    return StartWithin(demand.start_within, at_first=pace.at_first if pace else None)


def _build_hysteresis(hysteresis: Hysteresis) -> HysteresisPolicy:
    return HysteresisPolicy(**hysteresis.model_dump())


def _build_cooldown(cooldown: Cooldown, slots: SlotPolicy) -> CooldownPolicy:
    return CooldownPolicy(launch=max(cooldown.launch, slot_length(slots)), fall=cooldown.fall)


def _build_task(task: Task) -> TaskSpec:
    return TaskSpec(
        cluster=task.cluster,
        definition=task.definition,
        container=task.container,
        keeper=KeeperSettings(task.keeper_image, _build_deadline(task)),
        run_task={**task.run_task, **_build_placement(task), **_build_network(task), **_build_tags(task)},
        environment=dict(task.environment),
    )


def _build_deadline(task: Task) -> int | None:
    """Return the deadline in whole seconds, which is all that the keeper's shell can count: never too soon."""
    return None if task.deadline is None else math.ceil(task.deadline)


def _build_order(task: Task) -> tuple[str, ...]:
    """Return the capacity providers in order; each call of RunTask then names one of them."""
    return task.capacity if isinstance(task.capacity, tuple) else ()


def _build_placement(task: Task) -> dict[str, Any]:
    if task.capacity is not None:
        return {"launchType": "EXTERNAL"} if task.capacity == "EXTERNAL" else {}
    if not task.capacity_providers:
        return {"launchType": task.launch_type}
    strategy = [
        {"capacityProvider": item.provider, "weight": item.weight, "base": item.base}
        for item in task.capacity_providers
    ]
    return {"capacityProviderStrategy": strategy}


def _build_network(task: Task) -> dict[str, Any]:
    if not task.subnets:
        return {}
    vpc = {
        "subnets": list(task.subnets),
        "securityGroups": list(task.security_groups),
        "assignPublicIp": "ENABLED" if task.assign_public_ip else "DISABLED",
    }
    return {"networkConfiguration": {"awsvpcConfiguration": {key: value for key, value in vpc.items() if value}}}


def _build_tags(task: Task) -> dict[str, Any]:
    return {"tags": [{"key": key, "value": value} for key, value in task.tags.items()]} if task.tags else {}
