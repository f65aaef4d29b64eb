from __future__ import annotations

import gzip
import json
import socket
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from controller.config import ServerSpec
from controller.daemon.web import CannotListenError, WebServer, bind, build_application

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

LOOPBACK = ServerSpec("127.0.0.1", 0)


class Answer(NamedTuple):
    """What came back, as it came."""

    status: int
    headers: Message
    body: bytes


class Pages:
    """The application on a free port, and what a test tells it to show."""

    def __init__(self) -> None:
        self.stuck: str | None = None
        self.missing: list[str] = []
        self.status: dict[str, Any] = {}
        self.registry = CollectorRegistry()
        bound = bind(LOOPBACK)
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        app = build_application(
            self.registry, lambda: self.stuck, lambda: self.missing, lambda: [json.dumps(self.status)]
        )
        self.server = WebServer(app, bound)

    def write_status(self) -> Iterator[str]:
        """Yield the status in parts, as a daemon does."""
        text = json.dumps(self.status)
        yield text[:10]
        yield text[10:]

    def answer(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for a page; ``_`` in the name of a header is ``-``. Follows no redirect."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=5)
        with closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        """Return status, content type and body."""
        answer = self.answer(path, method, **headers)
        return answer.status, answer.headers["Content-Type"], answer.body.decode()


@pytest.fixture(scope="module")
def served() -> Iterator[Pages]:
    """Serve on loopback for the module's tests."""
    pages = Pages()
    pages.server.start()
    yield pages
    pages.server.stop()


@pytest.mark.parametrize(
    ("stuck", "expected"), [(None, (200, "ok\n")), ("no poll", (503, "no poll\n"))], ids=["moves", "stuck"]
)
def test_health(served: Pages, stuck: str | None, expected: tuple[int, str]) -> None:
    """/healthz is 200 exactly while nothing is stuck, and else says what is."""
    served.stuck = stuck
    status, _, body = served.get("/healthz")
    assert expected == (status, body)


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ([], (200, "ok\n")),
        (["one", "two"], (503, "not observed yet: one, two\n")),
        (["x"] * 10_000, (503, f"not observed yet: {', '.join(['x'] * 20)} and 9980 more\n")),
    ],
    ids=["all observed", "two missing", "very many missing"],
)
def test_readiness_names_who_is_missing(served: Pages, missing: list[str], expected: tuple[int, str]) -> None:
    """/readyz is 200 once every scaler was observed, and names the first of those that were not."""
    served.missing = missing
    status, _, body = served.get("/readyz")
    assert expected == (status, body)


def test_status_is_json(served: Pages) -> None:
    """/status is what it is told, as JSON."""
    served.status = {"name": "ecsq", "scalers": [{"level": None}]}
    status, kind, body = served.get("/status")
    assert (200, "application/json", served.status) == (status, kind, json.loads(body))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", "text/plain; version="),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics"),
    ],
    ids=["classic", "OpenMetrics"],
)
def test_metrics_in_the_scraper_s_format(served: Pages, accept: str, kind: str) -> None:
    """/metrics speaks the format that the scraper asks for."""
    name = f"ecsq_{kind[:4]}"
    Counter(name, "For this test.", registry=served.registry).inc(3)
    status, said, body = served.get("/metrics", Accept=accept)
    assert (200, kind) == (status, said[: len(kind)])
    assert f"{name}_total 3.0" in body.splitlines()


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/status"])
def test_read_only(served: Pages, path: str) -> None:
    """Nothing can be posted."""
    assert 405 == served.get(path, method="POST")[0]


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/status"])
def test_head(served: Pages, path: str) -> None:
    """HEAD has the headers of GET, and no body."""
    served.stuck, served.missing = None, []
    status, kind, body = served.get(path, method="HEAD")
    assert (200, served.get(path)[1], "") == (status, kind, body)


@pytest.mark.parametrize("path", ["/", "/metric", "/metrics/", "//metrics", "/status/one"])
def test_no_other_page(served: Pages, path: str) -> None:
    """What is not served is not found, in plain text; no redirect leads to the host that the request names."""
    status, kind, body = served.get(path, Host="evil.example")
    assert (404, "text/plain; charset=utf-8", "Not Found") == (status, kind, body)


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_large_pages_are_compressed_for_who_takes_it(served: Pages, path: str) -> None:
    """A page comes compressed if the client says that it takes gzip, and as it is otherwise; its text is the same."""
    served.status = {"scalers": ["one"] * 1000}
    Gauge(f"ecsq_long_{path[1:]}", "Long. " * 500, registry=served.registry)
    plain, packed = served.answer(path), served.answer(path, Accept_Encoding="gzip")
    assert (None, "gzip") == (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"])
    assert len(packed.body) * 5 < len(plain.body)
    assert plain.body == gzip.decompress(packed.body)


@pytest.mark.parametrize("path", ["/healthz", "/elsewhere"])
def test_no_answer_is_guessed_at_or_names_the_server(served: Pages, path: str) -> None:
    """No browser takes text for a page that it could run, and nobody is told what serves it."""
    headers = served.answer(path).headers
    assert ("nosniff", None) == (headers["X-Content-Type-Options"], headers["Server"])


def test_a_port_that_two_want() -> None:
    """A port is taken from the moment it is bound, before anything is served on it; the message names it."""
    with bind(LOOPBACK) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListenError) as refused:
            bind(ServerSpec("127.0.0.1", port))
    expected = f"cannot listen on 127.0.0.1 port {port}: Address already in use; check server.host and server.port"
    assert expected == str(refused.value)


def test_an_address_of_another_machine() -> None:
    """An address that this machine does not have is refused by name."""
    with pytest.raises(CannotListenError, match=r"^cannot listen on 192\.0\.2\.1 port 0: "):
        bind(ServerSpec("192.0.2.1", 0))


def test_ipv6() -> None:
    """An IPv6 address is listened on as such."""
    try:
        bound = bind(ServerSpec("::1", 0))
    except CannotListenError:
        pytest.skip("this machine has no IPv6 loopback")
    with bound:
        assert (socket.AF_INET6, "::1") == (bound.family, bound.getsockname()[0])
