"""Measures a daemon with very many idle queues beside a bare boto3 loop of the same run. Prints; asserts nothing.

Run with ``python -m tests.bench_scale 1000 10000``; ``10000/3`` is three controllers that share as many queues. AWS is
a process of its own that speaks TLS and answers at once; the CPU is that of the daemons alone. Each of ``MEASUREMENTS``
is one line, made on the same daemon one after the other.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from controller.aws.traits import COUNTS
from tests.support.loopback import make_certificate
from tests.support.measured import cpu, peak, resident
from tests.support.tally import INTERVAL, QUEUE, Tally, tallying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEASURED = 4
"""Intervals over which a daemon is measured, once all its queues were polled thrice."""
REACTIONS = 120
"""Queues that are sent a message each, to measure how soon it is launched for."""
SLOT, SHUT = 30.0, 10.5
"""Seconds that a slot lasts by default, and that its window is shut."""
BARE_CALLS = 1_000
LIKE_THE_IMAGE = {"MALLOC_ARENA_MAX": "2"}
"""What the image sets for the daemon; see the Dockerfile."""
PATIENCE = 120.0
"""Seconds that anything may take at most."""
ACCEPT = {"/metrics": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2", "/status": "*/*"}
"""What Prometheus asks for by default, and what anybody does."""


@dataclass
class Run:
    """Daemons on so many idle queues, together."""

    folder: Path
    tally: Tally
    queues: int
    bare: float
    """CPU seconds of one call of a plain boto3 client."""
    began: float
    port: int
    """Of the first of them, the only one that is asked for anything."""
    daemons: list[subprocess.Popen[bytes]]
    idle: float = 0.0
    """CPU seconds a second, while there is nothing to do but to poll."""

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        """The first of them."""
        return self.daemons[0]

    @property
    def used(self) -> float:
        """CPU seconds that they have taken."""
        return sum(cpu(daemon.pid) for daemon in self.daemons)

    def configure(self, first: int, last: int) -> None:
        """Write a configuration of the queues from the first up to the last."""
        _configure(self.folder / "1.yaml", self.tally.url, self.port, range(first, last))

    def get(self, path: str) -> int:
        """Ask for a page as compressed as can be, and return its size, bytes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers={"Accept": ACCEPT[path], "Accept-Encoding": "gzip"})
        size = len(connection.getresponse().read())
        connection.close()
        return size

    def reload(self) -> None:
        """Have the file taken, and wait until it is."""
        before = self._count_taken()
        self.daemon.send_signal(signal.SIGHUP)
        _wait(lambda: self._count_taken() > before, self.daemon, every=0.05)

    def _count_taken(self) -> int:
        return (self.folder / "1.log").read_bytes().count(b'"configuration taken"')


