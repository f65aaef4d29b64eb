"""The embedded AWS as a whole: one loopback endpoint for every service, with a journal and disturbances."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from controller.clock import machine_clock
from controller.sandbox.aws.account import Account
from controller.sandbox.aws.arns import ACCOUNT_ID, Arns
from controller.sandbox.aws.disturbances import AT_THE_SOCKET, MALFORMED, WITHOUT_WORK, Disturbance, Disturbances
from controller.sandbox.aws.journal import Journal, JournalEntry
from controller.sandbox.aws.place import Place
from controller.sandbox.aws.roles import ADMINISTRATOR, Roles
from controller.sandbox.aws.server import Delivery, HttpServer
from controller.sandbox.aws.timing import Delay, Timing
from controller.sandbox.aws.wire import METADATA, ApiError, HttpAnswer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.authorization import Asked

_REGIONAL = ("ecs", "sqs")
_MACHINE = machine_clock(Event())
"""The clock of moto's queues, and of everything else unless the caller passes another one."""


class EmbeddedAws:
    """ECS, SQS and the other services of moto on loopback, for real boto3 clients.

    A context manager; ``stop`` may be called twice. Use one instance at a time: moto's queues belong to the process,
    and a new instance begins with none. Delays are in seconds; one may be a function of the task's ARN.
    """

    def __init__(  # noqa: PLR0913 - keywords only, each for something that AWS leaves open
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
        clock: Callable[[], float] = _MACHINE.now,
    ) -> None:
        """Bind the port at once (0: a free one). Raises ``OSError`` if it is taken.

        ``seed`` fixes the ids of tasks and the draws of disturbances. ``clock`` returns seconds since the epoch; tasks,
        rates, the journal and late counts go by it, but the messages in the queues by the machine's clock.
        """
        self._timing = Timing(
            start_delay=start_delay, pending_delay=pending_delay, stop_delay=stop_delay, listing_lag=listing_lag
        )
        self._initial_timing = replace(self._timing)
        self.region = region
        self._clock = clock
        self._seed = seed
        self.journal = Journal()
        self.disturbances = Disturbances(seed)
        self.roles = Roles(clock)
        self._server = HttpServer(host, port, self._answer)
        self.url = self._server.url
        self.account = Account()
        self._lock = Lock()
        self._places: dict[tuple[str, str], Place] = {}
        self._regions = {region}
        self._own = self._place(ACCOUNT_ID, region)
        self.ecs, self.services, self.sqs = self._own.ecs, self._own.services, self._own.sqs
        self.rates, self.queue_metrics = self._own.rates, self._own.queue_metrics
        self._clients: dict[tuple[str, str, str, str], Any] = {}

    def open(self, account: str, region: str) -> Place:
        """Return another account and region, which is there from now on; without that a region is none."""
        self._regions.add(region)
        return self._place(account, region)

    def _place(self, account: str, region: str) -> Place:
        with self._lock:
            if (account, region) not in self._places:
                self._places[account, region] = Place(
                    Arns(region, account),
                    timing=self._timing,
                    clock=self._clock,
                    machine=_MACHINE,
                    seed=self._seed,
                    url=self.url,
                    account=self.account,
                    connect=self._connect_to,
                )
            return self._places[account, region]

    def start(self) -> Self:
        """Remove what an earlier instance left in moto, and begin to answer."""
        self._own.sqs.reset()
        self._server.start()
        return self

    def stop(self) -> None:
        """End every call in flight, and stop the server."""
        self.disturbances.clear()
        for place in self._places.values():
            place.sqs.close()
        self._server.stop()
        for client in self._clients.values():
            client.close()

    def list_asked(self, entry: JournalEntry) -> list[Asked]:
        """Return what IAM would be asked for a call of the journal."""
        place = self._places.get((entry.account, entry.region), self._own)
        return place.list_asked(entry)

    def reset(self) -> None:
        """Return to the state after ``start``: ECS, SQS and journal are empty, no disturbances, the first delays."""
        self.disturbances.clear()
        self._timing.set(self._initial_timing)
        for place in self._places.values():
            place.reset()
        self.roles.reset()
        self.account.reset()
        self.journal.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def client(self, service: str, *, app: str = "", config: Config | None = None, **options: Any) -> Any:
        """Return a boto3 client of this endpoint with dummy credentials; ``app`` is its name in the journal.

        Without ``config`` and ``options`` it is shared by all callers with the same name, and ``stop`` closes it.
        """
        if config is not None or options:
            return self._connect(service, app, config or Config(), **options)
        return self._connect_to(self._own, service, app)

    def _connect_to(self, place: Place, service: str, app: str = "") -> Any:
        """Return the client of a service in a place that all share."""
        key = place.account_id, place.region, service, app
        with self._lock:
            if key not in self._clients:
                whose = {} if place is self._own else {"aws_access_key_id": f"{ADMINISTRATOR}{place.account_id}"}
                self._clients[key] = self._connect(service, app, Config(), region_name=place.region, **whose)
            return self._clients[key]

    def _connect(self, service: str, app: str, config: Config, **options: Any) -> Any:
        # The type stubs know neither user_agent_appid nor a service whose name is a variable.
        configure: Callable[..., Config] = Config
        connect: Callable[..., Any] = boto3.client
        keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}  # any will do here
        return connect(
            service,
            endpoint_url=self.url,
            config=configure(user_agent_appid=app or None).merge(config),
            **({"region_name": self.region} | keys | options),
        )

    def _answer(self, request: Request) -> Delivery:
        arrived_at = self._clock()
        disturbance = self.disturbances.take(request)
        if disturbance is not None and disturbance.kind == "slow":
            self.disturbances.wait(disturbance.delay)
        answer = self._work(request, disturbance)
        self.journal.record(
            JournalEntry(
                at=arrived_at,
                service=request.service,
                operation=request.operation,
                parameters=request.parameters,
                status=answer.status if answer else 0,
                error_code=answer.error_code if answer else None,
                disturbance=disturbance.kind if disturbance else None,
                client=request.client,
                process=request.process,
                account=self.roles.account_of(request.access_key),
                region=request.region,
            )
        )
        return self._prepare_delivery(answer, disturbance)

    def _work(self, request: Request, disturbance: Disturbance | None) -> HttpAnswer | None:
        if disturbance is not None and disturbance.kind in WITHOUT_WORK:
            return None if disturbance.kind == "lost_request" else disturbance.make_answer()
        if disturbance is not None and not disturbance.works and disturbance.kind in {"hang", "raw"}:
            return None
        if refusal := self._refuse(request) or self.roles.refuse(request):
            return refusal.to_answer()
        if request.service == "sts":
            return self.roles.answer(request)
        if request.service == METADATA:
            return self._own.answer(request)
        region = request.region if request.region in self._regions else self.region
        return self._place(self.roles.account_of(request.access_key), region).answer(request)

    def _refuse(self, request: Request) -> ApiError | None:
        if not request.service:
            return ApiError("MissingAuthenticationTokenException", "Request is missing Authentication Token")
        if request.service in _REGIONAL and request.region not in self._regions:
            return ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: this endpoint is {self.region}, not {request.region}.",
            )
        return None

    def _prepare_delivery(self, answer: HttpAnswer | None, disturbance: Disturbance | None) -> Delivery:
        if disturbance is not None and disturbance.kind == "raw":
            return Delivery(disturbance.make_answer())
        if disturbance is None or (answer is None and disturbance.kind != "hang"):
            return Delivery(answer)
        if disturbance.kind == "slow_answer":
            self.disturbances.wait(disturbance.delay)
        if disturbance.kind == "hang":
            self.disturbances.wait(None)
            return Delivery(None)
        if disturbance.kind == "malformed" and answer is not None:
            return Delivery(HttpAnswer(200, MALFORMED, answer.headers))
        if disturbance.kind == "trickle":
            return Delivery(answer, pause=self.disturbances.pace(disturbance.delay))
        if disturbance.kind == "interim":
            return Delivery(answer, interim=self.disturbances.pace(disturbance.delay))
        if disturbance.kind == "cut":
            return Delivery(answer, cut=True)
        return Delivery(None if disturbance.kind in AT_THE_SOCKET else answer)
