"""SQS: moto's queues, made safe for many callers at once, constant in price, and late in their counts."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import replace
from threading import Condition
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import Answer, Json, Request, json_answer

if TYPE_CHECKING:
    from moto.sqs.models import Queue

    from controller.sandbox.aws.moto_services import MotoServices

VISIBLE = "ApproximateNumberOfMessages"
IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
DELAYED = "ApproximateNumberOfMessagesDelayed"
COUNTS = frozenset({VISIBLE, IN_FLIGHT, DELAYED})
LOOK_AGAIN = 0.1
"""Seconds after which a long poll looks for messages that have become visible by themselves."""
_ADDING = frozenset({"SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"})

Counts = dict[str, int]


class Queues:
    """moto's SQS behind one lock: without it two receivers at once can be given the same message."""

    def __init__(self, moto: MotoServices) -> None:
        self.counts_lag = 0.0
        """Seconds by which the counts of every queue are late."""
        self._moto = moto
        self._changed = Condition()
        self._closing = False
        self._past: dict[str, deque[tuple[float, Counts]]] = {}

    def close(self) -> None:
        """Let every long poll end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def reset(self) -> None:
        """Forget every queue."""
        with self._changed:
            self._past.clear()
            self._moto.reset()

    def answer(self, request: Request) -> Answer:
        """Do what an SQS request asks for."""
        with self._changed:
            queue = self._queue(request.parameters)
            if queue is None:
                return self._moto.answer(request)
            if request.operation == "ReceiveMessage":
                return self._receive(request, queue)
            if request.operation == "GetQueueAttributes":
                return self._attributes(request, queue)
            answer = self._moto.answer(request)
            if self.counts_lag:
                self._remember(queue)
            if request.operation in _ADDING:
                self._changed.notify_all()
            return answer

    def _queue(self, parameters: Json) -> Queue | None:
        return self._moto.sqs.queues.get(str(parameters.get("QueueUrl", "")).rpartition("/")[2])

    def _receive(self, request: Request, queue: Queue) -> Answer:
        """Moto would sleep inside its own call, and with it everybody who waits for our lock."""
        wait = request.parameters.get("WaitTimeSeconds")
        if wait is None:
            wait = queue.attributes["ReceiveMessageWaitTimeSeconds"]
        deadline = time.monotonic() + int(wait)
        while not _count(queue)[VISIBLE]:
            left = deadline - time.monotonic()
            if left <= 0 or self._closing:
                break
            self._changed.wait(min(left, LOOK_AGAIN))
        body = json.dumps({**request.parameters, "WaitTimeSeconds": 0}).encode()
        answer = self._moto.answer(replace(request, body=body))
        if self.counts_lag:
            self._remember(queue)
        return answer

    def _attributes(self, request: Request, queue: Queue) -> Answer:
        names = set(request.parameters.get("AttributeNames", ()))
        counts = self._counts(queue)
        if names and names <= COUNTS:
            return json_answer({"Attributes": {name: str(counts[name]) for name in names}})
        answer = self._moto.answer(request)
        document = json.loads(answer.body)
        if "Attributes" in document:
            shown = document["Attributes"]
            shown.update({name: str(count) for name, count in counts.items() if name in shown})
        return replace(answer, body=json.dumps(document).encode())

    def _counts(self, queue: Queue) -> Counts:
        """Give the counts as they are now, or were ``counts_lag`` ago."""
        if not self.counts_lag:
            return _count(queue)
        past = self._remember(queue)
        seen_at = time.time() - self.counts_lag
        while len(past) > 1 and past[1][0] <= seen_at:
            past.popleft()
        return past[0][1] if past[0][0] <= seen_at else dict.fromkeys(COUNTS, 0)

    def _remember(self, queue: Queue) -> deque[tuple[float, Counts]]:
        past = self._past.setdefault(queue.name, deque())
        past.append((time.time(), _count(queue)))
        return past


def _count(queue: Queue) -> Counts:
    """All three counts in one pass; moto goes over every message nine times for them."""
    now = time.time() * 1000
    counts = dict.fromkeys((VISIBLE, IN_FLIGHT, DELAYED), 0)
    for message in queue._messages:
        if message.delayed_until > now:
            counts[DELAYED] += 1
        elif message.visible_at >= now:
            counts[IN_FLIGHT] += 1
        else:
            counts[VISIBLE] += 1
    return counts
