"""The boto3 clients: one attempt a RunTask call, bounded in time, every request counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError

from controller.aws.errors import AwsError, Fault, classify_answer, translate
from controller.aws.misfits import drop_misfits
from controller.aws.operations import ANSWERS
from controller.aws.pace import BackOff
from controller.aws.unknown import note_unknown
from controller.clock import Clock
from controller.config import AwsSpec

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_sqs import SQSClient

CONNECT_SHARE = 0.4
"""The share of a call's time that connecting may take; the rest is for the answer."""
READ_ATTEMPTS = 2
"""Reads are sent once more when a connection breaks; the poll is their retry beyond that."""
MAX_CONNECTIONS = 32
"""As many as there are threads that reconcile."""

RequestObserver = Callable[[str, str, str, float], None]
"""Is called for every request with its service, operation, outcome and seconds."""

REQUEST_OUTCOMES = ("success", "throttled", "client_error", "server_error", "network_error")
_OUTCOME_OF_FAULT = {Fault.THROTTLED: "throttled", Fault.SERVER_ERROR: "server_error"}


class TooLateError(Exception):
    """A call was about to leave after its last moment; nothing was sent."""


class StoppingError(Exception):
    """A call was about to be made after the process was asked to stop; nothing was sent."""


class Clients:
    """The clients of one controller, each made at its first use.

    Making one raises AwsError when there is no region; that is then tried again at the next use.
    """

    def __init__(self, spec: AwsSpec, controller: str, observe: RequestObserver, clock: Clock) -> None:
        """Make none yet. No call is made any more once the clock's pauses say that the process is to stop."""
        self.clock = clock
        self._spec = spec
        self._appid = f"ecsq-{controller}"
        self._observe = observe
        self._session: boto3.session.Session | None = None
        self._made: dict[str, Any] = {}
        self._lock = Lock()
        self._back_off = BackOff(clock)

    @property
    def region(self) -> str:
        """The region that the clients speak to."""
        return str(self.sqs().meta.region_name)

    def sqs(self) -> SQSClient:
        """Return the client that reads queues."""
        return self._client("sqs", "sqs", READ_ATTEMPTS)  # type: ignore[no-any-return]

    def ecs(self) -> ECSClient:
        """Return the client that lists, describes and registers."""
        return self._client("ecs", "ecs", READ_ATTEMPTS)  # type: ignore[no-any-return]

    def launcher(self) -> ECSClient:
        """Return the client that writes: it sends each call once, since only its caller may decide to send it again."""
        return self._client("launcher", "ecs", attempts=1)  # type: ignore[no-any-return]

    def _client(self, role: str, service: str, attempts: int) -> Any:
        if role not in self._made:
            with self._lock:
                if role not in self._made:
                    self._made[role] = self._make(service, attempts)
        return self._made[role]

    def _make(self, service: str, attempts: int) -> Any:
        timeout = self._spec.call_timeout
        config = Config(
            connect_timeout=timeout * CONNECT_SHARE,
            read_timeout=timeout * (1 - CONNECT_SHARE),
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=MAX_CONNECTIONS,
            user_agent_appid=self._appid,  # type: ignore[call-arg]
        )
        try:
            # A session must not make two clients at the same time: the caller holds the lock.
            self._session = self._session or boto3.session.Session(region_name=self._spec.region)
            client = self._session.client(service, endpoint_url=self._spec.endpoint_url, config=config)  # type: ignore[call-overload]
        except (BotoCoreError, ValueError) as error:
            if isinstance(error, BotoCoreError):
                raise translate(error, f"{service} client", None) from error
            raise AwsError(Fault.INVALID, f"aws.endpoint_url: {error}") from error
        client.meta.events.register("before-call", self._check)
        client.meta.events.register("after-call", _refuse_broken)
        client.meta.events.register("request-created", self._note_start)
        client.meta.events.register("response-received", self._note_end)
        client.meta.events.register("before-parse.ecs.DescribeTaskDefinition", note_unknown)
        client.meta.events.register("before-parse.ecs.DescribeTasks", drop_misfits)
        return client

    def _check(self, model: OperationModel, **_: object) -> None:
        if self.clock.is_stopping():
            raise StoppingError
        self._back_off.check(model.name)

    def _note_start(self, request: Any, **_: object) -> None:
        request.context["ecsq_sent_at"] = self.clock.elapsed()

    def _note_end(self, event_name: str, **event: Any) -> None:
        """Report one request to the observer, unless it never left."""
        if isinstance(event["exception"], TooLateError):
            return
        _, service, operation = event_name.split(".")
        outcome = _judge(service, operation, event["parsed_response"])
        sent_at: float = event["context"]["ecsq_sent_at"]
        self._back_off.note(operation, sent_at, throttled=outcome == "throttled")
        self._observe(service, operation, outcome, self.clock.elapsed() - sent_at)


def _refuse_broken(model: OperationModel, parsed: Mapping[str, Any], **_: object) -> None:
    """Refuse a success that lacks what every success has.

    botocore takes an answer that was cut short or garbled for an empty one; "no tasks" and "unknown" are not the same.
    """
    if missing := _find_missing(model.service_model.service_name, model.name, parsed):
        raise ResponseParserError(f"the answer to {model.name} is broken: it lacks {', '.join(missing)}")


def _find_missing(service: str, operation: str, answer: Mapping[str, Any]) -> list[str]:
    """Return the members that a success lacks; an answer that tells of a failure lacks nothing."""
    if classify_answer(answer) is not None:
        return []
    return [name for name in ANSWERS[service, operation] if name not in answer]


def _judge(service: str, operation: str, answer: dict[str, Any] | None) -> str:
    """Return the outcome of a request. Without an answer the network is to blame, with a broken one the server."""
    if answer is None:
        return "network_error"
    if _find_missing(service, operation, answer):
        return "server_error"
    fault = classify_answer(answer)
    return "success" if fault is None else _OUTCOME_OF_FAULT.get(fault, "client_error")