def main() -> None:
    """Print what is measured for each number of queues."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "NO_PROXY": "localhost"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AWS_CA_BUNDLE"] = make_certificate(Path(folder)).path
        with tallying(folder) as tally:
            bare = _bare(tally.url)
            with _running(Path(folder), tally, REACTIONS, bare, poll_interval=1) as run:
                sys.stdout.write(f"{measure_reaction(run)}\n")
            for asked in sys.argv[1:] or ["1000"]:
                queues, _, controllers = asked.partition("/")
                with _running(Path(folder), tally, int(queues), bare, int(controllers or 1)) as run:
                    for measure in OF_SEVERAL if controllers else MEASUREMENTS:
                        sys.stdout.write(f"{asked} queues, {measure(run)}\n")
                        sys.stdout.flush()


def measure_reaction(run: Run) -> str:
    """Measure how long a message waits for its RunTask: one in each queue, sent at any time of a slot."""
    _wait(lambda: run.tally.tell().polls >= 3 * run.queues, run.daemon)
    run.tally.begin()
    for queue in range(run.queues):
        run.tally.send(queue)
        time.sleep(0.5)
    _wait(lambda: len(run.tally.tell().reactions) == run.queues, run.daemon)
    took = run.tally.tell().reactions
    return (
        f"message to RunTask, polls 1 s apart: mean {sum(took) / len(took):.2f} s, p50 {took[len(took) // 2]:.2f} s, "
        f"most {took[-1]:.2f} s; of the mean {SHUT**2 / 2 / SLOT:.2f} s wait for a launch window"
    )


def measure_idle(run: Run) -> str:
    """Measure the polls of idle queues, and what the process takes."""
    _wait(lambda: run.tally.tell().polls >= 3 * run.queues, run.daemon)
    ready = time.monotonic() - run.began
    run.tally.begin()
    used, at = run.used, time.monotonic()
    time.sleep(MEASURED * INTERVAL)
    used, took = run.used - used, time.monotonic() - at
    told = run.tally.tell()
    run.idle = used / took
    return (
        f"idle: {run.idle:.3f} core; a poll {used / told.polls * 1e3:.3f} ms, {used / told.polls / run.bare:.2f} of a "
        f"bare boto3 call ({run.bare * 1e3:.2f} ms), {told.requests / told.polls:.2f} requests; "
        f"{told.polls / (took / INTERVAL * run.queues):.3f} of the polls made, off by p50 {told.at(0.5):.2f} s "
        f"p99 {told.at(0.99):.2f} s; three polls of each {ready:.0f} s after the start; {_say_memory(run)}"
    )


def measure_few_tasks(run: Run) -> str:
    """Measure with one queue in a hundred busy, and a thousand live tasks."""
    return _work(run, 1_000)


def measure_many_tasks(run: Run) -> str:
    """Measure with one queue in a hundred busy, and ten thousand live tasks."""
    return _work(run, 10_000)


def _work(run: Run, tasks: int) -> str:
    run.tally.work(max(1, run.queues // 100), tasks)
    time.sleep(2 * INTERVAL)  # until all of them have been described once
    run.tally.begin()
    used, at = run.used, time.monotonic()
    time.sleep(MEASURED * INTERVAL)
    used, took = run.used - used, time.monotonic() - at
    told = run.tally.tell()
    run.tally.work(0, 0)
    time.sleep(2 * INTERVAL)
    return (
        f"1 % busy with {tasks} live tasks: {used / took:.3f} core; a listing takes p50 {told.listing_at(0.5):.1f} s, "
        f"{told.pages / took:.1f} ListTasks and {told.described / took:.1f} DescribeTasks a second; "
        f"{told.polls / (took / INTERVAL * run.queues):.3f} of the polls made, off by p50 {told.at(0.5):.2f} s "
        f"p99 {told.at(0.99):.2f} s; {_say_memory(run)}"
    )


def measure_scrapes(run: Run) -> str:
    """Measure scrapes in the format that Prometheus asks for."""
    return _act(run, "a scrape", lambda: run.get("/metrics"), times=3)


def measure_status(run: Run) -> str:
    """Measure /status."""
    return _act(run, "/status", lambda: run.get("/status"), times=3)


def measure_same_reload(run: Run) -> str:
    """Measure a reload that changes nothing."""
    return _act(run, "a reload of the same", run.reload)


def measure_removal(run: Run) -> str:
    """Measure a reload that removes half of the scalers."""
    run.configure(0, (run.queues + 1) // 2)
    return _act(run, "half removed", run.reload)


def measure_addition(run: Run) -> str:
    """Measure a reload that adds them again."""
    run.configure(0, run.queues)
    return _act(run, "half added", run.reload)


def measure_exit(run: Run) -> str:
    """Measure how long a stop takes while a reload is under way."""
    run.configure(0, (run.queues + 1) // 2)
    run.daemon.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    stopping = time.monotonic()
    run.daemon.send_signal(signal.SIGTERM)
    code = run.daemon.wait(PATIENCE)
    return f"exit {code} in {time.monotonic() - stopping:.1f} s, in the middle of a reload"


OF_SEVERAL: tuple[Callable[[Run], str], ...] = (measure_idle, measure_few_tasks, measure_many_tasks)
MEASUREMENTS: tuple[Callable[[Run], str], ...] = (
    *OF_SEVERAL,
    measure_scrapes,
    measure_status,
    measure_same_reload,
    measure_removal,
    measure_addition,
    measure_exit,
)


def _act(run: Run, what: str, act: Callable[[], int | None], times: int = 1) -> str:
    """Do something, and measure what it takes beside the polls, and how late those are in the interval that follows."""
    run.tally.begin(below=(run.queues + 1) // 2)
    used, at = run.used, time.monotonic()
    size = 0
    try:
        for _ in range(times):
            size = act() or 0
    except HTTPException as error:  # an answer that is not taken in time is cut off, and the rest still measured
        what += f" ({error!r})"
    used, took = run.used - used, time.monotonic() - at
    time.sleep(INTERVAL + 1)
    told = run.tally.tell()
    return (
        f"{what}: {max(0.0, used - took * run.idle) / times:.2f} s of CPU, {took / times:.2f} s"
        + (f", {size / 1e6:.2f} MB" if size else "")
        + f"; polls meanwhile off by p50 {told.at(0.5):.2f} s p99 {told.at(0.99):.2f} s at most {told.at(1):.2f} s; "
        + _say_memory(run)
    )


def _say_memory(run: Run) -> str:
    """Say what each of them holds."""
    return " + ".join(f"{resident(each.pid):.0f} MB, at most {peak(each.pid):.0f}" for each in run.daemons)


@contextmanager
def _running(
    folder: Path, tally: Tally, queues: int, bare: float, controllers: int = 1, *, poll_interval: int = INTERVAL
) -> Iterator[Run]:
    tally.forget()
    began, first_port, daemons = time.monotonic(), 0, list[subprocess.Popen[bytes]]()
    try:
        for number in range(1, controllers + 1):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            first_port = first_port or port
            config = _configure(folder / f"{number}.yaml", tally.url, port, range(queues), poll_interval)
            command = [sys.executable, "-m", "controller", "run", "--config", str(config)]
            command += ["--shard", f"{number}/{controllers}"] if controllers > 1 else []
            with (folder / f"{number}.log").open("wb") as log:
                daemons.append(subprocess.Popen(command, stderr=log, env=os.environ | LIKE_THE_IMAGE))
        yield Run(folder, tally, queues, bare, began, first_port, daemons)
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait(PATIENCE)


def _bare(url: str) -> float:
    """Return the CPU seconds of one call of a plain boto3 client, a hundred a second."""
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=url)
    queue = QUEUE.format(0)
    client.get_queue_attributes(QueueUrl=queue, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    began = time.process_time()
    for number in range(BARE_CALLS):
        if number % 25 == 0:
            time.sleep(0.25)
        client.get_queue_attributes(QueueUrl=queue, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    return (time.process_time() - began) / BARE_CALLS


def _configure(path: Path, url: str, port: int, numbers: range, poll_interval: int = INTERVAL) -> Path:
    """Write a file as a generator of such files would: each scaler whole, without aliases."""
    content: dict[str, Any] = {
        "name": "bench",
        "aws": {"region": "us-east-1", "endpoint_url": url},
        "poll_interval": f"{poll_interval}s",
        "log": {"level": "info", "format": "json"},
        "server": {"host": "127.0.0.1", "port": port},
        "scalers": [_describe_scaler(number) for number in numbers],
    }
    path.write_text(yaml.dump(content, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)), encoding="utf-8")
    return path


def _describe_scaler(number: int) -> dict[str, Any]:
    return {
        "name": f"bench-{number}",
        "queue": QUEUE.format(number),
        "demand": {"messages_per_container": 1},
        "max_containers": 20,
        "cooldown": {"launch": "30s", "fall": "5m"},
        "task": {
            "cluster": "bench",
            "definition": "bench",
            "container": "worker",
            "subnets": ["subnet-0a1b2c3d"],
            "environment": {"QUEUE": f"bench-{number}"},
        },
    }


def _wait(condition: Callable[[], bool], daemon: subprocess.Popen[bytes], every: float = 0.5) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the daemon does not get there; its exit code is {daemon.poll()}")
        time.sleep(every)


if __name__ == "__main__":
    main()
