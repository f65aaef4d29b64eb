"""The program of a worker container: takes messages over HTTP, works on each for a while, deletes it, and exits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from controller.sandbox.messages import Message, Mishap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.messages import MessageRecords

HANGS_LONGER = 1.0
"""How long after its message has returned to the queue a hanging worker gives up, seconds."""


class GaveUpError(Exception):
    """The worker exits in the middle of a message, which stays in the queue."""

    def __init__(self, mishap: Mishap) -> None:
        super().__init__(f"the message {mishap}")
        self.mishap = mishap


class NoQueueError(Exception):
    """There is no queue for the worker."""

    def __init__(self, queue: str) -> None:
        super().__init__(
            f"there is no queue {queue!r}: a worker takes the queue of its variable QUEUE_URL, else that of its "
            "scaler's name; set task.environment.QUEUE_URL"
        )


class Worker:
    """One worker container from its start to its exit."""

    def __init__(
        self,
        *,
        behaviour: str,
        sqs: SQSClient,
        queue: str,
        queue_url: str | None,
        records: MessageRecords,
        now: Callable[[], float],
    ) -> None:
        """``behaviour`` is a key of ``BEHAVIOURS``; ``now`` returns seconds since the epoch.

        Without ``queue_url`` there is no such queue, and the worker fails.
        """
        self._behave = BEHAVIOURS[behaviour]
        self.queue = queue
        """The name under which its messages are recorded."""
        self.holding: Message | None = None
        """The message on which it is working; None if there is none."""
        self._sqs = sqs
        self._queue_url = queue_url or ""
        self._records = records
        self._now = now
        self._killed = threading.Event()

    def run(self) -> int:
        """Behave as it should, and return the exit code. Raises ``GaveUpError`` because of a mishap."""
        if not self._queue_url:
            raise NoQueueError(self.queue)
        self._behave(self)
        return 0

    def kill(self) -> None:
        """End the container as SIGKILL would: its message stays in the queue, invisible until its timeout."""
        self._killed.set()

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""
        return self._killed.is_set()

    def serve_one(self) -> bool:
        """Take a message, do its work and delete it. Return False if there was none, or if the worker was killed.

        Raises ``GaveUpError`` if the message has a mishap and this is its first worker.
        """
        # A short poll is enough: unlike the real SQS, the embedded one always sees every message.
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=1, AttributeNames=["ApproximateReceiveCount"]
        )
        for received in answer.get("Messages", ()):
            message = Message.from_body(received["Body"], received["MessageId"])
            self.holding = message
            self._records.record_started(self.queue, message, self._now())
            mishap = message.mishap if received["Attributes"]["ApproximateReceiveCount"] == "1" else None
            if self._killed.wait(self._choose_work_seconds(message, mishap)):
                return False
            if mishap:
                raise GaveUpError(mishap)
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=received["ReceiptHandle"])
            self._records.record_done(self.queue, message)
            self.holding = None
            return True
        return False

    def _choose_work_seconds(self, message: Message, mishap: Mishap | None) -> float:
        """Return how long the worker is busy with a message, seconds."""
        if mishap is Mishap.FAILS:
            return message.seconds / 2
        if mishap is Mishap.HANGS:
            queue = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
            return float(queue["Attributes"]["VisibilityTimeout"]) + HANGS_LONGER
        return message.seconds


def drain(worker: Worker) -> None:
    """Take messages until the queue is empty."""
    while worker.serve_one():
        pass


def serve_one(worker: Worker) -> None:
    """Take one message."""
    worker.serve_one()


BEHAVIOURS: Mapping[str, Callable[[Worker], None]] = {"drain": drain, "single": serve_one}
"""The behaviours of workers, by their names."""
