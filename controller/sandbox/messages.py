"""The messages of the sandbox, and what became of each."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum

FOREIGN_WORK_SECONDS = 1.0


class Mishap(StrEnum):
    """What a message does to the first worker that takes it; to the next ones it is like any other."""

    FAILS = "fails"
    """The worker exits with an error in the middle of its work."""
    HANGS = "hangs"
    """The worker gets nowhere until the message has gone back to the queue; then it gives itself up."""


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of work."""

    id: str
    """Unique within a run of the sandbox."""
    seconds: float
    """How long the work takes."""
    mishap: Mishap | None = None

    def body(self) -> str:
        """Return the message as SQS carries it."""
        return json.dumps({"id": self.id, "seconds": self.seconds, "mishap": self.mishap})

    @classmethod
    def read(cls, body: str, message_id: str) -> Message:
        """Return the message of ``body``; one that the sandbox did not send is a second's work.

        A user may put messages of their own into the queues; ``message_id`` is SQS's.
        """
        try:
            document = json.loads(body)
            message = cls(id=str(document["id"]), seconds=float(document["seconds"]))
            return replace(message, mishap=Mishap(document["mishap"])) if document.get("mishap") else message
        except (ValueError, KeyError, TypeError):
            return cls(id=message_id, seconds=FOREIGN_WORK_SECONDS)


@dataclass(slots=True)
class _Record:
    queue: str
    sent_at: float | None = None
    started_at: float | None = None
    times_done: int = 0


@dataclass(frozen=True, slots=True)
class MessageTotals:
    """What became of the messages of one queue, or of all."""

    sent: int = 0
    done: int = 0
    """Messages done at least once."""
    done_twice: int = 0
    """Messages done more than once: SQS delivers at least once."""
    waits: tuple[float, ...] = ()
    """For each message that a worker took: seconds from its sending to its first start."""

    @property
    def undone(self) -> int:
        """Messages sent and not done."""
        return self.sent - self.done


@dataclass(slots=True)
class MessageRecords:
    """Every message's sending, first start and ends. Safe to use from any thread."""

    _records: dict[str, _Record] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, queue: str, message: Message, at: float) -> None:
        """Record that ``message`` was accepted by the queue; it left at ``at``."""
        with self._lock:
            self._record(queue, message).sent_at = at

    def started(self, queue: str, message: Message, at: float) -> None:
        """Record that a worker has begun on ``message``. That may be seen before its sending is."""
        with self._lock:
            record = self._record(queue, message)
            if record.started_at is None:
                record.started_at = at

    def done(self, queue: str, message: Message) -> None:
        """Record that a worker has done ``message`` and deleted it."""
        with self._lock:
            self._record(queue, message).times_done += 1

    def totals(self, queue: str | None = None) -> MessageTotals:
        """Return what became of the messages of ``queue``, or of all queues."""
        with self._lock:
            records = [record for record in self._records.values() if queue in {None, record.queue}]
            return MessageTotals(
                sent=len(records),
                done=sum(record.times_done > 0 for record in records),
                done_twice=sum(record.times_done > 1 for record in records),
                waits=tuple(
                    max(0.0, record.started_at - record.sent_at)
                    for record in records
                    if record.sent_at is not None and record.started_at is not None
                ),
            )

    def _record(self, queue: str, message: Message) -> _Record:
        return self._records.setdefault(message.id, _Record(queue))
