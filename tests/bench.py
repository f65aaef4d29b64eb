"""Measures what the controller costs, and prints it; asserts nothing. Run with ``make bench``."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from controller.aws.traits import COUNTS
from controller.config import ControllerSpec, LogSpec, load
from controller.daemon.progress import Progress
from controller.daemon.schedule import Schedule
from controller.sandbox.aws import EmbeddedAws
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from controller.telemetry import log
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.clock import MACHINE_CLOCK
from tests.support.measured import resident
from tests.support.steps import run_through

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

POLLS = 200
"""Calls of each kind in a round of the comparison of CPU."""
PACE = 0.02
"""Seconds between two of them, the same for both kinds: a call on a cold cache costs more."""
ROUNDS = 5
PATIENCE = 60.0
"""Seconds that anything may take at most."""


def main() -> None:
    """Print every measurement, a line each."""
    log.configure(LogSpec("warning", "text"))
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    with tempfile.TemporaryDirectory() as folder:
        cpu(Path(folder))
        for scalers in (1, 1000):
            daemon(Path(folder), scalers)
        burst(Path(folder))


def cpu(folder: Path) -> None:
    """Compare an idle reconcile, the scheduler included, with the bare boto3 call that it makes."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    try:
        url, queue_url = ours.recv()
        spec = load(_configuration(folder, url, 1)).spec
        bare, full = zip(*((_bare(spec, queue_url), _scheduled(spec)) for _ in range(ROUNDS)), strict=True)
    finally:
        ours.send("stop")
        server.join(PATIENCE)
    best_bare, best_full = min(bare), min(full)
    _say(
        f"idle poll, CPU: bare boto3 call {best_bare * 1e3:.2f} ms, scheduled reconcile {best_full * 1e3:.2f} ms, "
        f"ratio {best_full / best_bare:.2f} (best of {ROUNDS} rounds of {POLLS}; goal 1.3)"
    )


def daemon(folder: Path, scalers: int) -> None:
    """Measure start, memory and requests of an idle daemon."""
    with EmbeddedAws() as aws:
        create_cluster(aws, "bench")
        for number in range(scalers):
            create_queue(aws, f"bench-{number}")
        aws.journal.clear()
        began = time.time()
        with _running(_configuration(folder, aws.url, scalers)) as pid:
            eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= 1, within=PATIENCE)
            first = aws.journal.calls("sqs", "GetQueueAttributes")[0].at - began
            # Two polls of each: the first one lists the cluster, from the second on the scaler is known to be idle.
            eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= 2 * scalers, within=PATIENCE)
            aws.journal.clear()
            eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= 2 * scalers, within=PATIENCE)
            polls, requests = aws.journal.count("sqs", "GetQueueAttributes"), len(aws.journal.calls())
            megabytes = resident(pid)
    _say(
        f"{scalers} idle scaler(s): first poll {first:.2f} s after the start (goal 2), resident {megabytes:.0f} MB "
        f"(goal {90 if scalers == 1 else 150}), {requests / polls:.2f} requests a poll (goal 1)"
    )


def burst(folder: Path) -> None:
    """Measure the answer to 100 messages on an idle scaler."""
    with EmbeddedAws() as aws:
        create_cluster(aws, "bench")
        queue = create_queue(aws, "bench-0")
        register_template(aws, "bench")
        with _running(_configuration(folder, aws.url, 1)):
            eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes") >= 2, within=PATIENCE)
            send_messages(aws, queue.url, 100)
            sent = time.time()
            eventually(lambda: sum(len(task.containers) for task in aws.ecs.tasks()) >= 100, within=PATIENCE)
            calls = aws.journal.calls("ecs", "RunTask")
            polls = [call for call in aws.journal.calls("sqs", "GetQueueAttributes") if sent < call.at < calls[0].at]
    _say(
        f"burst of 100 messages: {len(calls)} RunTask calls, the first {calls[0].at - sent:.1f} s after the last "
        f"message, at look {len(polls)} at the queue (poll 1 s, slot 30 s)"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _configuration(folder: Path, url: str, scalers: int) -> Path:
    """Write a configuration of so many scalers, each with a queue of its own."""
    task = {"cluster": "bench", "definition": "bench", "container": "worker", "subnets": ["subnet-0a1b2c3d"]}
    content: dict[str, Any] = {
        "name": "bench",
        "aws": {"region": "us-east-1", "endpoint_url": url},
        "poll_interval": "1s" if scalers == 1 else "10s",
        "server": {"host": "127.0.0.1", "port": 0},
        "scalers": [
            {
                "name": f"bench-{number}",
                "queue": f"bench-{number}",
                "demand": {"messages_per_container": 1},
                "max_containers": 100,
                "task": task,
            }
            for number in range(scalers)
        ],
    }
    path = folder / f"config-{scalers}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def _running(config: Path) -> Iterator[int]:
    """Run the daemon as a process of its own; gives its id."""
    with (config.parent / "log").open("wb") as output:
        command = [sys.executable, "-m", "controller", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _serve(pipe: Connection) -> None:
    """Serve an embedded AWS in a process of its own, so that its CPU is not counted as ours."""
    with EmbeddedAws() as aws:
        create_cluster(aws, "bench")
        pipe.send((aws.url, create_queue(aws, "bench-0").url))
        pipe.recv()


def _bare(spec: ControllerSpec, queue_url: str) -> float:
    """Return the CPU seconds of one call of a plain boto3 client."""
    client = boto3.client("sqs", region_name=spec.aws.region, endpoint_url=spec.aws.endpoint_url)
    for number in range(POLLS + 1):
        if number == 1:  # The first call opens the connection.
            began = time.process_time()
        time.sleep(PACE)
        client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(COUNTS))
    return (time.process_time() - began) / POLLS


def _scheduled(spec: ControllerSpec) -> float:
    """Return the CPU seconds of one idle reconcile as the daemon does it, from the tick to the record."""
    scaler = spec.scalers[0]
    quick = replace(scaler, policy=replace(scaler.policy, poll_interval=PACE))
    services = connect(spec, MACHINE_CLOCK, dry_run=False)
    reconciler = Reconciler(quick, services)
    schedule = Schedule(
        MACHINE_CLOCK, services.polls, services.listers, Progress(MACHINE_CLOCK, PATIENCE), lambda _: None
    )

    def done() -> int:
        return services.metrics.series[scaler.name].reconciles["held"]

    for _ in range(2):
        run_through(reconciler.reconcile(), MACHINE_CLOCK.pause)
    first, began = done(), time.process_time()
    schedule.start()
    schedule.add(reconciler, 0)
    eventually(lambda: done() - first >= POLLS, within=PATIENCE, every=0.2)
    used, polls = time.process_time() - began, done() - first
    schedule.stop()
    return used / polls


if __name__ == "__main__":
    main()
