"""What a worker container does: take messages over HTTP, work on each for a while, delete it, exit."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from controller.sandbox.messages import Message, Mishap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.messages import MessageRecords

BEHAVIOUR_VARIABLE = "SANDBOX_WORKER"
"""The environment variable of a container that says what it does; without it, it is a sidecar."""
QUEUE_VARIABLE = "SANDBOX_QUEUE"
QUEUE_URL_VARIABLE = "SANDBOX_QUEUE_URL"


LONGER = 1.0
"""How long after its message has gone back a hanging worker gives up, seconds."""


class GaveUpError(Exception):
    """The worker exits in the middle of a message, which it leaves to the queue."""

    def __init__(self, mishap: Mishap) -> None:
        super().__init__(f"the message {mishap}")
        self.mishap = mishap


class Worker:
    """One worker container from its start to its exit."""

    def __init__(self, *, behaviour: str, sqs: SQSClient, queue: str, queue_url: str, records: MessageRecords) -> None:
        """``behaviour`` is a key of ``BEHAVIOURS``."""
        self._behave = BEHAVIOURS[behaviour]
        self.queue = queue
        """The name under which its messages are recorded."""
        self.holding: Message | None = None
        """The message that it works on."""
        self._sqs = sqs
        self._queue_url = queue_url
        self._records = records
        self._killed = threading.Event()

    def run(self) -> int:
        """Do what it does, and return its exit code. Raises GaveUpError if a message does not let it live."""
        self._behave(self)
        return 0

    def kill(self) -> None:
        """End the container as SIGKILL would: what it holds stays in the queue, invisible until its timeout."""
        self._killed.set()

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""
        return self._killed.is_set()

    def serve_one(self) -> bool:
        """Take a message, do its work and delete it; return whether there was one and it is done.

        Raises GaveUpError if the message is one that its first worker does not survive.
        """
        # A short poll will do: the embedded SQS, unlike the real one, always sees every message.
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=1, AttributeNames=["ApproximateReceiveCount"]
        )
        for received in answer.get("Messages", ()):
            message = Message.read(received["Body"], received["MessageId"])
            self.holding = message
            self._records.started(self.queue, message, time.time())
            mishap = message.mishap if received["Attributes"]["ApproximateReceiveCount"] == "1" else None
            if self._killed.wait(self._seconds(message, mishap)):
                return False
            if mishap:
                raise GaveUpError(mishap)
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=received["ReceiptHandle"])
            self._records.done(self.queue, message)
            self.holding = None
            return True
        return False

    def _seconds(self, message: Message, mishap: Mishap | None) -> float:
        """Return how long the worker is busy with a message."""
        if mishap is Mishap.FAILS:
            return message.seconds / 2
        if mishap is Mishap.HANGS:
            queue = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
            return float(queue["Attributes"]["VisibilityTimeout"]) + LONGER
        return message.seconds


def drain(worker: Worker) -> None:
    """Take messages until the queue is empty."""
    while worker.serve_one():
        pass


def single(worker: Worker) -> None:
    """Take one message."""
    worker.serve_one()


BEHAVIOURS: Mapping[str, Callable[[Worker], None]] = {"drain": drain, "single": single}
"""What a container may do, by the value of ``BEHAVIOUR_VARIABLE``."""
