"""The queue doctor: what of a queue's own settings does not fit how its workers use it, each with its number.

It decides nothing: a finding is something to mend in SQS, and no launch waits for it. What is unknown is no finding.
A rule that needs the time which a message takes is silent where that is not known: of workers that drain the queue a
run tells nothing of a single message, unless the configuration says ``seconds_per_message``.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from math import ceil

from controller.core.decision.model import QueueCounts
from controller.core.decision.policy import Busy, PerContainer, Policy, StartWithin
from controller.core.decision.runs import NONE_SEEN, Runs
from controller.core.frozen import frozen
from controller.core.printable import show
from controller.core.queue_names import name_queue
from controller.core.words import format_age, format_count, format_span

GROWTH_WINDOW = 3600.0
"""Seconds over which it is seen whether a dead-letter queue grows."""


class Ailment(StrEnum):
    """What a finding is about: the closed set."""

    NO_DEAD_LETTER_QUEUE = "no_dead_letter_queue"
    VISIBILITY_TOO_SHORT = "visibility_too_short"
    RETENTION_TOO_SHORT = "retention_too_short"
    SINGLE_RECEIVE = "single_receive"
    DEAD_LETTERS_GROW = "dead_letters_grow"


COSTS_WORK = frozenset({Ailment.VISIBILITY_TOO_SHORT, Ailment.RETENTION_TOO_SHORT, Ailment.DEAD_LETTERS_GROW})
"""What loses messages or does them twice now; the rest is advice, which would come for each of very many queues."""


@frozen
class QueueTraits:
    """How a queue is set up, as SQS tells it; None is unknown."""

    visibility_timeout: float | None = None
    """Seconds for which a message that was received is hidden from others."""
    retention: float | None = None
    """Seconds after which a message is deleted, whether or not anybody has taken it."""
    receive_wait: float | None = None
    """Seconds for which a receive waits for a message, unless it says otherwise itself."""
    dead_letter_queue: str | None = None
    """The ARN of the queue for messages that were received too often; empty: there is none."""
    max_receives: int | None = None
    """The receives after which a message goes there."""


@frozen
class DeadLetters:
    """The depth of a dead-letter queue, as it was read within the last GROWTH_WINDOW."""

    readings: tuple[tuple[float, int], ...] = ()
    """When it was read, seconds since the epoch, and its messages; the newest last."""

    def add(self, at: float, messages: int) -> DeadLetters:
        """Return it with one more reading, without those that are too old."""
        kept = tuple(reading for reading in self.readings if at - GROWTH_WINDOW <= reading[0] <= at)
        return DeadLetters((*kept, (at, messages)))

    @property
    def messages(self) -> int | None:
        """The messages at the last reading; None: it was not read yet."""
        return self.readings[-1][1] if self.readings else None

    @property
    def growth(self) -> tuple[int, float]:
        """By how many messages it has grown, and within how many seconds."""
        if not self.readings:
            return 0, 0.0
        at, messages = self.readings[-1]
        least = min(messages for _, messages in self.readings)
        since = max(when for when, messages in self.readings if messages == least)
        return messages - least, at - since


NOT_READ = DeadLetters()


@frozen
class Finding:
    """Something to mend."""

    ailment: Ailment
    text: str
    """What the queue does, with its numbers, and what to do: a sentence fit for a terminal, but for ``the queue``
    before it and the full stop behind."""


@frozen
class Checkup:
    """What the doctor saw of a queue, and what it found."""

    traits: QueueTraits
    dead_letters: DeadLetters = NOT_READ
    unread: str | None = None
    """Why the dead-letter queue could not be read; None: it could, or nobody has tried."""
    findings: tuple[Finding, ...] = ()
    queue: str | None = None
    """The queue's name, where the scaler has several."""


def examine(
    policy: Policy,
    traits: QueueTraits,
    queue: QueueCounts | None,
    *,
    runs: Runs = NONE_SEEN,
    dead_letters: DeadLetters = NOT_READ,
    name: str | None = None,
) -> tuple[Finding, ...]:
    """Return what is to be mended, in the order of the closed set; ``runs`` are those of the scaler's workers.

    ``name`` is the queue's, which findings begin with where the scaler has several.
    """
    begin = f"{name} " if name else ""
    return tuple(
        Finding(ailment, show(begin + text))
        for ailment, text in _find(policy, traits, queue, runs, dead_letters)
        if text
    )


