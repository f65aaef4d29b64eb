"""The keys of the configuration, and what each may be. Rules about several keys are in rules.py.

To add a key, or to check one key alone, give the key a type here, or in the module of its section: task_schema.py for
``task``, aws_schema.py for ``aws``, demand_schema.py for ``demand``, and so on. Its default stands there and nowhere
else. The docstring under a field is its description in the JSON Schema.

Types are strict: no value is converted, except that durations become seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from controller.config import formats
from controller.config.aws_schema import Aws, ScalerAws
from controller.config.demand_schema import Demand
from controller.config.durations import require_between
from controller.config.event_schema import Event
from controller.config.fields import (
    OFF,
    Count,
    CountOrZero,
    Duration,
    Name,
    PollInterval,
    Section,
    VariableName,
    default_to,
)
from controller.config.queue_schema import QUEUES, Queue, Queues, read_queues
from controller.config.schedule_schema import MAX_WINDOWS, Window
from controller.config.task_schema import Task
from controller.config.wording import describe

MAX_SCALERS = 10_000


class Server(Section):
    """Where metrics, health and status are served."""

    host: Annotated[str, Field(pattern=formats.HOST)] = "0.0.0.0"  # noqa: S104  Prometheus scrapes from outside
    """The address to listen on. It is open to whoever reaches the port, read-only and without secrets."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port to listen on; 0: any free one."""


