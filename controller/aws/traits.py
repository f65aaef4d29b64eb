"""How queues are set up: asked for once an hour, in the request that is sent for their counts anyway.

``All`` stands in place of the three counts then. It is not asked for by name: SQS refuses a whole call that names
``FifoQueue`` for a standard queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from controller.clock import Clock
from controller.core.decision.doctor import QueueTraits

COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
EVERYTHING: Final = ("All",)
ASK_EVERY: Final = 3600.0
"""Seconds from one answer with everything to the next."""
ASK_AGAIN: Final = 300.0
"""Seconds after which it is asked for again, where none came."""
_MOST_DIGITS: Final = 10
_COLONS: Final = 5
"""Of a queue's ARN."""


class TraitsKnown:
    """What is known of the queues of one controller, by the names, URLs or ARNs that they are given as.

    Safe to use from every thread: two that ask at the same moment may both ask for everything, once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._traits: dict[str, QueueTraits] = {}

    def choose_names(self, queue: str) -> tuple[str, ...]:
        """Return the attributes to ask for now: the counts, or everything if that is due."""
        now = self._clock.elapsed()
        if now < self._due.get(queue, now):
            return COUNTS
        # Now, and not with the answer: one that cannot be read must not be asked for at every poll.
        self._due[queue] = now + ASK_AGAIN
        return EVERYTHING

    def note(self, queue: str, names: tuple[str, ...], attributes: Mapping[str, object]) -> None:
        """Take in an answer to a request that asked for ``names``."""
        if names == EVERYTHING:
            self._traits[queue] = read_traits(attributes)
            self._due[queue] = self._clock.elapsed() + ASK_EVERY

    def is_due(self, queue: str) -> bool:
        """Say whether it is to be asked for again how a queue is set up, or for the first time."""
        return queue not in self._traits or self._clock.elapsed() >= self._due.get(queue, 0.0)

    def find(self, queue: str) -> QueueTraits | None:
        """Return how a queue is set up; None: not known yet."""
        return self._traits.get(queue)

    def forget(self, queue: str) -> None:
        """Drop what is known of a queue that nobody reads any more."""
        self._due.pop(queue, None)
        self._traits.pop(queue, None)


def read_traits(attributes: Mapping[str, object]) -> QueueTraits:
    """Return how a queue is set up by all its attributes. What is odd is unknown, and never a reason to lose a poll."""
    visibility = _read_number(attributes.get("VisibilityTimeout"))
    redrive = attributes.get("RedrivePolicy")
    # AWS leaves the policy out where there is none; an answer without what every queue has tells nothing of that.
    target, receives = _read_redrive(redrive) if redrive is not None or visibility is None else ("", None)
    return QueueTraits(
        visibility_timeout=visibility,
        retention=_read_number(attributes.get("MessageRetentionPeriod")),
        receive_wait=_read_number(attributes.get("ReceiveMessageWaitTimeSeconds")),
        dead_letter_queue=target,
        max_receives=receives,
    )


def _read_redrive(text: object) -> tuple[str | None, int | None]:
    """Return the target and the receives of a RedrivePolicy, which is JSON within a text, its number also as text."""
    try:
        policy = json.loads(text) if isinstance(text, str) else None
    except (RecursionError, ValueError):
        return None, None
    if not isinstance(policy, dict):
        return None, None
    target, receives = policy.get("deadLetterTargetArn"), _read_number(str(policy.get("maxReceiveCount")))
    is_arn = isinstance(target, str) and target.startswith("arn:") and target.count(":") == _COLONS
    return target if is_arn else None, None if receives is None else int(receives)


def _read_number(text: object) -> float | None:
    is_number = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return float(str(text)) if is_number else None
