"""The embedded AWS as a whole: one loopback endpoint for every service, with a journal and faults."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from controller.sandbox.aws.control import EcsControl
from controller.sandbox.aws.ecs import Ecs
from controller.sandbox.aws.faults import AT_THE_SOCKET, MALFORMED, WITHOUT_WORK, Fault, Faults
from controller.sandbox.aws.journal import Call, Journal
from controller.sandbox.aws.moto_services import MotoServices
from controller.sandbox.aws.queues import Queues
from controller.sandbox.aws.rates import Rates
from controller.sandbox.aws.server import Delivery, HttpServer
from controller.sandbox.aws.timing import Delay, Timing
from controller.sandbox.aws.wire import METADATA, Answer, AwsError, Request

if TYPE_CHECKING:
    from collections.abc import Callable

_REGIONAL = ("ecs", "sqs")


class EmbeddedAws:
    """ECS and SQS (and what else moto plays) on loopback, for real boto3 clients.

    A context manager; ``stop`` may be called twice. One instance at a time: moto's queues belong to the process,
    and a new instance begins with none. Delays are in seconds; a function gets the task's ARN.
    """

    def __init__(  # noqa: PLR0913 - keywords all, each a thing that AWS leaves open
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        region: str = "us-east-1",
        listing_lag: Delay = 0.0,
        start_delay: Delay = 0.0,
        pending_delay: float | None = None,
        stop_delay: float = 0.0,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Bind the port at once (0: a free one); raises ``OSError`` if it is taken.

        ``seed`` fixes the tasks' names and the faults' draws; ``clock`` is that of tasks, rates and late counts.
        """
        self._timing = Timing(
            start_delay=start_delay,
            pending_delay=pending_delay,
            stop_delay=stop_delay,
            listing_lag=listing_lag,
        )
        self._initial_timing = replace(self._timing)
        self.region = region
        self.journal = Journal()
        self.faults = Faults(seed)
        self.rates = Rates(clock)
        self._server = HttpServer(host, port, self._answer)
        self.url = self._server.url
        self._ecs = Ecs(region, self._timing, clock, seed)
        self.ecs = EcsControl(self._ecs, self._timing, self.url)
        self._moto = MotoServices(region)
        self.sqs = Queues(self._moto, clock)
        self._clients: dict[tuple[str, str], Any] = {}
        self._clients_lock = Lock()

    def start(self) -> Self:
        """Forget what an earlier instance left in moto, and begin to answer."""
        self._moto.reset()
        self._server.start()
        return self

    def stop(self) -> None:
        """End every call in flight, and the server with it."""
        self.faults.clear()
        self.sqs.close()
        self._server.stop()
        for client in self._clients.values():
            client.close()

    def reset(self) -> None:
        """Be as after ``start``: no task, definition, cluster, queue, fault or call, and the first delays."""
        self.faults.clear()
        self.rates.lift()
        self._timing.set(self._initial_timing)
        self.sqs.counts_lag = 0.0
        self._ecs.reset()
        self.sqs.reset()
        self.journal.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def client(self, service: str, *, app: str = "", config: Config | None = None, **options: Any) -> Any:
        """Give a boto3 client of this endpoint with dummy credentials; ``app`` is its name in the journal.

        Without ``config`` and ``options`` all who ask share one, which ``stop`` closes.
        """
        if config is not None or options:
            return self._connect(service, app, config or Config(), **options)
        with self._clients_lock:
            if (service, app) not in self._clients:
                self._clients[service, app] = self._connect(service, app, Config())
            return self._clients[service, app]

    def _connect(self, service: str, app: str, config: Config, **options: Any) -> Any:
        # The type stubs know neither user_agent_appid nor a service whose name is a variable.
        configure: Callable[..., Config] = Config
        connect: Callable[..., Any] = boto3.client
        return connect(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",  # noqa: S106 - any key will do here
            config=configure(user_agent_appid=app or None).merge(config),
            **options,
        )

    def _answer(self, request: Request) -> Delivery:
        arrived_at = time.time()
        fault = self.faults.take(request)
        if fault is not None and fault.kind == "slow":
            self.faults.wait(fault.delay)
        answer = self._work(request, fault)
        self.journal.record(
            Call(
                at=arrived_at,
                service=request.service,
                operation=request.operation,
                parameters=request.parameters,
                status=answer.status if answer else 0,
                error_code=answer.error_code if answer else None,
                fault=fault.kind if fault else None,
                client=request.client,
                process=request.process,
            )
        )
        return self._delivery(answer, fault)

    def _work(self, request: Request, fault: Fault | None) -> Answer | None:
        if fault is not None and fault.kind in WITHOUT_WORK:
            return None if fault.kind == "lost_request" else fault.answer()
        if fault is not None and fault.kind == "hang" and not fault.works:
            return None
        if refusal := self._refusal(request) or self.rates.refusal(request):
            return refusal.answer()
        if request.service == "ecs":
            return self._ecs.answer(request)
        if request.service == METADATA:
            return self._ecs.metadata(request.path)
        if request.service == "sqs":
            return self.sqs.answer(request)
        return self._moto.answer(request)

    def _refusal(self, request: Request) -> AwsError | None:
        if not request.service:
            return AwsError("MissingAuthenticationTokenException", "Request is missing Authentication Token")
        if request.service in _REGIONAL and request.region != self.region:
            return AwsError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: this endpoint is {self.region}, not {request.region}.",
            )
        return None

    def _delivery(self, answer: Answer | None, fault: Fault | None) -> Delivery:
        if fault is None or (answer is None and fault.kind != "hang"):
            return Delivery(answer)
        if fault.kind == "slow_answer":
            self.faults.wait(fault.delay)
        if fault.kind == "hang":
            self.faults.wait(None)
            return Delivery(None)
        if fault.kind == "malformed" and answer is not None:
            return Delivery(Answer(200, MALFORMED, answer.headers))
        if fault.kind == "cut":
            return Delivery(answer, cut=True)
        return Delivery(None if fault.kind in AT_THE_SOCKET else answer)
