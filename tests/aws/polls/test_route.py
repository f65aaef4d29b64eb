from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import Fault
from controller.aws.polls.reader import RENEW_EVERY, QueuePolls
from controller.core.decision.model import QueueCounts
from tests.support.loopback import LoopbackServer, Received, count_messages, make_answer
from tests.support.polls import QUEUE, clients_to, outcome_of, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clock import ManualClock

COUNTS = QueueCounts(visible=3, in_flight=2, delayed=1)


class CredentialEndpoint:
    """What a container asks for its role's credentials: each answer has another key."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        """After which what it gives expires."""
        self.asked = 0
        self.open = Event()
        self.open.set()

    def __call__(self, _: Received) -> bytes:
        """Answer once the test lets it."""
        self.asked += 1
        number = self.asked
        self.open.wait(10)
        expires = datetime.now(UTC) + timedelta(minutes=self.minutes)
        return make_answer(
            {
                "AccessKeyId": f"KEY{number}",
                "SecretAccessKey": f"secret{number}",
                "Token": f"token{number}",
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Give an SQS for a machine without keys of its own."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with LoopbackServer(lambda _: make_answer(count_messages(3, 2, 1))) as listening:
        yield listening


def key_of(request: Received) -> str:
    """Return the key and token that a request was signed with."""
    found = re.search(r"Credential=([^/]+)/", request.headers["authorization"])
    return f"{found and found[1]} {request.headers.get('x-amz-security-token')}"


def test_credentials_are_renewed_before_they_expire_and_beside_the_polls(
    monkeypatch: pytest.MonkeyPatch, server: LoopbackServer, clock: ManualClock
) -> None:
    """While the endpoint of the credentials hangs, polls go on with those that are still good; then with the new."""
    role = CredentialEndpoint(minutes=9)  # botocore renews what has 10 left, and makes whoever asks wait for it
    with LoopbackServer(role) as endpoint:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{endpoint.port}/role")

        async def poll() -> None:
            polls = QueuePolls(clients_to(server, clock=clock.handed_in()))
            assert COUNTS == await polls.read_counts(QUEUE)
            first, asked = key_of(server.received[-1]), role.asked
            role.open.clear()
            role.minutes = 60
            clock.now += RENEW_EVERY
            for _ in range(5):
                assert COUNTS == await polls.read_counts(QUEUE)
            assert {first} == {key_of(request) for request in server.received}
            role.open.set()
            async with asyncio.timeout(10):
                while key_of(server.received[-1]) == first:
                    assert COUNTS == await polls.read_counts(QUEUE)
            assert f"KEY{asked + 1} token{asked + 1}" == key_of(server.received[-1])
            await polls.close()

        asyncio.run(poll())


@pytest.mark.parametrize(
    "said",
    [
        json.dumps({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "Expiration": "2020-01-01T00:00:00Z"}),
        json.dumps({"Version": 1}),
    ],
    ids=["expired", "incomplete"],
)
def test_whatever_a_provider_raises_is_told_as_trouble_with_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: LoopbackServer, said: str
) -> None:
    """A process of the user's that gives nonsense is theirs to mend; nothing is sent."""
    (tmp_path / "said").write_text(said)
    command = f"{sys.executable} -c \"print(open('{tmp_path}/said').read())\""
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (outcome,) = read(clients_to(server), QUEUE)
    assert isinstance(outcome, tuple)
    assert (Fault.ACCESS_DENIED, []) == (outcome[0], server.received)
    words = r"AWS credentials could not be read or renewed \(.+\): check the task's role, or the shell's profile"
    assert re.fullmatch(words, outcome[2])


def test_a_token_with_its_newline_is_told_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, server: LoopbackServer
) -> None:
    """It would end the header; the turn that was taken for it is given back."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "pasted\n")

    async def poll() -> list[object]:
        polls = QueuePolls(clients_to(server))
        outcomes = await asyncio.gather(*(outcome_of(polls, QUEUE) for _ in range(200)))
        await polls.close()
        return [outcome[0] if isinstance(outcome, tuple) else outcome for outcome in outcomes]

    assert ([Fault.ACCESS_DENIED] * 200, []) == (asyncio.run(poll()), server.received)
