"""Standard error in trouble: whatever becomes of its reader, polls go on and signals are answered."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
import yaml

from tests.support.aws import create_queue, eventually, send_messages
from tests.support.daemon import (
    CREDENTIALS,
    SOON,
    STARTED_WITHIN,
    STOPPED_WITHIN,
    configuration,
    end,
    environment,
    free_port,
    scaler,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

PIPE_BYTES = 4096
"""The smallest pipe that Linux makes."""


class Unread:
    """A daemon whose log nobody reads; it is asked over HTTP only."""

    def __init__(self, aws: EmbeddedAws, directory: Path, cluster: str, template: str) -> None:
        self.aws = aws
        self.config = directory / "config.yaml"
        self.queue = create_queue(aws, "orders")
        self.port = free_port()
        self.wanted = configuration(
            aws,
            *(scaler(f"orders-{n}", template, cluster=cluster, queue="orders", paused=n > 0) for n in range(3)),
            server={"host": "127.0.0.1", "port": self.port},
            log={"level": "debug", "format": "json"},
        )
        self.write()

    def write(self) -> None:
        """Write the configuration."""
        self.config.write_text(yaml.safe_dump(self.wanted), encoding="utf-8")

    @contextmanager
    def running(self, stderr: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run it with that standard error until the test is over."""
        command = [sys.executable, "-m", "controller", "run", "--config", str(self.config)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=environment(**CREDENTIALS)
        )
        try:
            eventually(lambda: process.poll() is not None or self.is_up(), within=STARTED_WITHIN)
            assert process.poll() is None
            yield process
        finally:
            end(process)

    def get(self, path: str) -> str:
        """Return a page."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=SOON) as answer:
            return str(answer.read().decode())

    def is_up(self) -> bool:
        """Say whether it serves."""
        try:
            return self.get("/healthz") == "ok\n"
        except OSError:
            return False

    def polls(self) -> int:
        """Return how many polls were made."""
        return self.aws.journal.count("sqs", "GetQueueAttributes")

    def goes_on(self) -> bool:
        """Say whether three more polls of every scaler come."""
        before = self.polls()
        return bool(eventually(lambda: self.polls() >= before + 9, within=SOON))

    def dropped(self) -> float:
        """Return how many log lines were lost, by its own word."""
        name = "ecsq_log_lines_dropped_total "
        return next(
            float(line.removeprefix(name)) for line in self.get("/metrics").splitlines() if line.startswith(name)
        )


@pytest.fixture
def unread(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> Unread:
    """Make a daemon that has something to log at each poll."""
    return Unread(aws, tmp_path, cluster, template)


def test_a_pipe_that_nobody_reads(unread: Unread) -> None:
    """With the pipe full, polls go on and launch, /status is up to date, and SIGTERM exits 0."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(write_end, False)
    os.write(write_end, b"x" * PIPE_BYTES)
    os.set_blocking(write_end, True)
    try:
        with unread.running(write_end) as process:
            assert unread.goes_on()
            send_messages(unread.aws, unread.queue.url, 2)
            eventually(unread.aws.ecs.tasks, within=SOON)
            eventually(lambda: '"launched_containers":2' in unread.get("/status"), within=SOON)
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(STOPPED_WITHIN)
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_reader_that_is_gone(unread: Unread) -> None:
    """With the reader ended, SIGHUP reloads, lines are counted as lost, and SIGTERM exits 0."""
    read_end, write_end = os.pipe()
    with unread.running(write_end) as process:
        os.close(write_end)
        os.close(read_end)
        unread.wanted["scalers"] = unread.wanted["scalers"][:2]
        unread.write()
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "orders-2" not in unread.get("/status"), within=SOON)
        assert unread.goes_on()
        eventually(lambda: unread.dropped() > 0, within=SOON)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(STOPPED_WITHIN)


def test_a_disk_that_is_full(unread: Unread) -> None:
    """A standard error that takes nothing does not keep it from starting, polling and stopping."""
    with Path("/dev/full").open("wb") as full, unread.running(full) as process:
        assert unread.goes_on()
        assert unread.dropped() > 0
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(STOPPED_WITHIN)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_standard_error_that_is_closed(unread: Unread, form: str) -> None:
    """A standard error that was closed before the start gets no line, and neither does a socket that has its number."""
    unread.wanted["log"]["format"] = form
    unread.write()
    command = 'exec "$0" -m controller run --config "$1" 2>&-'
    process = subprocess.Popen(
        ["/bin/sh", "-c", command, sys.executable, str(unread.config)], env=environment(**CREDENTIALS)
    )
    try:
        eventually(lambda: process.poll() is not None or unread.is_up(), within=STARTED_WITHIN)
        assert unread.goes_on()
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(STOPPED_WITHIN)
    finally:
        end(process)
