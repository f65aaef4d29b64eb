"""The messages of the sandbox, and the record of when each was sent, started and done."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum

FOREIGN_WORK_SECONDS = 1.0
"""The work that a message of the user's own means, seconds."""


class Mishap(StrEnum):
    """The fate of the first worker that takes a message. Further workers do the message normally."""

    FAILS = "fails"
    """The worker exits with an error in the middle of its work."""
    HANGS = "hangs"
    """The worker makes no progress until the message has returned to the queue, and then exits with an error."""


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of work."""

    id: str
    """Unique within a run of the sandbox."""
    seconds: float
    """How long the work takes."""
    mishap: Mishap | None = None

    def to_body(self) -> str:
        """Return the message as the body of an SQS message."""
        return json.dumps({"id": self.id, "seconds": self.seconds, "mishap": self.mishap})

    @classmethod
    def from_body(cls, body: str, message_id: str) -> Message:
        """Return the message in ``body``, which may also be any message that a user has sent.

        Such a message gets ``message_id``, the id that SQS gave it, and takes ``FOREIGN_WORK_SECONDS``.
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
    """How many messages of one queue, or of all, were sent and done, and how long they waited."""

    sent: int = 0
    done: int = 0
    """How many messages were done at least once."""
    done_twice: int = 0
    """How many messages were done more than once: SQS delivers at least once."""
    waits: tuple[float, ...] = ()
    """The time from sending to the first start, seconds, of each message that a worker has taken."""

    @property
    def undone(self) -> int:
        """How many messages were sent but not done."""
        return self.sent - self.done


@dataclass(slots=True)
class MessageRecords:
    """Records when messages are sent, started and done. Safe to use from every thread."""

    _records: dict[str, _Record] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_sent(self, queue: str, message: Message, at: float) -> None:
        """Record that ``message`` was sent at ``at``, seconds since the epoch, and accepted by the queue."""
        with self._lock:
            self._find_record(queue, message).sent_at = at

    def record_started(self, queue: str, message: Message, at: float) -> None:
        """Record that a worker began ``message`` at ``at``, seconds since the epoch; perhaps before ``record_sent``."""
        with self._lock:
            record = self._find_record(queue, message)
            if record.started_at is None:
                record.started_at = at

    def record_done(self, queue: str, message: Message) -> None:
        """Record that a worker has done ``message`` and deleted it."""
        with self._lock:
            self._find_record(queue, message).times_done += 1

    def count(self, queue: str | None = None) -> MessageTotals:
        """Return the totals of the messages of ``queue``, or of all queues."""
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

    def list_queues(self) -> list[str]:
        """Return the names of all queues of which a message was sent or taken."""
        with self._lock:
            return sorted({record.queue for record in self._records.values()})

    def _find_record(self, queue: str, message: Message) -> _Record:
        return self._records.setdefault(message.id, _Record(queue))
