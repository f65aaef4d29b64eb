"""SQS: moto's queues, made safe for many callers at once, cheap to count, and with counts that may be late."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from threading import Condition
from typing import TYPE_CHECKING, Final

from controller.sandbox.aws.queue_search import TAGGING, find_tagged, list_queues
from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, Request, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.sqs.models import Queue

    from controller.clock import Clock
    from controller.sandbox.aws.moto_services import MotoServices

VISIBLE: Final = "ApproximateNumberOfMessages"
IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"
DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
COUNTS = frozenset({VISIBLE, IN_FLIGHT, DELAYED})
OF_FIFO = frozenset({"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"})
"""Attributes that AWS does not know of a standard queue: it refuses a call that names one, where moto answers."""
LOOK_AGAIN = 0.1
"""How often a long poll looks for messages whose delay or time-out has ended, seconds."""
_ADDING = frozenset({"SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"})

Counts = dict[str, int]


class Queues:
    """moto's SQS behind one lock, without which two receivers can get the same message."""

    def __init__(self, moto: MotoServices, clock: Callable[[], float], machine: Clock) -> None:
        """Late counts go by ``clock``, seconds since the epoch; messages and long polls go by ``machine``, as moto."""
        self.counts_lag = 0.0
        """How late the counts of every queue are, seconds."""
        self.waiting = 0
        """How many long polls are waiting for a message."""
        self._moto = moto
        self._clock = clock
        self._machine = machine
        self._changed = Condition()
        self._closing = False
        self._past: dict[str, deque[tuple[float, Counts]]] = {}

    def close(self) -> None:
        """End every long poll."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def reset(self) -> None:
        """Forget every queue."""
        with self._changed:
            self._past.clear()
            self._moto.reset()

    def answer(self, request: Request) -> HttpAnswer:
        """Carry out a request to SQS, or for the tags of queues, and return its answer."""
        if self._moto.find_other_owner(request.parameters) is not None:
            said = f"Access to the resource is denied: no policy allows {request.operation} on another account's queue."
            return ApiError("AccessDeniedException", said, status=403).to_answer()
        with self._changed:
            if request.service == TAGGING:
                return find_tagged(request, self._moto.sqs.queues.values())
            if request.operation == "ListQueues":
                return list_queues(request, self._moto.sqs.queues.values())
            queue = self._find_queue(request.parameters)
            if queue is None:
                return self._moto.answer(request)
            if request.operation == "GetQueueAttributes":
                return self._answer_attributes(request, queue)
            receives = request.operation == "ReceiveMessage"
            answer = self._receive(request, queue) if receives else self._moto.answer(request)
            if self.counts_lag:
                self._remember(queue)
            if request.operation in _ADDING:
                self._changed.notify_all()
            return answer

    def _find_queue(self, parameters: Json) -> Queue | None:
        return self._moto.sqs.queues.get(str(parameters.get("QueueUrl", "")).rpartition("/")[2])

    def _receive(self, request: Request, queue: Queue) -> HttpAnswer:
        """Answer ReceiveMessage. In a long poll moto would sleep in its own call, and so hold our lock all the time."""
        wait = request.parameters.get("WaitTimeSeconds")
        if wait is None:
            wait = queue.attributes["ReceiveMessageWaitTimeSeconds"]
        deadline = self._machine.elapsed() + int(wait)
        at_once = replace(request, body=json.dumps({**request.parameters, "WaitTimeSeconds": 0}).encode())
        while (left := deadline - self._machine.elapsed()) > 0 and not self._closing:
            if self._count(queue)[VISIBLE] and b'"Messages"' in (answer := self._moto.answer(at_once)).body:
                return answer
            self.waiting += 1
            self._changed.wait(min(left, LOOK_AGAIN))
            self.waiting -= 1
        return self._moto.answer(at_once)

    def _answer_attributes(self, request: Request, queue: Queue) -> HttpAnswer:
        names = set(request.parameters.get("AttributeNames", ()))
        if (unknown := names & OF_FIFO) and not queue.name.endswith(".fifo"):
            return ApiError("InvalidAttributeName", f"Unknown Attribute {min(unknown)}.").to_answer()
        counts = self._read_counts(queue)
        if names and names <= COUNTS:
            return make_json_answer({"Attributes": {name: str(counts[name]) for name in names}})
        if names == {"All"}:
            told = {name: str(value) for name, value in queue.attributes.items() if value is not None}
            return make_json_answer({"Attributes": told | {name: str(count) for name, count in counts.items()}})
        answer = self._moto.answer(request)
        document = json.loads(answer.body)
        if "Attributes" in document:
            shown = document["Attributes"]
            shown.update({name: str(count) for name, count in counts.items() if name in shown})
        return replace(answer, body=json.dumps(document).encode())

    def _read_counts(self, queue: Queue) -> Counts:
        """Return the counts as they were ``counts_lag`` ago."""
        if not self.counts_lag:
            return self._count(queue)
        self._remember(queue)
        counted_at, counts = self._past[queue.name][0]
        return counts if counted_at <= self._clock() - self.counts_lag else dict.fromkeys(COUNTS, 0)

    def _remember(self, queue: Queue) -> None:
        """Note the present counts, and drop those that are too old to be asked for."""
        now = self._clock()
        past = self._past.setdefault(queue.name, deque())
        past.append((now, self._count(queue)))
        while len(past) > 1 and past[1][0] <= now - self.counts_lag:
            past.popleft()

    def _count(self, queue: Queue) -> Counts:
        """Return all three counts after one pass; moto goes through the messages nine times for them."""
        now = self._machine.now() * 1000
        counts = dict.fromkeys((VISIBLE, IN_FLIGHT, DELAYED), 0)
        for message in queue._messages:
            if message.delayed_until > now:
                counts[DELAYED] += 1
            elif message.visible_at >= now:
                counts[IN_FLIGHT] += 1
            else:
                counts[VISIBLE] += 1
        return counts
