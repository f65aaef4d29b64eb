"""The configuration once it is checked: the records that the rest of the program works with.

Durations are seconds. The records are complete: build.py fills in every default and every inherited value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from controller.core.decision.timetable import policy_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.core.copies.keeper import KeeperSettings
    from controller.core.copies.packing import PackingPolicy
    from controller.core.decision.policy import Policy
    from controller.core.decision.rate import Rate
    from controller.core.decision.timetable import TimeWindow


@dataclass(frozen=True, slots=True)
class AwsSpec:
    """How AWS is reached, and what is assumed about it."""

    region: str | None
    """None: boto3 looks for it in its usual places."""
    endpoint_url: str | None
    """None: AWS's own endpoints."""
    consistency_window: float
    """L: how long ECS may take to list a task that it has started, seconds."""
    call_timeout: float
    """T: how long a whole RunTask call may take, seconds; at most 2 L."""
    launch_rate: Rate
    """How fast all scalers together may start tasks."""
    listing_rate: Rate
    """How fast ListTasks and DescribeTasks may be called."""
    asks_cloudwatch: bool = True
    """Whether CloudWatch is asked how many messages were deleted."""
    asks_message_age: bool = False
    """Whether CloudWatch is asked how old the oldest messages are."""


@dataclass(frozen=True, slots=True)
class AccessSpec:
    """In which region something is, and by which role it is reached."""

    region: str | None = None
    """None: the controller's own."""
    role_arn: str | None = None
    """The role that is assumed; None: the controller's own credentials are used."""
    external_id: str | None = None
    """What goes along with that; None: nothing."""

    @property
    def account(self) -> str | None:
        """The id of the role's account; None: the controller's own."""
        return None if self.role_arn is None else self.role_arn.split(":")[4]

    @property
    def where(self) -> tuple[str | None, str | None]:
        """Account and region, by which AWS's own limits hold; None for what is the controller's own."""
        return self.account, self.region

    def __str__(self) -> str:
        """Return where that is, for messages; empty: in the controller's own account and region."""
        return ", ".join(filter(None, (self.account and f"account {self.account}", self.region)))


OWN = AccessSpec()
"""The controller's own account and region."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Where metrics, health and status are served."""

    host: str
    port: int
    """0: any free one."""


@dataclass(frozen=True, slots=True)
class LogSpec:
    """The log."""

    level: str
    """debug, info, warning or error."""
    format: str
    """auto, text or json."""


class EventFormat(StrEnum):
    """What a webhook is sent."""

    CLOUDEVENTS = "cloudevents"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """Somebody who is told of changes; exactly one of the first three is set."""

    bus: str | None
    """An EventBridge bus, by name or ARN."""
    url: str | None
    variable: str | None
    """The variable of the environment that holds a URL."""
    format: EventFormat


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The tasks that a scaler launches."""

    cluster: str
    """Name or ARN."""
    definition: str
    """The template: family, family:revision or ARN."""
    container: str | None
    """The container to copy; None: the only one of the template that is neither log router nor proxy."""
    keeper: KeeperSettings
    """The container that keeps a task of copies alive, and ends it at its deadline."""
    run_task: Mapping[str, Any]
    """The parameters of RunTask that are the same in every call, in AWS's spelling; never ``cluster``,
    ``taskDefinition``, ``count``, ``clientToken``, ``startedBy``, ``group`` or ``overrides``."""
    environment: Mapping[str, str]
    """Variables set in the worker container."""


@dataclass(frozen=True, slots=True)
class QueueSearch:
    """How queues are looked for, in the account and region of the controller; ``prefix`` or ``tags`` is set."""

    prefix: str | None
    """The beginning of their names."""
    tags: tuple[tuple[str, str], ...]
    """Keys and values that they all have, in the order of the keys."""
    each: bool
    """Whether each queue has a scaler of its own; else one adds them up."""

    def __str__(self) -> str:
        tags = ", ".join(f"{key}={value}" for key, value in self.tags)
        return f'queues named "{self.prefix}..."' if self.prefix is not None else f"queues tagged {tags}"


@dataclass(frozen=True, slots=True)
class ScalerSpec:
    """A queue, or several, and the tasks that they drive."""

    name: str
    index: int
    """Its index in ``scalers``, which messages name."""
    queues: tuple[str, ...]
    """Its queues, whose messages are added up, as names, URLs or ARNs; none while they are looked for, and none of a
    scaler whose queue is gone."""
    policy: Policy
    """Its own, as it is while no window of its schedule is in force."""
    packing: PackingPolicy
    task: TaskSpec
    priority: int
    """When the budget or the launch rate is short, the scaler with the higher priority goes first."""
    schedule: tuple[TimeWindow, ...] = ()
    """Its time windows; the first that is in force counts."""
    queue_key: str = "queue"
    """The key of the configuration that names them: ``queue`` or ``queues``."""
    queue_env: str | None = None
    """The variable that tells the worker the URL of its queue; None: none does."""
    search: QueueSearch | None = None
    """How its queues are looked for, as configured; None: they are named, or this is one that was found."""
    unfound: str | None = None
    """Why it is not known which queues it has; None: it is."""
    found_by: str | None = None
    """The name of the scaler of the configuration that has found its queue; None: it is one itself."""
    queue_access: AccessSpec = OWN
    """How its queues are reached."""
    task_access: AccessSpec = OWN
    """How the cluster and the task definitions are reached."""

    @property
    def elsewhere(self) -> str | None:
        """Where queue and cluster are, for people; None: in the controller's own account and region."""
        queue, cluster = str(self.queue_access), str(self.task_access)
        if queue == cluster:
            return f"{self.queue_key} and cluster in {queue}" if queue else None
        here = "the controller's own account and region"
        return f"{self.queue_key} in {queue or here}; cluster in {cluster or here}"

    def at(self, now: float) -> ScalerSpec:
        """Return it as it is at a time: with the policy in force, and no schedule that could change that."""
        if not self.schedule:
            return self
        return replace(self, policy=policy_at(self.policy, self.schedule, now), schedule=())

    @property
    def least_at_most(self) -> int:
        """The largest min_containers that it has at any time."""
        changed = (window.changes.min_containers or 0 for window in self.schedule)
        return max(self.policy.min_containers, *changed, 0)

    @property
    def most_containers(self) -> int:
        """The largest max_containers that it has at any time."""
        changed = (window.changes.max_containers or 0 for window in self.schedule)
        return max(self.policy.max_containers, *changed, 0)


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    """A whole configuration."""

    name: str
    aws: AwsSpec
    server: ServerSpec
    log: LogSpec
    scalers: tuple[ScalerSpec, ...]
    budget: int | None
    """The most live containers of all scalers together; None: no such limit."""
    events: tuple[EventSpec, ...] = ()
    """Who is told of changes."""
