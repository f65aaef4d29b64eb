from __future__ import annotations

import json
import socket
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from controller.config import EventFormat, EventSpec
from controller.core.envelopes import Sender
from controller.core.notices import Kind, Notice
from controller.daemon.outlets import RATE, WAITING, Outlet, Outlets
from controller.daemon.webhook import UnsentError, post
from controller.sandbox.aws import Disturbance
from controller.scaling.services import connect
from tests.support.aws import eventually
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import controller_spec
from tests.support.loopback import LoopbackServer, make_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.services import Services
    from tests.support.clock import ManualClock

SECRET = "T0K3N-of-nobody"  # noqa: S105 - of nobody
NOTICES = [Notice(Kind.LAUNCH_FAILED, 1e9 + number, "ingest", f"failure {number}", "missing") for number in range(3)]
SENDER = Sender("ecsq", "1.2.3")
AT_ONCE = (0.0, 0.0, 0.0)


def spec(url: str | None = None, **members: object) -> EventSpec:
    return replace(EventSpec(None, url, None, EventFormat.CLOUDEVENTS), **members)


@pytest.fixture
def services(aws: EmbeddedAws) -> Services:
    """Connect to the embedded AWS."""
    return connect(controller_spec(aws), MACHINE_CLOCK, dry_run=False)


@pytest.fixture
def tell(services: Services) -> Iterator[Callable[..., None]]:
    """Tell the three notices to whom the configuration names, with retries that do not wait."""
    made = Outlets(services, SENDER, AT_ONCE)

    def tell_all(*specs: EventSpec, notices: list[Notice] = NOTICES) -> None:
        made.configure(specs)
        for notice in notices:
            services.metrics.tell(notice)

    yield tell_all
    made.stop()


def counted(services: Services, target: str) -> tuple[float, float]:
    """Return how many events were sent and dropped."""
    registry = services.metrics.registry
    values = [
        registry.get_sample_value("ecsq_events_total", {"target": target, "outcome": outcome})
        for outcome in ("sent", "dropped")
    ]
    return float(values[0] or 0), float(values[1] or 0)


def test_a_webhook_gets_each_change_as_a_cloud_event(services: Services, tell: Callable[..., None]) -> None:
    """In their order, each with an id of its own, as the specification's binding for HTTP has it."""
    with LoopbackServer(lambda _: make_answer(b"ok")) as server:
        tell(spec(f"http://127.0.0.1:{server.port}/hook"))
        eventually(lambda: counted(services, "webhook") == (3.0, 0.0))
    events = [json.loads(request.body) for request in server.received]
    assert ["failure 0", "failure 1", "failure 2"] == [event["data"]["text"] for event in events]
    assert 3 == len({event["id"] for event in events})
    assert {("POST /hook HTTP/1.1", "application/cloudevents+json")} == {
        (request.line, request.headers["content-type"]) for request in server.received
    }


def test_slack_gets_a_sentence_at_an_address_from_the_environment(
    services: Services, tell: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL is the variable's, without the newline that a secret from a file ends in."""
    with LoopbackServer(lambda _: make_answer(b"ok")) as server:
        monkeypatch.setenv("SLACK_URL", f"http://127.0.0.1:{server.port}/services/{SECRET}\n")
        tell(spec(variable="SLACK_URL", format=EventFormat.SLACK), notices=NOTICES[:1])
        eventually(lambda: counted(services, "webhook") == (1.0, 0.0))
    (request,) = server.received
    assert ({"text": "ecsq, scaler ingest: failure 0"}, f"POST /services/{SECRET} HTTP/1.1") == (
        json.loads(request.body),
        request.line,
    )


@pytest.mark.parametrize(
    ("status", "tries"),
    [("503 Busy", 4), ("429 Slow down", 4), ("404 Gone", 1), ("302 Elsewhere", 1)],
    ids=["broken", "throttled", "refused", "redirect"],
)
def test_what_may_pass_is_sent_again(services: Services, tell: Callable[..., None], status: str, tries: int) -> None:
    """With the same id each time; then it is dropped and counted, and one line says why, without the address."""
    with capture_logs() as logged, LoopbackServer(lambda _: make_answer(b"no", status)) as server:
        tell(spec(f"http://127.0.0.1:{server.port}/{SECRET}"), notices=NOTICES[:2])
        eventually(lambda: counted(services, "webhook") == (0.0, 2.0))
    assert 2 * tries == len(server.received)
    assert 2 == len({json.loads(request.body)["id"] for request in server.received})
    (line,) = logged
    assert ("events are lost", "events[0]", f"answered {status[:3]}") == (line["event"], line["to"], line["why"])
    assert SECRET not in str(logged)


def test_what_was_answered_badly_once_is_sent_in_the_end(services: Services, tell: Callable[..., None]) -> None:
    """A retry that goes well loses nothing."""
    answers = iter([make_answer(b"", "500 Oops"), make_answer(b"ok")])
    with LoopbackServer(lambda _: next(answers)) as server:
        tell(spec(f"http://127.0.0.1:{server.port}/"), notices=NOTICES[:1])
        eventually(lambda: counted(services, "webhook") == (1.0, 0.0))


def test_a_variable_that_is_not_set_is_told_and_nothing_sent(services: Services, tell: Callable[..., None]) -> None:
    """Its name is no secret: it is told when the configuration is taken, and with the first event."""
    with capture_logs() as logged:
        tell(spec(variable="NOBODY_SET_THIS"), notices=NOTICES[:1])
        eventually(lambda: counted(services, "webhook") == (0.0, 1.0))
    assert ["the variable NOBODY_SET_THIS of the environment is not set"] * 2 == [line["why"] for line in logged]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/{}", "http://[::1/{}", "http://127.0.0.1:99999/{}", "{}", "ftp://localhost/{}"]
)
def test_no_error_names_the_address(url: str) -> None:
    """Whatever urllib3 says, what is raised, and its cause, has nothing of the URL."""
    with pytest.raises(UnsentError) as caught:
        post(url.format(SECRET), "application/json", {})
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_an_answer_may_ask_for_time() -> None:
    """A Retry-After in seconds is heeded, within bounds; one that is a date is not."""
    waits = []
    for header in ("7", "99999", "Fri, 31 Dec 1999 23:59:59 GMT"):
        answer = make_answer(b"", "429 Slow down", Retry_After=header)
        with LoopbackServer(lambda _, answer=answer: answer) as server, pytest.raises(UnsentError) as caught:
            post(f"http://127.0.0.1:{server.port}/", "application/json", {})
        waits.append(caught.value.wait)
    assert [7.0, 300.0, 0.0] == waits


