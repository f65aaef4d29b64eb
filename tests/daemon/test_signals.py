"""Signals are answered whatever the daemon is at: reloading, reading a file that blocks, or many things at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.aws import create_queue, eventually
from tests.support.daemon import (
    CREDENTIALS,
    SOON,
    STARTED_WITHIN,
    STOPPED_WITHIN,
    TAKEN,
    configuration,
    end,
    environment,
    running,
    scaler,
)

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

MANY = 400
"""Scalers whose reload takes a while."""
REQUESTS = 30
NOT_READ = "configuration not read yet, the last good one stays"


def test_a_storm_of_reloads(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> None:
    """Of many SIGHUPs a few reloads are made, the last of them after the last signal; SIGTERM waits for none."""
    create_queue(aws, "orders")
    scalers = [scaler(f"orders-{n}", template, cluster=cluster, queue="orders") for n in range(MANY)]
    with running(tmp_path, configuration(aws, *scalers, poll_interval="1m")) as daemon:
        daemon.write(daemon.config.read_text(encoding="utf-8").replace("poll_interval: 1m", "poll_interval: 2m"))
        for _ in range(REQUESTS):
            daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.events(TAKEN), within=STARTED_WITHIN)
        for _ in range(REQUESTS):
            daemon.process.send_signal(signal.SIGHUP)
        assert 0 == daemon.stop()
        assert len(daemon.events(TAKEN)) < REQUESTS / 3


def test_a_stop_while_scalers_are_still_made(aws: EmbeddedAws, tmp_path: Path, template: str) -> None:
    """SIGTERM ends a daemon with 0 as soon as it has said that it is there, whatever of it is not there yet."""
    file = tmp_path / "c.yaml"
    scalers = [scaler(f"orders-{n}", template, cluster="main") for n in range(2 * MANY)]
    file.write_text(yaml.safe_dump(configuration(aws, *scalers)), encoding="utf-8")
    command = [sys.executable, "-m", "controller", "run", "--config", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(**CREDENTIALS))
    assert process.stderr is not None
    try:
        assert any(b'"started"' in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read().decode()
        assert (0, False) == (process.wait(STOPPED_WITHIN), "Traceback" in rest)
    finally:
        end(process)
        process.stderr.close()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Make a named pipe that nobody writes to."""
    path = tmp_path / "fifo.yaml"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_for_its_file(fifo: Path, number: signal.Signals) -> None:
    """A daemon whose configuration is not there yet ends with 0 when it is told to."""
    command = [sys.executable, "-m", "controller", "run", "--watch", "--config", str(fifo)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment(**CREDENTIALS))
    try:
        # It waits for a writer once it opens the pipe, and then a writer can.
        writer = eventually(lambda: _open_if_read(fifo), within=STARTED_WITHIN)
        process.send_signal(number)
        assert 0 == process.wait(STOPPED_WITHIN)
        os.close(writer)
    finally:
        end(process)


def _open_if_read(fifo: Path) -> int | None:
    """Open a pipe for writing; None if nobody reads it."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_reload_that_waits_for_its_file(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> None:
    """While a file cannot be read, polls go on and it is reported; it is taken once it can; SIGTERM exits 0."""
    create_queue(aws, "orders")
    with running(tmp_path, configuration(aws, scaler("orders", template, cluster=cluster))) as daemon:
        text = daemon.config.read_text(encoding="utf-8")
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.events(NOT_READ), within=2 * SOON)
        assert 0 == daemon.sample("config_last_reload_successful")
        before = aws.journal.count("sqs", "GetQueueAttributes")
        eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= before + 3, within=SOON)
        daemon.config.write_text(text, encoding="utf-8")
        eventually(lambda: daemon.events(TAKEN), within=SOON)
        # The second SIGHUP waits for the pipe again.
        assert 0 == daemon.stop()


def test_a_look_that_waits_for_its_file(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> None:
    """A watched file that cannot be read is reported; once it can, and says the same as before, all is well again."""
    create_queue(aws, "orders")
    with running(tmp_path, configuration(aws, scaler("orders", template, cluster=cluster)), "--watch") as daemon:
        text = daemon.config.read_text(encoding="utf-8")
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        eventually(lambda: daemon.events(NOT_READ), within=2 * SOON)
        assert 0 == daemon.sample("config_last_reload_successful")
        daemon.config.write_text(text, encoding="utf-8")
        eventually(lambda: 1 == daemon.sample("config_last_reload_successful"), within=SOON)
        assert [] == daemon.events(TAKEN)
        assert 0 == daemon.stop()


@pytest.mark.parametrize("source", ["<(cat {file})", "/dev/stdin < {file}", "<(cat {file}) --watch"])
def test_a_configuration_from_anything_that_reads(
    aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str, source: str
) -> None:
    """A configuration may come out of a pipe; a SIGHUP then finds nothing more in it, and changes nothing."""
    create_queue(aws, "orders")
    file, log = tmp_path / "c.yaml", tmp_path / "log.jsonl"
    file.write_text(yaml.safe_dump(configuration(aws, scaler("orders", template, cluster=cluster))), encoding="utf-8")
    command = f'exec "$0" -m controller run --config {source.format(file=file)}'
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", command, sys.executable], stderr=stderr, env=environment(**CREDENTIALS)
        )
    try:
        eventually(lambda: process.poll() is not None or '"started"' in log.read_text(), within=STARTED_WITHIN)
        before = aws.journal.count("sqs", "GetQueueAttributes")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= before + 3, within=SOON)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(STOPPED_WITHIN)
    finally:
        end(process)


def test_a_configuration_without_end() -> None:
    """A device that never ends is refused in a line, by every command, without being read to its end."""
    command = [sys.executable, "-m", "controller", "run", "--config", "/dev/zero"]
    ended = subprocess.run(command, capture_output=True, timeout=STARTED_WITHIN, check=False, env=environment())
    [line] = ended.stderr.decode().splitlines()
    assert 1 == ended.returncode
    assert line.startswith("/dev/zero:1:1: is larger than")
