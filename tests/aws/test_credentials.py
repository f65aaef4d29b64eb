from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.credentials import REST, Credentials
from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.run_task import run_task
from controller.aws.session import RENEW_EVERY, Clients
from controller.aws.tasks import Tasks
from controller.sandbox.aws import Disturbance
from tests.support.aws import eventually
from tests.support.clock import MACHINE_CLOCK, ManualClock
from tests.support.controller import CONTROLLER, FARGATE, aws_spec, ignore_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.clock import Clock
    from controller.sandbox.aws import EmbeddedAws

SOURCES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Source:
    """Hands credentials out over HTTP, as ECS does to a task and STS to a token: whatever a test has set."""

    def __init__(self) -> None:
        self.asked = 0
        self.body = b""
        self.status = 200
        self.held = Event()
        self.held.set()

    def grant(self, key: str, expires: datetime) -> None:
        """Set credentials that expire then."""
        granted = {
            "AccessKeyId": key,
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.status, self.body = 200, json.dumps(granted).encode()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; gives the address."""
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.asked += 1
                source.held.wait(30)
                self.send_response(source.status)
                self.send_header("Content-Length", str(len(source.body)))
                self.end_headers()
                self.wfile.write(source.body)

            do_POST = do_GET  # noqa: N815 - the base class looks these names up

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/credentials"
        finally:
            self.held.set()
            server.shutdown()
            server.server_close()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an environment without any source of credentials."""
    for name in SOURCES:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    return monkeypatch


@pytest.fixture
def source(bare: pytest.MonkeyPatch) -> Iterator[Source]:
    """Give a source that the environment names as that of an ECS task."""
    made = Source()
    with made.serve() as address:
        bare.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)
        yield made


def clients_now(aws: EmbeddedAws, clock: Clock = MACHINE_CLOCK) -> Clients:
    """Return clients that have read no credentials yet."""
    return Clients(aws_spec(aws), CONTROLLER, ignore_request, clock)


def ask(clients: Clients, cluster: str) -> AwsError | None:
    """List a cluster; gives what went wrong."""
    try:
        Tasks(clients, cluster, CONTROLLER).observe({}, lambda _: None)
    except AwsError as error:
        return error
    return None


def write(file: Path, key: str) -> None:
    """Write a shared credentials file with one access key."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n", encoding="utf-8")


def configure_broken(kind: str, bare: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Let the environment name a source of credentials that is broken; gives words that tell how."""
    config = tmp_path / "config"
    bare.setenv("AWS_CONFIG_FILE", str(config))
    command = {
        "a-command-that-fails": "import sys; sys.exit(3)",
        "a-command-without-json": "print('no json')",
        "a-command-with-a-list": "print('[]')",
        "a-command-of-another-version": "print('{}')",
    }.get(kind)
    if command is not None:
        script = tmp_path / "hand_out.py"
        script.write_text(command, encoding="utf-8")
        config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n", encoding="utf-8")
        return "AWS credentials could not be read"
    if kind == "a-command-that-is-missing":
        config.write_text("[default]\ncredential_process = /nowhere/hand-out\n", encoding="utf-8")
        return "No such file or directory: '/nowhere/hand-out'"
    if kind == "a-token-that-is-missing":
        bare.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        bare.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/worker")
        return "No such file or directory: '/nowhere/token'"
    if kind == "a-profile-that-is-missing":
        bare.setenv("AWS_PROFILE", "nobody")
        return r"The config profile \(nobody\) could not be found"
    if kind == "a-file-that-is-broken":
        config.write_text("no section\n", encoding="utf-8")
        return "Unable to parse config file"
    assert kind == "sso-without-a-login"
    config.write_text(
        "[default]\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = worker\n",
        encoding="utf-8",
    )
    return "SSO"