def time_of_message(policy: Policy, runs: Runs) -> float | None:
    """Return how many seconds a message takes a worker, as configured or as measured; None: nobody can tell."""
    given = _given_pace(policy)
    return runs.median if given is None and _takes_one(policy) else given


def _given_pace(policy: Policy) -> float | None:
    return policy.demand.seconds_per_message if isinstance(policy.demand, StartWithin) else None


def _find(
    policy: Policy, traits: QueueTraits, queue: QueueCounts | None, runs: Runs, dead_letters: DeadLetters
) -> Iterator[tuple[Ailment, str | None]]:
    # A worker that deletes its message as it takes it leaves nothing that could come back, or be received too often.
    if policy.busy is Busy.IN_FLIGHT:
        yield Ailment.NO_DEAD_LETTER_QUEUE, _judge_dead_letter_queue(traits)
        yield Ailment.VISIBILITY_TOO_SHORT, _judge_visibility(policy, traits, runs)
    yield Ailment.RETENTION_TOO_SHORT, _judge_retention(policy, traits, queue, runs)
    yield Ailment.SINGLE_RECEIVE, _judge_receives(policy, traits)
    yield Ailment.DEAD_LETTERS_GROW, _judge_growth(traits, dead_letters)


def _takes_one(policy: Policy) -> bool:
    return policy.demand == PerContainer(1)


def _judge_dead_letter_queue(traits: QueueTraits) -> str | None:
    if traits.dead_letter_queue != "":
        return None
    expires = "" if traits.retention is None else f", after {format_age(traits.retention)}"
    comes_back = f"a message that no worker can do comes back until it expires{expires}"
    return f"has no dead-letter queue: {comes_back}; give it a RedrivePolicy"


def _judge_visibility(policy: Policy, traits: QueueTraits, runs: Runs) -> str | None:
    hidden = traits.visibility_timeout
    if hidden is None:
        return None
    advice = "raise VisibilityTimeout, unless the worker extends it while it works"
    comes_back = f"hides a message for {format_age(hidden)}, so it comes back while it is worked on"
    if (seconds := _given_pace(policy)) is not None:
        told = f"a message takes {format_span(seconds)} by seconds_per_message"
        return f"{comes_back}: {told}; {advice}" if seconds > hidden else None
    late = [took for took in runs.took if took > hidden] if _takes_one(policy) else []
    if not late:
        return None
    told = f"{len(late)} of the last {format_count(len(runs.took), 'run')} took longer, up to {format_span(max(late))}"
    return f"{comes_back}: {told}; {advice}"


def _judge_retention(policy: Policy, traits: QueueTraits, queue: QueueCounts | None, runs: Runs) -> str | None:
    seconds, kept = time_of_message(policy, runs), traits.retention
    if queue is None or seconds is None or kept is None:
        return None
    messages = queue.backlog(policy.counted)
    draining = ceil(messages / policy.max_containers) * seconds
    if draining <= kept:
        return None
    return (
        f"deletes messages after {format_age(kept)}, and to drain {format_count(messages, 'message')} takes about "
        f"{format_age(draining)} with {format_count(policy.max_containers, 'container')} of {format_span(seconds)} a "
        "message: raise MessageRetentionPeriod, or max_containers"
    )


def _judge_receives(policy: Policy, traits: QueueTraits) -> str | None:
    if traits.max_receives != 1 or policy.busy is not Busy.IN_FLIGHT:
        return None
    return (
        "gives a message up after 1 receive: one whose worker is interrupted goes to the dead-letter queue at once; "
        "raise maxReceiveCount of its RedrivePolicy"
    )


def _judge_growth(traits: QueueTraits, dead_letters: DeadLetters) -> str | None:
    more, within = dead_letters.growth
    if not traits.dead_letter_queue or not more:
        return None
    name, messages = name_queue(traits.dead_letter_queue), format_count(dead_letters.messages or 0, "message")
    return (
        f"has lost {format_count(more, 'message')} to the dead-letter queue {name} within {format_age(within)}, which "
        f"now holds {messages}: read in the workers' log why they fail, mend that, and redrive them"
    )
