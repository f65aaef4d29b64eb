"""A place: one account and region of the embedded AWS, with clusters, tasks, queues and metrics of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.arns import Arns
from controller.sandbox.aws.authorization import Asked, Authorizations
from controller.sandbox.aws.control import EcsControl
from controller.sandbox.aws.ecs import Ecs
from controller.sandbox.aws.moto_services import MotoServices
from controller.sandbox.aws.queue_metrics import QueueMetrics
from controller.sandbox.aws.queue_search import TAGGING
from controller.sandbox.aws.queues import Queues
from controller.sandbox.aws.rates import Rates
from controller.sandbox.aws.service_tasks import ServiceTasks
from controller.sandbox.aws.wire import METADATA, HttpAnswer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.clock import Clock
    from controller.sandbox.aws.account import Account
    from controller.sandbox.aws.journal import JournalEntry
    from controller.sandbox.aws.timing import Timing


class Place:
    """One account and region."""

    def __init__(  # noqa: PLR0913 - keywords only, what all places share
        self,
        arns: Arns,
        *,
        timing: Timing,
        clock: Callable[[], float],
        machine: Clock,
        seed: int | None,
        url: str,
        account: Account,
        connect: Callable[..., Any],
    ) -> None:
        """``connect`` makes a client of a service with credentials of this account, in this region."""
        self.account_id, self.region = arns.account_id, arns.region
        self.rates = Rates(clock)
        self._ecs = Ecs(arns, timing, clock, seed)
        self.ecs = EcsControl(self._ecs, timing, url)
        self.services = ServiceTasks(self._ecs, self.ecs)
        self._moto = MotoServices(arns, machine.now)
        self.sqs = Queues(self._moto, clock, machine)
        self.queue_metrics = QueueMetrics(clock)
        self._authorizations = Authorizations(arns, self._ecs.find_definition, self._moto)
        self._account = account
        self._connect = connect

    def client(self, service: str) -> Any:
        """Return a boto3 client of this account and region."""
        return self._connect(self, service)

    def list_asked(self, entry: JournalEntry) -> list[Asked]:
        """Return what IAM would be asked for a call to this place."""
        return self._authorizations.list_asked(entry)

    def reset(self) -> None:
        """Forget everything."""
        self.rates.lift()
        self.sqs.counts_lag = 0.0
        self._ecs.reset()
        self.sqs.reset()
        self.queue_metrics.reset()

    def answer(self, request: Request) -> HttpAnswer:
        """Carry out a request to any service."""
        if refusal := self.rates.charge(request):
            return refusal.to_answer()
        if request.service == "ecs":
            return self._ecs.answer(request)
        if request.service == METADATA:
            return self._ecs.answer_metadata(request.path)
        if request.service in {"sqs", TAGGING}:
            answer = self.sqs.answer(request)
            self.queue_metrics.note(request, answer)
            return answer
        if request.service == "monitoring":
            return self.queue_metrics.answer(request)
        return self._account.answer(request) or self._moto.answer(request)