@pytest.mark.parametrize(
    "kind",
    [
        "a-command-that-fails",
        "a-command-without-json",
        "a-command-with-a-list",
        "a-command-of-another-version",
        "a-command-that-is-missing",
        "a-token-that-is-missing",
        "a-profile-that-is-missing",
        "a-file-that-is-broken",
        "sso-without-a-login",
    ],
)
def test_credentials_that_cannot_be_read_are_a_problem_in_words(
    aws: EmbeddedAws, cluster: str, bare: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """Whatever their source raises: it is a person's to mend, no key is at fault, and nothing was sent."""
    bare.setenv("HOME", str(tmp_path))
    words = configure_broken(kind, bare, tmp_path)
    clients = clients_now(aws)
    with pytest.raises(AwsError, match=words) as caught:
        Tasks(clients, cluster, CONTROLLER).observe({}, lambda _: None)
    assert (Kind.ACCESS_DENIED, None) == (caught.value.fault, caught.value.key)
    with pytest.raises(AwsError, match=words):
        run_task(clients, {"cluster": cluster, "taskDefinition": "any", **FARGATE}, time() + 60)
    assert [] == aws.journal.calls("ecs", client=f"ecsq-{CONTROLLER}")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("value", ["KEY\nOTHER", "KEY\r\nOTHER", "KEY\r"], ids=["break", "windows", "return"])
def test_a_line_break_in_the_credentials_is_told_without_quoting_them(
    aws: EmbeddedAws, cluster: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The header would show a signature or the token; nothing is sent, so that a launch is not in doubt."""
    monkeypatch.setenv(name, value)
    clients = clients_now(aws)
    with pytest.raises(AwsError) as launched:
        run_task(clients, {"cluster": cluster, "taskDefinition": "any", **FARGATE}, time() + 60)
    listed = ask(clients, cluster)
    assert listed is not None
    for error in (listed, launched.value):
        assert str(error).startswith("the AWS credentials hold a line break or another character that no key has: ")
        assert not [secret for secret in ("KEY\n", "KEY\r", "OTHER", "Signature", "header") if secret in str(error)]
        assert (Kind.ACCESS_DENIED, None) == (error.fault, error.key)
    assert [] == aws.journal.calls("ecs", client=f"ecsq-{CONTROLLER}")


def test_credentials_that_are_expired_when_they_come_are_told(aws: EmbeddedAws, cluster: str, source: Source) -> None:
    """What hands them out is behind; a launch that cannot be signed has not left, so it is not in doubt."""
    source.grant("old", LONG_AGO)
    clients = clients_now(aws)
    with pytest.raises(AwsError, match=r"could not be read or renewed \(.* still expired\): check the task") as caught:
        run_task(clients, {"cluster": cluster, "taskDefinition": "any", **FARGATE}, time() + 60)
    assert Kind.ACCESS_DENIED == caught.value.fault
    assert 0 == aws.journal.count("ecs", "RunTask")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"AccessKeyId": 5}', b"[" * 100_000])
def test_a_source_that_answers_nonsense_is_told(
    aws: EmbeddedAws, cluster: str, source: Source, bare: pytest.MonkeyPatch, body: bytes
) -> None:
    """Of any shape; botocore itself tries three times with a pause, which is not waited for here."""
    bare.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    source.body = body
    error = ask(clients_now(aws), cluster)
    assert error is not None
    assert Kind.ACCESS_DENIED == error.fault
    assert "AWS credentials could not be read or renewed" in str(error)


def test_a_source_that_fails_is_not_asked_by_everyone(aws: EmbeddedAws, cluster: str, source: Source) -> None:
    """Whoever comes soon after meets the same failure at once; later on it is asked again, and a new session made."""
    source.grant("old", LONG_AGO)
    clock = ManualClock(1_000.0)
    clients = clients_now(aws, clock.handed_in())
    with ThreadPoolExecutor(8) as pool:
        errors = {str(error) for error in pool.map(lambda _: ask(clients, cluster), range(16))}
    asked = source.asked
    assert 1 == len(errors)
    assert asked <= 2
    source.grant("new", datetime.now(UTC) + timedelta(hours=1))
    assert str(ask(clients, cluster)) in errors
    assert asked == source.asked
    clock.now += REST
    assert ask(clients, cluster) is None


def test_who_waits_for_credentials_gives_up(aws: EmbeddedAws, cluster: str, source: Source) -> None:
    """A source that hangs holds the one who asks it, for as long as botocore lets it, and nobody else."""
    clock = ManualClock(1_000.0)
    clients = clients_now(aws, clock.handed_in())
    source.grant("new", datetime.now(UTC) + timedelta(hours=1))
    source.held.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, clients, cluster)
        while not source.asked:
            assert not first.done()
        clock.now += 60
        error = ask(clients, cluster)
        assert error is not None
        assert "reading AWS credentials has not ended after 10s: AWS answers too slowly" == str(error)
        source.held.set()
        assert first.result(20) is None


def test_credentials_are_read_again_on_request(
    aws: EmbeddedAws, cluster: str, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a shared file that was rewritten, at once; calls after that are signed with the new key."""
    file = tmp_path / "credentials"
    write(file, "OLD")
    bare.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    aws.disturbances.add(
        Disturbance("ecs", "*", "error", times=None, access_key="OLD", status=400, code="ExpiredTokenException")
    )
    clock = ManualClock(1_000.0)
    clients = clients_now(aws, clock.handed_in())
    assert ask(clients, cluster) is not None
    clients.renew()
    assert ask(clients, cluster) is not None
    write(file, "NEW")
    clients.renew()
    assert ask(clients, cluster) is None


@pytest.mark.parametrize("status", [200, 400], ids=["comes", "fails"])
def test_what_is_being_read_during_a_renewal_is_not_kept(
    aws: EmbeddedAws, cluster: str, source: Source, status: int
) -> None:
    """It may be of before what was mended: whoever asks next reads anew, and does not rest after the old failure."""
    clients = clients_now(aws, ManualClock(1_000.0).handed_in())
    source.grant("old", datetime.now(UTC) + timedelta(hours=1))
    source.status = status
    source.held.clear()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(ask, clients, cluster)
        eventually(lambda: source.asked)
        clients.renew()
        source.held.set()
        assert (status == 200) == (under_way.result(20) is None)
    before = source.asked
    source.grant("new", datetime.now(UTC) + timedelta(hours=1))
    assert ask(clients, cluster) is None
    assert before < source.asked


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException", "AccessDeniedException"])
def test_credentials_that_are_refused_are_read_again_now_and_then(
    aws: EmbeddedAws, cluster: str, bare: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    """Without a word from anybody; and a denial that lasts does not have clients made anew at every call."""
    file = tmp_path / "credentials"
    write(file, "OLD")
    bare.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    aws.disturbances.add(Disturbance("ecs", "*", "error", times=None, access_key="OLD", status=400, code=code))
    clock = ManualClock(1_000.0)
    clients = clients_now(aws, clock.handed_in())
    ask(clients, cluster)
    renewed = clients.ecs()
    for _ in range(3):
        assert ask(clients, cluster) is not None
    assert renewed is clients.ecs()
    write(file, "NEW")
    clock.now += RENEW_EVERY
    assert ask(clients, cluster) is not None
    assert ask(clients, cluster) is None


def test_a_role_that_sts_does_not_hand_out_is_told_by_its_kind(
    aws: EmbeddedAws, cluster: str, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A refusal is a person's to mend, and trouble of STS's own passes by itself; neither has sent the call."""
    (tmp_path / "token").write_text("token", encoding="utf-8")
    bare.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    bare.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/worker")
    bare.setenv("AWS_MAX_ATTEMPTS", "1")
    sts = Source()
    answers = ((403, "AccessDenied", Kind.ACCESS_DENIED), (503, "ServiceUnavailable", Kind.SERVER_ERROR))
    with sts.serve() as address:
        bare.setenv("AWS_ENDPOINT_URL_STS", address)
        for sts.status, code, kind in answers:
            sts.body = (
                f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>".encode()
            )
            with pytest.raises(AwsError, match=rf"AWS credentials could not be .* \({code}: no\)") as caught:
                run_task(clients_now(aws), {"cluster": cluster, "taskDefinition": "any", **FARGATE}, time() + 60)
            assert kind == caught.value.fault
    assert 0 == aws.journal.count("ecs", "RunTask")


def test_no_region_and_no_credentials_are_told_one_after_the_other(aws: EmbeddedAws, bare: pytest.MonkeyPatch) -> None:
    """Without credentials nothing else matters yet."""
    clients = Clients(replace(aws_spec(aws), region=None), CONTROLLER, ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match="no AWS credentials"):
        clients.ecs()
    bare.setenv("AWS_ACCESS_KEY_ID", "embedded")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "embedded")
    clients.renew()
    with pytest.raises(AwsError, match="no AWS region"):
        clients.ecs()


def test_sessions_share_what_describes_aws(aws: EmbeddedAws) -> None:
    """Megabytes that nobody changes are in memory once, however often credentials are renewed."""
    credentials = Credentials(aws.region, MACHINE_CLOCK.elapsed)
    first = credentials.session()
    credentials.renew()
    second = credentials.session()
    assert first is not second
    assert first._session.get_component("data_loader") is second._session.get_component("data_loader")
