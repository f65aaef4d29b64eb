"""SIGTERM and SIGINT in the middle of a launch of three calls."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest

from controller.daemon.app import STOP_WITHIN
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_queue, eventually, send_messages
from tests.support.daemon import CLIENT, SOON, Document, configuration, running, scaler

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws


@pytest.fixture
def wanted(aws: EmbeddedAws, cluster: str, template: str) -> Document:
    """Make a configuration whose first launch takes three calls of ten tasks."""
    send_messages(aws, create_queue(aws, "burst").url, 30)
    return configuration(
        aws, scaler("burst", template, cluster=cluster, max_containers=30, task_max_containers_per_task=1)
    )


def test_a_slow_call_is_finished(aws: EmbeddedAws, wanted: Document, tmp_path: Path) -> None:
    """SIGTERM lets the call in flight finish: its tasks are recorded, the rest of the plan is not sent, exit code 0."""
    # Slots of 6 s, so that a call has more than a second to be answered: time enough for the signal.
    wanted["aws"] |= {"consistency_window": "1s", "call_timeout": "2s"}
    aws.disturbances.add(Disturbance("ecs", "RunTask", "slow_answer", delay=60))
    with running(tmp_path, wanted) as daemon:
        eventually(lambda: aws.journal.count("ecs", "RunTask"), within=SOON)
        daemon.process.send_signal(signal.SIGTERM)
        eventually(lambda: daemon.events("stopping", signal="SIGTERM"), within=SOON)
        aws.disturbances.release()
        assert 0 == daemon.process.wait(SOON)
        launch = daemon.decisions("burst", reason="launch")[-1]
        assert ("partly_launched", 10, 10, "stopping: the rest of the plan is dropped") == (
            launch["outcome"],
            launch["launched_tasks"],
            launch["launched_containers"],
            launch["error"],
        )
        assert [True] == [line["finished"] for line in daemon.events("stopped")]
    assert 1 == aws.journal.count("ecs", "RunTask", client=CLIENT)
    assert 10 == len(aws.ecs.tasks())


def test_a_call_that_hangs_is_in_doubt(aws: EmbeddedAws, wanted: Document, tmp_path: Path) -> None:
    """SIGINT does not wait for ever for an answer: the call is recorded as in doubt, no other is sent, exit code 0."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "hang", times=None))
    with running(tmp_path, wanted) as daemon:
        eventually(lambda: aws.journal.count("ecs", "RunTask"), within=SOON)
        daemon.process.send_signal(signal.SIGINT)
        eventually(lambda: daemon.events("stopping", signal="SIGINT"), within=SOON)
        sent = aws.journal.count("ecs", "RunTask")
        assert 0 == daemon.process.wait(SOON)
        launch = daemon.decisions("burst", reason="launch")[-1]
        assert ("in_doubt", 0, "warning") == (launch["outcome"], launch["launched_tasks"], launch["level"])
        assert [True] == [line["finished"] for line in daemon.events("stopped")]
    assert sent == aws.journal.count("ecs", "RunTask")
    assert 1 == len({call.parameters["clientToken"] for call in aws.journal.calls("ecs", "RunTask")})
    assert 10 == len(aws.ecs.tasks())


def test_pages_end_with_the_polls(aws: EmbeddedAws, tmp_path: Path) -> None:
    """On SIGTERM the pages end at once, and not after a poll whose call takes long: all have one time to end in."""
    wanted = configuration(aws, scaler("orders", "worker", cluster="main"))
    wanted["aws"] |= {"consistency_window": "1m", "call_timeout": "1m"}
    aws.disturbances.add(Disturbance("sqs", "GetQueueUrl", "slow_answer", delay=60))
    with running(tmp_path, wanted) as daemon:
        port = daemon.events("started")[0]["port"]
        eventually(lambda: aws.journal.count("sqs", "GetQueueUrl"), within=SOON)
        eventually(lambda: not _is_refused(port), within=SOON)
        daemon.process.send_signal(signal.SIGTERM)
        # After that time everything is given up, whether or not it has ended.
        eventually(lambda: _is_refused(port), within=STOP_WITHIN)
        aws.disturbances.release()
        assert 0 == daemon.process.wait(SOON)
        assert [True] == [line["finished"] for line in daemon.events("stopped")]


def _is_refused(port: int) -> bool:
    """Say whether nobody listens on a port of loopback any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
