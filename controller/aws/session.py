"""The boto3 clients: one attempt a RunTask call, bounded in time, every request counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3

from controller.aws.credentials import Credentials
from controller.aws.described import read_described
from controller.aws.errors import AwsError, Fault, translate
from controller.aws.making import make_client
from controller.aws.outcomes import judge_request, refuse_broken_call
from controller.aws.pace import Limits
from controller.aws.reach import Reach
from controller.aws.stages import Course, Following, Stage, current_course, note_sent
from controller.aws.unknown import note_unknown
from controller.clock import Clock
from controller.core.decision.rate import Rate

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotoCredentials
    from botocore.model import OperationModel
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_sqs import SQSClient

# What goes wrong is raised as well, and told once, in our words; theirs come with tracebacks, and with every poll.
for _library in ("botocore", "urllib3"):
    logging.getLogger(_library).setLevel(logging.ERROR)

READ_ATTEMPTS = 2
"""Reads are sent once more when a connection breaks; the poll is their retry beyond that."""
ASKED_WITHIN = 60.0
"""Seconds, without waiting for the listing rate, after which a conversation of many calls begins no further one."""
LISTING = frozenset({"ListTasks", "DescribeTasks"})
"""The operations of a listing; an account has one rate for both."""
RENEW_EVERY = 30.0
"""Seconds from one renewal after a denial to the next, at least: a policy that denies may do so for days."""

RequestObserver = Callable[[str, str, str, float], None]
"""Is called for every request with its service, operation, outcome and seconds."""


class TooLateError(Exception):
    """A call was about to leave after its last moment; nothing was sent."""


class StoppingError(Exception):
    """A call was about to be made after the process was asked to stop; nothing was sent."""


class Clients:
    """The clients of one controller, each made at its first use, and again after a renewal.

    Making one raises AwsError when there is no region, or when credentials cannot be read; that is then tried again.
    """

    def __init__(
        self,
        spec: Reach,
        controller: str,
        observe: RequestObserver,
        clock: Clock,
        *,
        credentials: Credentials | None = None,
        limits: Limits | None = None,
        elsewhere: str = "",
    ) -> None:
        """Make none yet. No call is made any more once the clock's pauses say that the process is to stop.

        ``credentials`` and ``limits`` may be shared with other clients.
        """
        self.clock = clock
        self._spec = spec
        self._controller = controller
        self._observe = observe
        self._credentials = credentials or Credentials(spec.region, clock.elapsed)
        self.elsewhere = elsewhere
        """Where they ask, for messages; empty: in the controller's own account and region."""
        self._made: dict[str, tuple[boto3.session.Session, Any]] = {}
        """By role: a client, and the session that it was made of."""
        self._lock = Lock()
        limits = limits or Limits(spec.listing_rate, clock)
        self._back_off, self._listing_pace = limits.back_off, limits.listing_pace
        self._denial_heeded_at = float("-inf")

    def renew(self) -> None:
        """Read credentials anew, with the files and variables that they come from, and make new clients of them.

        Calls under way end with the clients that they began with.
        """
        self._credentials.renew()

    @contextmanager
    def asking(self, subject: str, key: str | None) -> Iterator[Course]:
        """Ask AWS about ``subject`` within the block, by one call or several, and read what it answers.

        The boundary to boto3: whatever comes out of a call, or of reading its answer, is raised as an AwsError that
        names the subject, and the scaler's ``key`` to check. It is the cause of that error. Nothing else is raised but
        TooLateError and StoppingError.
        """
        if self.elsewhere:
            subject = f"{subject} in {self.elsewhere}"
        with Following(subject, self.clock.elapsed() + ASKED_WITHIN) as course:
            try:
                yield course
            except (AwsError, TooLateError, StoppingError):
                raise
            except Exception as error:
                self._note_unread(course)
                explained = translate(error, subject, key, course.stage)
                if explained.fault is Fault.ACCESS_DENIED:
                    self._heed_denial()
                raise explained from error

    @property
    def call_timeout(self) -> float:
        """Seconds that one request may take, connecting included."""
        return self._spec.call_timeout

    @property
    def listing_rate(self) -> Rate:
        """How fast ListTasks and DescribeTasks may be called."""
        return self._spec.listing_rate

    @property
    def ca_bundle(self) -> str | None:
        """The file of certificates that environment or profile name; None: neither does. May raise AwsError."""
        return self._credentials.ca_bundle()

    def read_credentials(self) -> BotoCredentials:
        """Return what requests are signed with, fetched anew if about to expire. It blocks. Raises AwsError."""
        session = self._credentials.session()
        credentials = session.get_credentials()
        self._credentials.prepare(session, credentials)
        return credentials  # type: ignore[return-value]  # a session that is given out has some

    def open_session(self) -> boto3.session.Session:
        """Return the session of these credentials, for whoever makes clients of its own. Raises AwsError."""
        return self._credentials.session()

    def admit(self, operation: str) -> None:
        """Raise StoppingError once the process is to stop, and AwsError while the operation rests after a throttle."""
        if self.clock.is_stopping():
            raise StoppingError
        self._back_off.check(operation)

    def note(self, service: str, operation: str, sent_at: float, answer: Mapping[str, Any] | None) -> None:
        """Count a request that left at ``sent_at``, by its answer as botocore parses it; None: there was none."""
        outcome = judge_request(service, operation, answer)
        self._back_off.note(operation, sent_at, throttled=outcome == "throttled")
        self._observe(service, operation, outcome, self.clock.elapsed() - sent_at)

    @property
    def region(self) -> str:
        """The region that the clients speak to."""
        return str(self.sqs().meta.region_name)

    @property
    def place(self) -> str:
        """Where they ask, for messages, and the region where that is the controller's own account and region."""
        return self.elsewhere or self.region

    def sqs(self) -> SQSClient:
        """Return the client that reads queues."""
        return self._client("sqs", "sqs", READ_ATTEMPTS)  # type: ignore[no-any-return]

    def ecs(self) -> ECSClient:
        """Return the client that lists, describes and registers."""
        return self._client("ecs", "ecs", READ_ATTEMPTS)  # type: ignore[no-any-return]

    def launcher(self) -> ECSClient:
        """Return the client that writes: it sends each call once, since only its caller may decide to send it again."""
        return self._client("launcher", "ecs", attempts=1)  # type: ignore[no-any-return]

    def other(self, service: str, attempts: int = READ_ATTEMPTS) -> Any:
        """Return the client of a service that is asked for little; a call is sent so often at most."""
        return self._client(service, service, attempts)

    def _client(self, role: str, service: str, attempts: int) -> Any:
        session = self._credentials.session()
        if self._is_stale(role, session):
            with self._credentials.making:
                if self._is_stale(role, session):
                    self._made[role] = session, self._make(session, service, attempts)
        return self._made[role][1]

    def _is_stale(self, role: str, session: boto3.session.Session) -> bool:
        """Say whether a client was never made, or of another session, whose credentials are no longer in force."""
        made = self._made.get(role)
        return made is None or made[0] is not session

    def _make(self, session: boto3.session.Session, service: str, attempts: int) -> Any:
        """Return a new client. A session must not make two at the same time: the caller holds the lock."""
        client = make_client(session, service, self._spec, attempts, self._controller, self.clock.elapsed)
        credentials = session.get_credentials()
        client.meta.events.register("before-call", self._check)
        client.meta.events.register("before-sign", lambda **_: self._credentials.prepare(session, credentials))
        client.meta.events.register("after-call", refuse_broken_call)
        client.meta.events.register("request-created", self._note_start)
        client.meta.events.register("before-send", note_sent)
        client.meta.events.register("response-received", self._note_end)
        client.meta.events.register("before-parse.ecs.DescribeTaskDefinition", note_unknown)
        client.meta.events.register("before-parse.ecs.DescribeTasks", read_described)
        return client

    def _check(self, model: OperationModel, **_: object) -> None:
        course = current_course()
        if self.clock.elapsed() > course.until:
            raise AwsError(
                Fault.UNREACHABLE, f"{course.subject}: AWS has not answered in full within {ASKED_WITHIN:g}s"
            )
        if model.name in LISTING:
            # What our own rate takes is not AWS's to answer for: a slow one would have no large cluster ever listed.
            course.until += self._listing_pace.wait(model.name)
        self.admit(model.name)

    def _note_start(self, request: Any, event_name: str, **_event: object) -> None:
        sent_at = request.context["ecsq_sent_at"] = self.clock.elapsed()
        _, service, operation = event_name.split(".")
        current_course().request = service, operation, sent_at

    def _note_end(self, event_name: str, **event: Any) -> None:
        """Report one request to the observer, unless it never left."""
        current_course().request = None
        if isinstance(event["exception"], TooLateError):
            return
        _, service, operation = event_name.split(".")
        self.note(service, operation, event["context"]["ecsq_sent_at"], event["parsed_response"])

    def _note_unread(self, course: Course) -> None:
        """Report a request whose answer broke botocore's own parser, which then tells nobody of its end."""
        if course.request is not None and course.stage is Stage.SENT:
            service, operation, sent_at = course.request
            self._observe(service, operation, "server_error", self.clock.elapsed() - sent_at)

    def _heed_denial(self) -> None:
        """Renew after a denial, now and then: the credentials may have been changed where they come from."""
        now = self.clock.elapsed()
        with self._lock:
            if is_due := now - self._denial_heeded_at >= RENEW_EVERY:
                self._denial_heeded_at = now
        if is_due:
            self.renew()