class Log(Section):
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged."""
    format: Literal["auto", "text", "json"] = "auto"
    """auto: coloured text on a terminal, else JSON lines."""


class Hysteresis(Section):
    """When the level follows demand. It does not apply with start_within."""

    activate_at: Count = 1
    """An idle scaler wakes when the backlog is at least this."""
    activate_within: Duration = default_to("5m")
    """It also wakes when any backlog has waited this long, and then asks for at least 1 until the backlog is 0."""
    rise_after: Annotated[int, Field(ge=1, le=1000)] = 1
    """Polls in a row that must ask for more; the level rises to the lowest of them."""
    fall_after: Annotated[int, Field(ge=1, le=1000)] = 1
    """Polls in a row that must ask for less; the level falls to the highest of them."""
    dead_band: Annotated[float, Field(ge=0, le=10)] = 0.2
    """The level falls only to what backlog x (1 + dead_band) asks for."""


class Cooldown(Section):
    """The shortest times between two moves of a scaler."""

    launch: Duration = default_to("30s")
    """From one launching decision to the next; at least a slot (6 consistency_window). If left out: 30s, or a slot
    if that is longer."""
    fall: Duration = default_to("0s")
    """From the last rise of the level to its next fall."""


class Breaker(Section):
    """When failing tasks hold launches back. off: an exit code never does; tasks that fail to start do all the same."""

    after: Annotated[int, Field(ge=1, le=1000)] = 5
    """Bad ends in a row that open it. A bad end is a task that failed to start, or whose worker exited with an error
    within the time below. off: this default holds for tasks that fail to start."""
    within: Annotated[Duration, AfterValidator(require_between("1s", "24h"))] = default_to("60s")
    """How soon after its start an exit with an error tells of the task, and is a bad end. A later one tells of its
    message: that is a good sign, which ends the row, as a task does that ends well or has run for this long."""


_BREAKER_OFF = Breaker.model_construct(within=0.0)


def _read_breaker(value: Any) -> Any:
    """Return what ``off`` stands for, and pass a section on. Raises ValueError for what is neither."""
    if value is False or value == "off":
        return _BREAKER_OFF
    if value is None or isinstance(value, dict | Breaker):
        return value
    raise ValueError(
        f"must be off, or a mapping with after and within, not {describe(value)}; it is on when the key is left out"
    )


class Rollout(Section):
    """How a new revision of the template proves itself before all tasks run it."""

    canary: Annotated[int, Field(ge=1, le=10)] = 1
    """Tasks that run it until then, beside those of the revision before; as many have to do well."""
    prove: Annotated[Duration, AfterValidator(require_between("1s", "24h"))] = default_to("2m")
    """How long such a task has to run to have done well, unless it ends well before."""
    on_failure: Literal["go_back"] = "go_back"
    """What happens if one fails. go_back: the revision before stays, and the next one is tried once there is one."""


class Budget(Section):
    """The limits on all scalers together."""

    max_containers: Count
    """The most live containers of all scalers of this controller. It may be exceeded while two controllers overlap."""


class Scaler(Section):
    """One queue, or several, and the tasks that they drive."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["queue"]}, {"required": ["queues"]}]})

    name: Name
    """Its name in logs and metrics, unique in the controller."""
    queue: Queue | None = None
    """The SQS queue: name, URL or ARN."""
    queues: Annotated[Queues, BeforeValidator(read_queues), QUEUES] | None = None
    """Instead of queue: several, by a list or by what finds them. Their messages are added up, for workers that take
    those of all of them; with each, every queue found has a scaler of its own."""
    queue_env: VariableName | None = None
    """The variable that tells the worker the URL of its queue. Not where several queues are added up."""
    aws: ScalerAws = ScalerAws()
    """Another account or region than the controller's."""
    poll_interval: PollInterval | None = None
    """The time between two polls (1s to 1h). If left out: the controller's poll_interval."""
    paused: bool = False
    """Whether the scaler only observes and reports, and launches nothing."""
    backlog: Annotated[list[Literal["visible", "in_flight", "delayed"]], Field(min_length=1, max_length=3)] = (
        default_to(["visible", "in_flight"])
    )
    """The messages that count as work. Visible ones always do."""
    busy: Literal["in_flight", "running"] = "in_flight"
    """What shows that a worker is busy. in_flight: its message, which it deletes when it is done. running: that it
    runs; for workers that delete a message as they take it, and exit when none is left. Each that runs then counts as
    one message in flight, and what SQS calls in flight does not count."""
    demand: Demand
    """How many containers the backlog asks for."""
    min_containers: CountOrZero = 0
    """Containers that live even without a backlog."""
    max_containers: Count = 90
    """A hard limit on live containers."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """When the budget or the launch rate is short, the scaler with the higher priority goes first."""
    hysteresis: Hysteresis = Hysteresis()
    """When the level follows demand."""
    cooldown: Cooldown = Cooldown()
    """The shortest times between two moves of a scaler."""
    breaker: Annotated[Breaker, BeforeValidator(_read_breaker), OFF] = Breaker()
    """When failing tasks hold launches back. off: an exit code never does; tasks that fail to start do all the same."""
    rollout: Rollout | None = None
    """How a new revision of the template proves itself before all tasks run it. If left out: all do at once."""
    schedule: Annotated[list[Window], Field(max_length=MAX_WINDOWS)] = default_to([])
    """Time windows with settings of their own. The first that is in force counts."""
    task: Task
    """The tasks that are launched."""


class Configuration(Section):
    """The configuration of ecs-queue-controller."""

    name: Name = "ecsq"
    """The name of this controller. Controllers of different names never touch each other's tasks."""
    aws: Aws = Aws()
    """How AWS is reached, and what is assumed about it."""
    poll_interval: PollInterval = default_to("10s")
    """The time between two polls of a scaler that sets none (1s to 1h)."""
    server: Server = Server()
    """Where metrics, health and status are served."""
    log: Log = Log()
    """The log."""
    events: Annotated[list[Event], Field(max_length=10)] = default_to([])
    """Who is told of changes, such as a launch that failed."""
    budget: Budget | None = None
    """The limits on all scalers together. null: each has only its own max_containers."""
    scalers: Annotated[list[Scaler], Field(min_length=1, max_length=MAX_SCALERS)]
    """One per queue, or per workers that take messages of several."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, for editors (draft 2020-12)."""
    schema = Configuration.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
