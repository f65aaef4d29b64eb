"""Credentials of the daemon and of ``ecsq plan`` as processes of their own: missing, expired, and given later."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import yaml

from tests.aws.test_credentials import LONG_AGO, Source, write
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages, unique
from tests.support.daemon import CLIENT, SOON, Document, configuration, environment, running, scaler

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

READ_SOON = ("controller.aws.credentials:REST=1", "controller.aws.polls.kept:AFTER_FAILURE=1")
"""After a failure, not after 10 s."""


def wanted(aws: EmbeddedAws, messages: int = 2) -> tuple[str, Document]:
    """Create a queue with messages; gives the name of its scaler, and a configuration with it."""
    name = unique("scaler")
    send_messages(aws, create_queue(aws, name).url, messages)
    one = scaler(name, register_template(aws), cluster=create_cluster(aws))
    return name, configuration(aws, one)


def test_credentials_that_are_rewritten_are_taken_on_a_signal(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    """Until then every poll says what is wrong, in words and without a traceback, and nothing is in doubt."""
    file = tmp_path / "credentials"
    file.write_text("[default]\n", encoding="utf-8")
    name, document = wanted(shared_aws)
    with running(tmp_path, document, variables={"AWS_SHARED_CREDENTIALS_FILE": str(file)}) as daemon:
        eventually(lambda: daemon.last(name), within=SOON)
        said = f"scaler {name}: no AWS credentials (Unable to locate credentials): give the task a role"
        assert daemon.scaler(name)["problem"].startswith(said)
        assert "unknown_backlog" == daemon.last(name)["reason"]
        write(file, "embedded")
        daemon.process.send_signal(signal.SIGHUP)
        launched = eventually(lambda: daemon.decisions(name, outcome="launched"), within=SOON)
        assert 2 == launched[0]["launched_containers"]
        assert not [line for line in daemon.lines() if "exception" in line]


def test_a_role_that_expires_is_a_problem_until_it_is_renewed(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    """Nobody has to send a signal: what hands the credentials out is asked again."""
    source = Source()
    source.grant("old", LONG_AGO)
    name, document = wanted(shared_aws)
    with (
        source.serve() as address,
        running(
            tmp_path, document, variables={"AWS_CONTAINER_CREDENTIALS_FULL_URI": address}, hurry=READ_SOON
        ) as daemon,
    ):
        eventually(lambda: daemon.last(name), within=SOON)
        assert "the refreshed credentials are still expired): check the task's role" in daemon.scaler(name)["problem"]
        source.grant("new", datetime.now(UTC) + timedelta(hours=1))
        eventually(lambda: daemon.decisions(name, outcome="launched"), within=SOON)
        assert not [line for line in daemon.lines() if "exception" in line]
        assert {"decision"} == {line["event"] for line in daemon.lines() if line["level"] == "warning"}


def test_a_plan_says_in_words_why_it_cannot_be_made(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    """A token file that is missing: no traceback, exit code 1, and nothing was asked."""
    name, document = wanted(shared_aws)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    shared_aws.journal.clear()
    variables = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/a"}
    done = subprocess.run(
        [sys.executable, "-m", "controller", "plan", "--config", str(tmp_path / "config.yaml")],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert 1 == done.returncode
    assert line.startswith(f"scaler {name}: AWS credentials could not be read or renewed (")
    assert "No such file or directory: '/nowhere/token')" in line
    assert [] == shared_aws.journal.calls(client=CLIENT)
