"""Signals are answered whatever the daemon is at: reloading, reading a file that blocks, or many things at once."""

from __future__ import annotations

import os
import select
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
    launch,
    running,
    scaler,
)

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

MANY = 50
"""Scalers whose reload takes a while."""
REQUESTS = 30
NOT_READ = "configuration not read yet, the last good one stays"
TOLD_SOON = ("controller.daemon.reloader:READ_WITHIN=1", "controller.daemon.app:REPORT_EVERY=1")
"""Of a file that cannot be read, not after 10 s."""


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
        # Of twice as many; how many are asked for while one is under way is for the machine to say.
        assert len(daemon.events(TAKEN)) < REQUESTS


def test_a_stop_while_it_begins(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> None:
    """A daemon that is told to end while its scalers are still being added exits with 0, and breaks nothing."""
    create_queue(aws, "orders")
    scalers = [scaler(f"orders-{n}", template, cluster=cluster, queue="orders") for n in range(MANY)]
    with running(tmp_path, configuration(aws, *scalers)) as daemon:
        assert 0 == daemon.stop()
        assert [] == [line for line in daemon.log.read_text(encoding="utf-8").splitlines() if "Traceback" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_it_is_loaded(aws: EmbeddedAws, tmp_path: Path, number: signal.Signals) -> None:
    """A daemon that is told to end while Python still loads its libraries exits with 0."""
    daemon = launch(tmp_path, configuration(aws, scaler("orders", "worker", cluster="main")))
    try:
        eventually(lambda: _is_loading(daemon.process.pid), within=STARTED_WITHIN)
        daemon.process.send_signal(number)
        assert 0 == daemon.process.wait(STARTED_WITHIN)
    finally:
        end(daemon.process)


def test_a_reload_while_it_is_loaded(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A SIGHUP that comes while Python still loads the daemon's libraries does not end it, and is a reload."""
    daemon = launch(tmp_path, configuration(aws, scaler("orders", "worker", cluster="main")))
    try:
        eventually(lambda: _is_loading(daemon.process.pid), within=STARTED_WITHIN)
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.process.poll() is not None or daemon.events(TAKEN), within=STARTED_WITHIN)
        assert 0 == daemon.stop()
    finally:
        end(daemon.process)


def _is_loading(process: int) -> bool:
    """Say whether a process has come to its large libraries."""
    return "pydantic_core" in Path(f"/proc/{process}/maps").read_text(encoding="utf-8")


BUSY = """
import os, sys, threading
from controller.daemon.signals import Signals

def spin():
    while True:
        sum(range(1000))

sys.setswitchinterval(0.0005)
signals = Signals()
for _ in range(8):
    threading.Thread(target=spin, daemon=True).start()
os.write(1, bytes([0]))
while True:
    os.write(1, bytes([signals.get()]))
"""
ROUNDS = 100
"""With handlers of Python's own, about one of thirty signals is noticed only with the next one.

The threads take turns ten times as often as Python lets them by itself, which finds it as well in a tenth of the time.
"""


def test_no_signal_is_lost_among_busy_threads() -> None:
    """A signal that comes as the one before was answered is answered too, however busy other threads keep Python."""
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        try:
            assert [0] == _read_numbers(process, 1)
            for _ in range(ROUNDS):
                process.send_signal(signal.SIGHUP)
                assert [signal.SIGHUP] == _read_numbers(process, 1)
                process.send_signal(signal.SIGTERM)
                assert [signal.SIGTERM] == _read_numbers(process, 1)
        finally:
            process.kill()


def _read_numbers(process: subprocess.Popen[bytes], count: int) -> list[int]:
    """Return the next numbers that a process writes; none if it writes nothing any more."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], SOON)
    return list(os.read(process.stdout.fileno(), count)) if ready else []


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
    with running(tmp_path, configuration(aws, scaler("orders", template, cluster=cluster)), hurry=TOLD_SOON) as daemon:
        text = daemon.config.read_text(encoding="utf-8")
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.events(NOT_READ), within=SOON)
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
    wanted = configuration(aws, scaler("orders", template, cluster=cluster))
    with running(tmp_path, wanted, "--watch", hurry=TOLD_SOON) as daemon:
        text = daemon.config.read_text(encoding="utf-8")
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        eventually(lambda: daemon.events(NOT_READ), within=SOON)
        assert 0 == daemon.sample("config_last_reload_successful")
        daemon.config.write_text(text, encoding="utf-8")
        eventually(lambda: 1 == daemon.sample("config_last_reload_successful"), within=SOON)
        assert [] == daemon.events(TAKEN)
        assert 0 == daemon.stop()


def test_a_file_in_the_place_of_one_that_hangs(aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str) -> None:
    """Where nothing will ever come out of a pipe, as it is gone, a SIGHUP takes the file that stands in its place."""
    create_queue(aws, "orders")
    with running(tmp_path, configuration(aws, scaler("orders", template, cluster=cluster)), hurry=TOLD_SOON) as daemon:
        text = daemon.config.read_text(encoding="utf-8")
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.events(NOT_READ), within=SOON)
        for _ in range(2):
            # The second is for the thread that has taken over.
            assert TAKEN == daemon.reload(text)["event"]
        assert 1 == daemon.sample("config_last_reload_successful")


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
