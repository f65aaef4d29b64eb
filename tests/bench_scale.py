"""Measures a daemon with very many idle queues beside a bare boto3 loop of the same run. Prints; asserts nothing.

Run with ``python -m tests.bench_scale 1000 10000``. AWS is a process of its own that speaks TLS and answers at once;
the CPU is that of the daemon alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from controller.aws.queue import COUNTS
from tests.support.loopback import count_messages, make_answer, make_certificate
from tests.support.measured import cpu, listen, resident

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

INTERVAL = 10
"""Seconds between two polls of a queue."""
MEASURED = 4
"""Intervals over which a daemon is measured, once all its queues were polled thrice."""
BARE_CALLS = 1_000
KIND = {"Content_Type": "application/x-amz-json-1.0", "x_amzn_RequestId": "0" * 36}
COUNTED = make_answer(count_messages(), **KIND)
LISTED = make_answer({"taskArns": []}, **KIND)
_QUEUE = re.compile(rb"bench-(\d+)\"")


def main() -> None:
    """Print a line for each number of queues."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "NO_PROXY": "localhost"}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AWS_CA_BUNDLE"] = make_certificate(Path(folder)).path
        ours, theirs = context.Pipe()
        server = context.Process(target=_serve, args=(folder, theirs), daemon=True)
        server.start()
        url = f"https://localhost:{ours.recv()}"
        bare = _bare(url)
        for queues in map(int, sys.argv[1:] or ["1000"]):
            _measure(Path(folder), url, queues, ours, bare)
        server.terminate()


def _bare(url: str) -> float:
    """Return the CPU seconds of one call of a plain boto3 client, a hundred a second."""
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=url)
    queue = "https://sqs.us-east-1.amazonaws.com/123456789012/bench-0"
    client.get_queue_attributes(QueueUrl=queue, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    began = time.process_time()
    for number in range(BARE_CALLS):
        if number % 25 == 0:
            time.sleep(0.25)
        client.get_queue_attributes(QueueUrl=queue, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    return (time.process_time() - began) / BARE_CALLS


def _measure(folder: Path, url: str, queues: int, server: Connection, bare: float) -> None:
    """Run a daemon on so many idle queues, and print what it takes."""
    server.send("forget")
    config = _configure(folder, url, queues)
    command = [sys.executable, "-m", "controller", "run", "--config", str(config)]
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stderr=log)
    try:
        _wait_for_polls(server, 3 * queues, daemon)
        ready = time.monotonic() - began
        server.send("forget")
        used, at = cpu(daemon.pid), time.monotonic()
        time.sleep(MEASURED * INTERVAL)
        used, took = cpu(daemon.pid) - used, time.monotonic() - at
        told = _ask(server)
        megabytes = resident(daemon.pid)
        stopping = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(60)
        stopped = time.monotonic() - stopping
    finally:
        daemon.kill()
    polls = told["polls"]
    late = sorted(told["late"])
    spread = [late[int(share * (len(late) - 1))] for share in (0.5, 0.99)] if late else [0.0, 0.0]
    made = polls / (took / INTERVAL * queues)
    sys.stdout.write(
        f"{queues} queues: {used / took:.3f} core, {megabytes:.0f} MB; a poll {used / polls * 1e3:.3f} ms, "
        f"{used / polls / bare:.2f} of a bare boto3 call ({bare * 1e3:.2f} ms), {told['requests'] / polls:.2f} "
        f"requests; {made:.3f} of the polls made, off by p50 {spread[0]:.2f} s p99 {spread[1]:.2f} s; "
        f"three polls of each {ready:.0f} s after the start; exit {code} in {stopped:.1f} s\n"
    )
    sys.stdout.flush()


def _configure(folder: Path, url: str, queues: int) -> Path:
    task = {"cluster": "bench", "definition": "bench", "container": "worker", "subnets": ["subnet-0a1b2c3d"]}
    content: dict[str, Any] = {
        "name": "bench",
        "aws": {"region": "us-east-1", "endpoint_url": url},
        "poll_interval": f"{INTERVAL}s",
        "log": {"level": "warning", "format": "json"},
        "server": {"host": "127.0.0.1", "port": 0},
        "scalers": [
            {
                "name": f"bench-{number}",
                "queue": f"https://sqs.us-east-1.amazonaws.com/123456789012/bench-{number}",
                "demand": {"messages_per_container": 1},
                "task": task,
            }
            for number in range(queues)
        ],
    }
    path = folder / "config.yaml"
    path.write_text(yaml.dump(content, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)), encoding="utf-8")
    return path


def _wait_for_polls(server: Connection, polls: int, daemon: subprocess.Popen[bytes]) -> None:
    while _ask(server)["polls"] < polls:
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon has ended with {daemon.returncode}")
        time.sleep(0.5)


def _ask(server: Connection) -> dict[str, Any]:
    server.send("tell")
    told: dict[str, Any] = server.recv()
    return told


class _Tally:
    """What was asked: polls by queue, and how far their intervals were off."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.polls = self.requests = 0
        self.late: list[float] = []
        self.last: dict[bytes, float] = {}

    def note(self, data: bytes) -> bytes:
        """Take in a request and return its answer."""
        self.requests += 1
        found = _QUEUE.search(data)
        if found is None:
            return LISTED
        self.polls += 1
        now, queue = time.monotonic(), found[1]
        if queue in self.last:
            self.late.append(abs(now - self.last[queue] - INTERVAL))
        self.last[queue] = now
        return COUNTED


def _serve(folder: str, pipe: Connection) -> None:
    tally = _Tally()

    def answer() -> None:
        if pipe.recv() == "forget":
            tally.forget()
        else:
            pipe.send({"polls": tally.polls, "requests": tally.requests, "late": tally.late})

    async def serve() -> None:
        server = await listen(folder, tally.note)
        asyncio.get_running_loop().add_reader(pipe.fileno(), answer)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
