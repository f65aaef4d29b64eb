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
    from collections.abc import Callable

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

    def __init__(self, moto: MotoServices, clock: Callable[[], float]) -> None:
        """Read ``clock`` for how late counts are; the messages themselves live on the machine's clock."""
        self.counts_lag = 0.0
        """Seconds by which the counts of every queue are late."""
        self.waiting = 0
        """How many long polls wait for a message now."""
        self._moto = moto
        self._clock = clock
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
            if request.operation == "GetQueueAttributes":
                return self._attributes(request, queue)
            receives = request.operation == "ReceiveMessage"
            answer = self._receive(request, queue) if receives else self._moto.answer(request)
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
        at_once = replace(request, body=json.dumps({**request.parameters, "WaitTimeSeconds": 0}).encode())
        while (left := deadline - time.monotonic()) > 0 and not self._closing:
            if _count(queue)[VISIBLE] and b'"Messages"' in (answer := self._moto.answer(at_once)).body:
                return answer
            self.waiting += 1
            self._changed.wait(min(left, LOOK_AGAIN))
            self.waiting -= 1
        return self._moto.answer(at_once)

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
        self._remember(queue)
        counted_at, counts = self._past[queue.name][0]
        return counts if counted_at <= self._clock() - self.counts_lag else dict.fromkeys(COUNTS, 0)

    def _remember(self, queue: Queue) -> None:
        """Note the counts of now, and forget those that are older than anybody will ask for."""
        now = self._clock()
        past = self._past.setdefault(queue.name, deque())
        past.append((now, _count(queue)))
        while len(past) > 1 and past[1][0] <= now - self.counts_lag:
            past.popleft()


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
