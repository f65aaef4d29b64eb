from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import Fault
from controller.aws.polls.connection import READ_AT_ONCE
from controller.core.decision.model import QueueCounts
from tests.support.loopback import (
    END,
    Certificate,
    LoopbackServer,
    TunnelProxy,
    count_messages,
    make_answer,
    make_certificate,
)
from tests.support.polls import QUEUE, clients_at, clients_to, read

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTS = QueueCounts(visible=3, in_flight=2, delayed=1)
ANSWER = make_answer(count_messages(3, 2, 1))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for localhost."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(certificate: Certificate) -> Iterator[LoopbackServer]:
    """Give an endpoint over TLS."""
    with LoopbackServer(lambda _: ANSWER, tls=certificate.context) as listening:
        yield listening


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> None:
    """Trust the certificate, and go straight."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_CA_BUNDLE", certificate.path)


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "localhost"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")]
)
def test_an_endpoint_is_spoken_to_over_tls(certificate: Certificate, family: socket.AddressFamily, host: str) -> None:
    """By name and by either kind of address, all over one connection."""
    with LoopbackServer(lambda _: ANSWER, tls=certificate.context, family=family) as server:
        assert [COUNTS] * 3 == read(clients_to(server, host=host), *[QUEUE] * 3)
    assert (1, {f"{host}:{server.port}"}) == (server.connections, {each.headers["host"] for each in server.received})


def test_an_answer_of_several_records_is_read(server: LoopbackServer) -> None:
    """An answer may be longer than one record of TLS, and than what is read at once."""
    server.reply = lambda _: make_answer(count_messages(3, 2, 1) | {"more": "x" * 3 * READ_AT_ONCE})
    assert [COUNTS] * 2 == read(clients_to(server, host="localhost"), *[QUEUE] * 2)


@pytest.mark.parametrize("wrong", ["authority", "host"])
def test_a_certificate_that_is_not_trusted_ends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, wrong: str
) -> None:
    """Nothing is asked of whoever shows one of another authority, or of another host."""
    shown = make_certificate(tmp_path_factory.mktemp("wrong"), "localhost" if wrong == "authority" else "elsewhere")
    if wrong == "host":
        monkeypatch.setenv("AWS_CA_BUNDLE", shown.path)
    with LoopbackServer(lambda _: ANSWER, tls=shown.context) as server:
        (outcome,) = read(clients_to(server, host="localhost"), QUEUE)
    assert isinstance(outcome, tuple)
    assert (Fault.UNREACHABLE, None, []) == (*outcome[:2], server.received)
    assert f'queue "{QUEUE}": SSL validation failed for https://localhost:{server.port}/' in outcome[2]


def test_a_proxy_makes_a_tunnel(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """It learns the endpoint's name and its own credentials, and carries one connection for many requests."""
    with TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{proxy.address}")
        assert [COUNTS] * 3 == read(clients_to(server, host="localhost"), *[QUEUE] * 3)
    (asked,) = proxy.received
    assert f"CONNECT localhost:{server.port} HTTP/1.1" == asked.line
    assert {"host": f"localhost:{server.port}", "proxy-authorization": "Basic bWU6c2VjcmV0"} == asked.headers


def test_a_proxy_may_be_told_apart(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """NO_PROXY names hosts that are reached straight."""
    with TunnelProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert [COUNTS] == read(clients_to(server, host="localhost"), QUEUE)
    assert [] == proxy.received


@pytest.mark.parametrize(
    "refusal",
    [b"HTTP/1.1 407 Proxy Authentication Required" + END, b"HTTP/1.1 403 no" + END, b"", b"?" * 10_000],
    ids=["407", "403", "closed", "no HTTP"],
)
def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer, refusal: bytes) -> None:
    """In boto3's words, without its password; nothing reaches the endpoint."""
    with TunnelProxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{proxy.address}")
        text = f'queue "{QUEUE}": Failed to connect to proxy URL: "http://***:***@{proxy.address}"'
        assert [(Fault.UNREACHABLE, None, text)] == read(clients_to(server, host="localhost"), QUEUE)
    assert 0 == server.connections


def test_whoever_accepts_and_says_nothing_is_given_up() -> None:
    """The handshake is part of connecting, which has a share of the request's time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        text = f'queue "{QUEUE}": Connect timeout on endpoint URL: "{url}/"'
        assert [(Fault.UNREACHABLE, None, text)] == read(clients_at(url, call_timeout=0.2), QUEUE)
