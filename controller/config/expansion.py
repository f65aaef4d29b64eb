"""From the scalers of a configuration to those that run, once it is known which queues there are.

A pure function of both, so that every controller of a configuration comes to the same scalers with the same names.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.config.spec import OWN
from controller.core.queue_names import name_queue, split_queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from controller.config.spec import QueueSearch, ScalerSpec

BETWEEN = "."
"""Between the name of a scaler of the configuration and that of a queue which it has found."""


@dataclass(frozen=True, slots=True)
class FoundQueues:
    """What is known of the queues that are looked for in one way."""

    queues: tuple[str, ...] | None
    """Names, URLs or ARNs, in the order of their names; None: they were never all found."""
    problem: str | None = None
    """Why they could not be looked for, or not taken, the last time; None: they could."""


NEVER_FOUND = FoundQueues(None)


def expand(scalers: Iterable[ScalerSpec], found: Mapping[QueueSearch, FoundQueues]) -> tuple[ScalerSpec, ...]:
    """Return the scalers to run: those of a configuration, and for each that looks for queues what it has found.

    A queue that a scaler names is that scaler's alone, and of several that have found it the first one's: its messages
    must not count twice. What names its queues passes as it is.
    """
    scalers = tuple(scalers)
    # Others are in another account or region, where nothing is looked for.
    taken = _Taken(queue for scaler in scalers if scaler.queue_access == OWN for queue in scaler.queues)
    running: list[ScalerSpec] = []
    for scaler in scalers:
        if scaler.search is None:
            running.append(scaler)
            continue
        known = found.get(scaler.search, NEVER_FOUND)
        own = None if known.queues is None else taken.take(known.queues)
        if scaler.search.each:
            running += (make_scaler(scaler, queue) for queue in own or ())
        else:
            running.append(_add_up(scaler, own, known.problem))
    return tuple(running)


def name_scaler(block: str, queue: str) -> str:
    """Return the name of the scaler of a queue that the scaler ``block`` of the configuration has found.

    No two have the same: a name of a configuration has no dot, so that the first one ends it, and what follows is the
    queue's name as it is, which tells the queues of an account and region apart.
    """
    return f"{block}{BETWEEN}{name_queue(queue)}"


def make_scaler(block: ScalerSpec, queue: str) -> ScalerSpec:
    """Return the scaler of a queue that was found."""
    name = name_scaler(block.name, queue)
    slots = replace(block.policy.slots, scaler=name)
    policy = replace(block.policy, slots=slots, is_fifo=queue.endswith(".fifo"))
    return replace(block, name=name, queues=(queue,), policy=policy, search=None, unfound=None, found_by=block.name)


def make_departing(scaler: ScalerSpec) -> ScalerSpec:
    """Return the scaler of a queue that is gone, or no longer looked for, as long as something of it lives.

    It has no queue any more, so that nothing waits in it, and launches nothing, at no time; what lives is seen to its
    end.
    """
    return replace(scaler, queues=(), schedule=(), policy=replace(scaler.policy, min_containers=0))


def _add_up(scaler: ScalerSpec, queues: tuple[str, ...] | None, problem: str | None) -> ScalerSpec:
    if queues is None:
        return scaler if problem is None else replace(scaler, unfound=problem)
    is_fifo = any(queue.endswith(".fifo") for queue in queues)
    return replace(scaler, queues=queues, unfound=None, policy=replace(scaler.policy, is_fifo=is_fifo))


class _Taken:
    """The queues that somebody has."""

    def __init__(self, queues: Iterable[str]) -> None:
        self._accounts: defaultdict[str, set[str]] = defaultdict(set)
        """By name: the accounts, of which an empty one may be any."""
        for queue in queues:
            self._add(queue)

    def take(self, queues: Iterable[str]) -> tuple[str, ...]:
        """Return those that nobody has, and let somebody have them."""
        return tuple(self._take(queues))

    def _take(self, queues: Iterable[str]) -> Iterator[str]:
        for queue in queues:
            account, name = split_queue(queue)
            if not {account, ""} & self._accounts.get(name, set()):
                self._add(queue)
                yield queue

    def _add(self, queue: str) -> None:
        account, name = split_queue(queue)
        self._accounts[name].add(account)
