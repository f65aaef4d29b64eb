from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.credentials import ReadOnlyCredentials

from controller.aws.polls.endpoint import Proxy, UnsupportedError, resolve
from controller.aws.polls.route import find_route, load_signing
from controller.aws.session import Clients
from controller.aws.traits import COUNTS
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import UNREACHABLE_AWS, ignore_request
from tests.support.loopback import make_certificate

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
SIGNED = ("content-type", "x-amz-target", "x-amzn-query-mode", "x-amz-security-token")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the machine's proxies and certificates."""
    for name in (*SETTINGS, *(name.lower() for name in SETTINGS)):
        monkeypatch.delenv(name, raising=False)


def clients(region: str | None = "us-east-1", endpoint_url: str | None = None) -> Clients:
    """Make clients that nobody shares, so that they see the environment as it is."""
    return Clients(
        replace(UNREACHABLE_AWS, region=region, endpoint_url=endpoint_url), "x", ignore_request, MACHINE_CLOCK
    )


class SentError(Exception):
    """Stops botocore where a request would leave."""


def build_as_botocore(made: Clients) -> Any:
    """Return the request that the boto3 client would send for a queue's counts."""
    sent: list[Any] = []

    def stop(request: Any, **_: object) -> None:
        sent.append(request)
        raise SentError

    made.sqs().meta.events.register("before-send.sqs", stop)
    with pytest.raises(SentError):
        made.sqs().get_queue_attributes(QueueUrl=QUEUE, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    return sent[0]


@pytest.mark.parametrize(
    ("region", "environment"),
    [
        pytest.param("eu-west-1", {}, id="plain"),
        pytest.param("cn-north-1", {}, id="China"),
        pytest.param("us-gov-west-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, id="GovCloud, FIPS"),
        pytest.param("us-iso-east-1", {}, id="isolated partition"),
        pytest.param("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, id="FIPS"),
        pytest.param("eu-west-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, id="dual-stack"),
        pytest.param(
            "us-east-2", {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_USE_FIPS_ENDPOINT": "true"}, id="dual-stack, FIPS"
        ),
        pytest.param(
            "eu-west-1",
            {"AWS_ENDPOINT_URL_SQS": "https://vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com"},
            id="VPC endpoint",
        ),
        pytest.param("eu-west-1", {"AWS_ENDPOINT_URL": "https://localhost:4566/"}, id="an endpoint's port"),
        pytest.param("eu-west-1", {"AWS_ENDPOINT_URL": "https://localhost:443"}, id="the scheme's own port"),
        pytest.param("eu-west-1", {"AWS_ENDPOINT_URL": "http://[::1]:4566"}, id="IPv6"),
        pytest.param("eu-west-1", {"AWS_SESSION_TOKEN": "token/of+a=role"}, id="session token"),
        pytest.param(None, {"AWS_DEFAULT_REGION": "ap-southeast-2"}, id="region from the environment"),
        pytest.param("fips-us-west-2", {}, id="pseudo region"),
    ],
)
def test_the_request_is_the_one_that_boto3_sends(
    monkeypatch: pytest.MonkeyPatch, region: str | None, environment: dict[str, str]
) -> None:
    """Same place, same operation, same credentials, same signature; never a place out of the queue's own URL."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = clients(region)
    theirs, route, signing = build_as_botocore(made), find_route(made), load_signing(made)
    head, _, body = route.read.build_request(theirs.body, signing.frozen, MACHINE_CLOCK.now()).partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    ours = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    expected = {name.lower(): value.decode() for name, value in theirs.headers.items() if isinstance(value, bytes)}
    host = theirs.url.split("/")[2].removesuffix(":443")
    assert ("POST / HTTP/1.1", host, f"{theirs.url.split('/')[0]}//{host}/") == (line, ours["host"], route.endpoint.url)
    assert {name: expected.get(name) for name in SIGNED} == {name: ours.get(name) for name in SIGNED}
    assert json.loads(theirs.body) == json.loads(body)
    assert "app/ecsq-x" in ours["user-agent"].split()
    # The second may have passed between the two: ours is signed again for botocore's.
    assert expected["authorization"] == _sign_at(route.read, theirs.body, signing.frozen, expected["x-amz-date"])


def _sign_at(call: Any, body: bytes, frozen: ReadOnlyCredentials, stamp: str) -> str:
    at = datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
    lines = call.build_request(body, frozen, at).decode().split("\r\n")
    return next(line.removeprefix("Authorization: ") for line in lines if line.startswith("Authorization: "))


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"HTTPS_PROXY": "http://proxy:3128"}, Proxy("proxy", 3128, {}, "http://proxy:3128"), id="http"),
        pytest.param({"HTTPS_PROXY": "proxy:3128"}, Proxy("proxy", 3128, {}, "http://proxy:3128"), id="no scheme"),
        pytest.param({"https_proxy": "http://proxy"}, Proxy("proxy", 80, {}, "http://proxy"), id="no port"),
        pytest.param(
            {"HTTPS_PROXY": "http://me:se%20cret@[fd00::1]:8080"},
            Proxy("fd00::1", 8080, {"Proxy-Authorization": "Basic bWU6c2UgY3JldA=="}, "http://***:***@[fd00::1]:8080"),
            id="credentials",
        ),
        pytest.param({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".amazonaws.com"}, None, id="suffix in NO_PROXY"),
        pytest.param({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None, id="NO_PROXY for all"),
        pytest.param(
            {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.org"},
            Proxy("proxy", 3128, {}, "http://proxy:3128"),
            id="NO_PROXY for others",
        ),
        pytest.param({"HTTP_PROXY": "http://proxy:3128"}, None, id="for http only"),
    ],
)
def test_a_proxy_is_found_as_botocore_finds_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: Proxy | None
) -> None:
    """From the environment, by the endpoint's scheme and host; its credentials are shown to nobody."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy == resolve(clients()).proxy


@pytest.mark.parametrize(
    ("environment", "endpoint_url", "reason"),
    [
        ({"HTTPS_PROXY": "https://me:secret@proxy:3128"}, None, r"https://\*\*\*:\*\*\*@proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:port"}, None, "cannot be read"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://sqs.internal", "a proxy before an http:// endpoint"),
        ({}, "https://gateway.internal/sqs", r"an endpoint with a path \(/sqs\)"),
        ({"AWS_CA_BUNDLE": "/nowhere.pem"}, None, r"certificates that cannot be read \(/nowhere.pem"),
    ],
    ids=["https proxy", "no port", "http endpoint", "path", "certificates"],
)
def test_what_is_not_supported_is_said(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoint_url: str | None, reason: str
) -> None:
    """The text says what boto3 has to do instead, and no secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnsupportedError, match=reason):
        resolve(clients(endpoint_url=endpoint_url))


@pytest.mark.parametrize("setting", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"])
def test_certificates_are_trusted_as_botocore_trusts_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str
) -> None:
    """From either variable or from the profile; the host's name is checked, too."""
    path = make_certificate(tmp_path).path
    if setting == "ca_bundle":
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {path}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    else:
        monkeypatch.setenv(setting, path)
    tls = resolve(clients()).tls
    assert tls is not None
    assert ([(("commonName", "localhost"),)], True) == (
        [trusted["subject"][0] for trusted in tls.get_ca_certs()],
        tls.check_hostname,
    )
