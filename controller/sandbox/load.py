"""The load: bursts of messages with gaps between them, the same for the same seed."""

from __future__ import annotations

import itertools
import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.sandbox.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

    from controller.clock import Clock
    from controller.sandbox.messages import MessageRecords
    from controller.sandbox.scenario import QueueScenario, Scenario

FIRST_BURST_AT = 0.5
"""Seconds from the start to the first burst; each further queue begins that much later."""
GAP = (10.0, 14.0)
"""The shortest and the longest time between two bursts of a queue, seconds."""
SETTLING = 20.0
"""How long the work of the last burst takes, seconds: two slots, a start, and the work itself."""
MAX_BATCH = 10
"""The most messages in one SendMessageBatch."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Messages that are sent to one queue at the same time."""

    at: float
    """Seconds after the start."""
    queue: str
    messages: tuple[Message, ...]


def plan_load(scenario: Scenario, *, duration: float, seed: int, settling: float = SETTLING) -> tuple[Burst, ...]:
    """Return the bursts of a run of ``duration`` seconds, in the order in which they are sent.

    Every queue gets its first burst within two seconds. Further ones come until ``settling`` seconds before the end.
    """
    bursts = itertools.chain.from_iterable(
        _draw_bursts(queue, first_at=FIRST_BURST_AT * (index + 1), until=duration - settling, seed=seed)
        for index, queue in enumerate(scenario.queues)
    )
    return tuple(sorted(bursts, key=lambda burst: (burst.at, burst.queue)))


def _draw_bursts(queue: QueueScenario, *, first_at: float, until: float, seed: int) -> Iterator[Burst]:
    draw = random.Random(f"{seed}:{queue.name}")  # noqa: S311 - repeatable, not secret
    at = first_at
    for number, (least, most) in enumerate(itertools.cycle(queue.burst_sizes), start=1):
        if number > 1 and at > until:
            return
        messages = tuple(
            Message(f"{queue.name}-{number}-{index}", round(draw.uniform(*queue.work_seconds), 2))
            for index in range(1, draw.randint(least, most) + 1)
        )
        if number == 1:
            messages = _add_mishaps(messages, queue, seed)
        yield Burst(round(at, 2), queue.name, messages)
        at += draw.uniform(*GAP)


def _add_mishaps(messages: tuple[Message, ...], queue: QueueScenario, seed: int) -> tuple[Message, ...]:
    """Return the messages with the queue's mishaps, each on one message."""
    draw = random.Random(f"{seed}:{queue.name}:mishaps")  # noqa: S311 - repeatable, not secret
    unlucky = dict(zip(draw.sample(range(len(messages)), len(queue.mishaps)), queue.mishaps, strict=True))
    return tuple(replace(message, mishap=unlucky.get(index)) for index, message in enumerate(messages))


class Load:
    """Sends the planned bursts from a thread of its own."""

    def __init__(
        self,
        bursts: Sequence[Burst],
        *,
        sqs: SQSClient,
        queue_urls: Mapping[str, str],
        records: MessageRecords,
        clock: Clock,
    ) -> None:
        self._bursts = bursts
        self._sqs = sqs
        self._queue_urls = queue_urls
        self._records = records
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-load", daemon=True)
        self.error: Exception | None = None
        """Why the load ended before its last burst; None if it did not."""

    def start(self) -> None:
        """Begin to send. The times of the bursts count from now."""
        self._thread.start()

    def stop(self) -> None:
        """Send no further batch, and wait for the one that is on its way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def finished(self) -> bool:
        """Whether no further message will be sent."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def _run(self) -> None:
        began = self._clock.elapsed()
        try:
            for burst in self._bursts:
                if self._stopping.wait(max(0.0, began + burst.at - self._clock.elapsed())):
                    return
                for first in range(0, len(burst.messages), MAX_BATCH):
                    self._send(burst.queue, burst.messages[first : first + MAX_BATCH])
        except Exception as error:  # noqa: BLE001 - the run ends with it as its message
            self.error = error

    def _send(self, queue: str, batch: Sequence[Message]) -> None:
        at = self._clock.now()
        answer = self._sqs.send_message_batch(
            QueueUrl=self._queue_urls[queue],
            Entries=[{"Id": str(index), "MessageBody": message.to_body()} for index, message in enumerate(batch)],
        )
        for entry in answer.get("Successful", ()):
            self._records.record_sent(queue, batch[int(entry["Id"])], at)
        if refused := answer.get("Failed"):
            raise RuntimeError(f"queue {queue} refused {len(refused)} messages: {refused[0]['Message']}")
