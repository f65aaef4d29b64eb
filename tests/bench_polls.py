"""Compares what a read of a queue costs: a bare boto3 call, and the polls' own way. Prints; asserts nothing.

Run with ``python -m tests.bench_polls``. The server speaks TLS, answers at once, and is a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import boto3

from controller.aws.polls.reader import QueuePolls
from controller.aws.session import Clients
from controller.aws.traits import COUNTS
from controller.clock import machine_clock
from controller.config import AwsSpec
from controller.core.decision.rate import Rate
from tests.support.loopback import count_messages, make_answer, make_certificate
from tests.support.measured import listen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from multiprocessing.connection import Connection

    from controller.core.decision.model import QueueCounts

TICKS = 40
"""Ticks of a round."""
PACE = 0.25
"""Seconds between two of them."""
A_TICK = 25
"""Queues read in one: 100 a second, as 1,000 queues at 10 s make it."""
QUEUES = [f"https://sqs.us-east-1.amazonaws.com/123456789012/bench-{number}" for number in range(1_000)]
ROUNDS = 3
ANSWER = make_answer(count_messages(), Content_Type="application/x-amz-json-1.0", x_amzn_RequestId="0" * 36)


def main() -> None:
    """Print both costs of the same run, side by side."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "NO_PROXY": "localhost"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AWS_CA_BUNDLE"] = make_certificate(Path(folder)).path
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, theirs), daemon=True)
        server.start()
        url = f"https://localhost:{ours.recv()}"
        both = [(_bare(url), asyncio.run(_polled(url))) for _ in range(ROUNDS)]
        server.terminate()
    bare, polled = (min(costs) for costs in zip(*both, strict=True))
    sys.stdout.write(
        f"reading a queue over TLS, CPU, {A_TICK} in a tick of {PACE} s: bare boto3 call {bare * 1e3:.3f} ms, "
        f"polled {polled * 1e3:.3f} ms, ratio {polled / bare:.3f} (best of {ROUNDS} rounds of {TICKS} ticks)\n"
    )


def _bare(url: str) -> float:
    """Return the CPU seconds of one call of a plain boto3 client."""
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=url)
    for tick in range(-1, TICKS):
        if tick == 0:  # The tick before opens the connection.
            began = time.process_time()
        time.sleep(PACE)
        for number in range(A_TICK):
            client.get_queue_attributes(QueueUrl=QUEUES[(tick * A_TICK + number) % 1_000], AttributeNames=list(COUNTS))  # type: ignore[arg-type]
    return (time.process_time() - began) / (TICKS * A_TICK)


async def _polled(url: str) -> float:
    """Return the CPU seconds of one read on an event loop."""
    spec = AwsSpec("us-east-1", url, 5.0, 5.0, Rate(per_second=20.0, burst=100), Rate(per_second=20.0, burst=100))
    polls = QueuePolls(Clients(spec, "bench", lambda *_: None, machine_clock(Event())))
    await _read_all(polls.read_counts, QUEUES)  # makes the client, and what is kept of each queue
    began = time.process_time()
    for tick in range(TICKS):
        await asyncio.sleep(PACE)
        await _read_all(polls.read_counts, [QUEUES[(tick * A_TICK + number) % 1_000] for number in range(A_TICK)])
    used = time.process_time() - began
    await polls.close()
    return used / (TICKS * A_TICK)


async def _read_all(read: Callable[[str], Awaitable[QueueCounts]], queues: list[str]) -> None:
    await asyncio.gather(*(read(queue) for queue in queues))


def _serve(folder: str, pipe: Connection) -> None:
    async def serve() -> None:
        server = await listen(folder, lambda _: ANSWER)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
