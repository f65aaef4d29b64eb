"""What is wrong with AWS, in words, for the head of each page: which trouble, and how many scalers have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from controller.aws.faults import Fault
from controller.core.decision.model import Reason
from controller.core.record import Reconciled
from controller.core.words import format_count

_MISSING = {Reason.UNKNOWN_BACKLOG: "queue does not exist", Reason.UNKNOWN_FLEET: "cluster does not exist"}
"""What is not there, by what could not be read."""
_WORDS = {
    Fault.MISSING: "task definition, container or cluster does not exist",
    Fault.ACCESS_DENIED: "permission denied",
    Fault.INVALID: "request refused as wrong",
    Fault.CANNOT_COPY: "task definition cannot be copied",
    Fault.CAPACITY: "no room for tasks",
    Fault.THROTTLED: "too many requests",
    Fault.UNREACHABLE: "no answer",
    Fault.SERVER_ERROR: "answers with errors",
    Fault.CONFLICT: "another controller has launched",
    Fault.IN_DOUBT: "unknown whether a launch went through",
    Fault.WINDOW_CLOSED: "too slow for the launch window",
}


def list_troubles(last: Iterable[Reconciled | None]) -> list[str]:
    """Return what is wrong by the last reconcile of each scaler, what most of them have first."""
    counted = Counter(words for done in last if done is not None and (words := name_trouble(done)) is not None)
    return [f"{words} ({format_count(count, 'scaler')})" for words, count in counted.most_common()]


def name_trouble(done: Reconciled) -> str | None:
    """Return what was wrong with AWS in a reconcile, in a few words; None: nothing was."""
    if done.launch is not None and done.launch.fault is not None:
        return _WORDS[Fault(done.launch.fault)]
    if done.fault is None:
        return None
    fault = Fault(done.fault)
    return _MISSING.get(done.decision.reason, _WORDS[fault]) if fault is Fault.MISSING else _WORDS[fault]