def test_who_does_not_answer_holds_nobody(services: Services, tell: Callable[..., None]) -> None:
    """An outlet that hangs keeps neither the one beside it nor whoever tells; what is too much for it is the oldest."""
    with socket.create_server(("127.0.0.1", 0)) as silent, LoopbackServer(lambda _: make_answer(b"ok")) as server:
        hangs = spec(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        tell(hangs, spec(f"http://127.0.0.1:{server.port}/"), notices=NOTICES)
        eventually(lambda: counted(services, "webhook")[0] == 3.0)
        tell()


def test_a_full_queue_drops_the_oldest() -> None:
    """What is told last is what still holds; each that is dropped is counted."""
    outcomes, sent, busy, may_go = list[str](), list[str](), Event(), Event()

    def send(notice: Notice, _: str) -> None:
        busy.set()
        may_go.wait(30)
        sent.append(notice.text)

    outlet = Outlet("events[0]", send, outcomes.append, MACHINE_CLOCK, AT_ONCE)
    outlet.offer(NOTICES[0])
    busy.wait(30)
    for number in range(WAITING + 2):
        outlet.offer(replace(NOTICES[0], text=f"later {number}"))
    assert ["dropped"] * 2 == outcomes
    may_go.set()
    eventually(lambda: len(sent) > 1)
    outlet.end()
    assert ["failure 0", "later 2"] == sent[:2]


def test_more_than_the_rate_waits(clock: ManualClock) -> None:
    """A storm is sent as fast as its receiver takes it in the long run, whatever the storm's size."""
    sent = list[Notice]()
    outlet = Outlet("events[0]", lambda notice, _: sent.append(notice), lambda _: None, clock.handed_in(), AT_ONCE)
    for _ in range(RATE.burst):
        outlet.offer(NOTICES[0])
    eventually(lambda: len(sent) == RATE.burst)
    outlet.offer(NOTICES[1])
    eventually(lambda: outlet._bucket.debt > RATE.burst)
    assert RATE.burst == len(sent)
    outlet.end()


def test_a_bus_gets_the_event_whole(aws: EmbeddedAws, services: Services, tell: Callable[..., None]) -> None:
    """The detail is the CloudEvent, and rules may match by its type."""
    tell(spec(bus="default"), notices=NOTICES[:1])
    eventually(lambda: counted(services, "eventbridge") == (1.0, 0.0))
    (call,) = aws.journal.calls("events", "PutEvents")
    (entry,) = call.parameters["Entries"]
    assert ("default", "ecs-queue-controller", "ecs-queue-controller.launch_failed") == (
        entry["EventBusName"],
        entry["Source"],
        entry["DetailType"],
    )
    assert "failure 0" == json.loads(entry["Detail"])["data"]["text"]


@pytest.mark.parametrize(
    ("disturbance", "calls", "why"),
    [
        (Disturbance("events", "PutEvents", "error", times=None), 4, "ServerException"),
        (
            Disturbance("events", "PutEvents", "error", status=400, code="AccessDeniedException", times=None),
            1,
            "AccessDenied",
        ),
        (
            Disturbance(
                "events",
                "PutEvents",
                "replace",
                times=None,
                body={"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]},
            ),
            4,
            "InternalFailure: no",
        ),
    ],
    ids=["broken", "denied", "not taken"],
)
def test_a_bus_that_does_not_take_it(
    aws: EmbeddedAws,
    services: Services,
    tell: Callable[..., None],
    disturbance: Disturbance,
    calls: int,
    why: str,
) -> None:
    """What may pass is sent again, a denial is not; an answer that says the entry failed is a failure."""
    aws.disturbances.add(disturbance)
    with capture_logs() as logged:
        tell(spec(bus="default"), notices=NOTICES[:1])
        eventually(lambda: counted(services, "eventbridge") == (0.0, 1.0))
    assert calls == len(aws.journal.calls("events", "PutEvents"))
    assert why in logged[0]["why"]
