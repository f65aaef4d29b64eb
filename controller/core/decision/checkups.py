"""What the queue doctor saw of a scaler's queues, told: as plain data, in a line, as a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from controller.core.decision.doctor import Checkup
from controller.core.printable import show
from controller.core.queue_names import name_queue
from controller.core.words import format_age, format_count


def tell_checkups(checkups: Sequence[Checkup]) -> dict[str, Any] | None:
    """Return a scaler's checkups, one for each queue, as plain data for ``/status`` and ``plan --json``.

    None: there was none yet.
    """
    if not checkups:
        return None
    return {
        "settings": "; ".join(describe_traits(each) for each in checkups),
        "dead_letter_messages": count_dead_letters(checkups),
        "findings": [
            {"finding": finding.ailment.value, "text": finding.text} for each in checkups for finding in each.findings
        ],
    }


def count_dead_letters(checkups: Iterable[Checkup]) -> int | None:
    """Return the messages in all dead-letter queues, of which several queues may have the same one.

    None: there is none, or one of them was not read.
    """
    depths = {each.traits.dead_letter_queue: each.dead_letters.messages for each in checkups}
    known = [depth for target, depth in depths.items() if target and depth is not None]
    return sum(known) if known and len(known) == sum(target != "" for target in depths) else None


def describe_traits(checkup: Checkup) -> str:
    """Return in a line how a queue is set up, and what its dead-letter queue holds; of several with its name."""
    traits, messages = checkup.traits, checkup.dead_letters.messages
    spans = (
        ("visibility timeout", traits.visibility_timeout),
        ("retention", traits.retention),
        ("receive wait", traits.receive_wait),
    )
    told = [f"{what} {'unknown' if seconds is None else format_age(seconds)}" for what, seconds in spans]
    told[0] = f"{checkup.queue}: {told[0]}" if checkup.queue else told[0]
    if not traits.dead_letter_queue:
        known = "no dead-letter queue" if traits.dead_letter_queue == "" else "dead-letter queue unknown"
        return ", ".join([*told, known])
    after = "" if traits.max_receives is None else f" after {format_count(traits.max_receives, 'receive')}"
    holds = "" if messages is None else f", which holds {format_count(messages, 'message')}"
    unread = "" if checkup.unread is None else f", which cannot be read: {checkup.unread}"
    return show(", ".join([*told, f"dead-letter queue {name_queue(traits.dead_letter_queue)}{after}{holds}{unread}"]))
