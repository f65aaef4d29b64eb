"""Which queues there are for the scalers that look for them, and which of those are for dead letters.

::

    a look, every minute -> list all pages -> read how the new ones are set up -> leave out dead-letter queues -> known
                 |                |                       |
                 |                '-----------------------'-- fails?  the set that is known stays, and why is told
                 '-- more than the most?  the same

What is known only grows by queues of which it is certain that they are nobody's dead-letter queue, and that is read in
the RedrivePolicy of all that were found. A part of a listing is no listing: neither does it add a queue, nor take one
away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from controller.aws.errors import FOR_A_PERSON, AwsError, Fault
from controller.aws.queue import Queue
from controller.aws.queue_search import find_queues
from controller.aws.session import Clients
from controller.aws.traits import TraitsKnown
from controller.config import ControllerSpec, QueueSearch
from controller.config.expansion import NEVER_FOUND, FoundQueues, expand
from controller.config.queue_schema import MAX_FOUND, MAX_SUMMED
from controller.core.queue_names import split_queue
from controller.core.words import as_clause

READ_AT_ONCE = 8
"""Queues whose settings are read at the same time."""

Find = Callable[[QueueSearch, int], tuple[str, ...]]
"""Returns all queues that a search finds, at most so many. Raises AwsError."""
ReadTraits = Callable[[str], None]
"""Reads how a queue is set up, for the traits that are known. Raises AwsError."""


class Searches:
    """What is known of every search. ``look`` belongs to one thread; whoever reads ``found`` needs no lock."""

    def __init__(self, find: Find, read_traits: ReadTraits, traits: TraitsKnown) -> None:
        """Ask nothing yet."""
        self._find = find
        self._read_traits = read_traits
        self._traits = traits
        self.found: Mapping[QueueSearch, FoundQueues] = {}
        """By search; swapped whole."""
        self._listed: frozenset[str] = frozenset()
        """All queues of the last listings, those for dead letters among them."""

    def look(self, searches: Iterable[QueueSearch]) -> bool:
        """Look once for the queues of these searches, forget all others, and say whether anything has changed."""
        before, listed = self.found, self._listed
        self._listed = frozenset()
        self.found = {search: self._look(search, before.get(search, NEVER_FOUND)) for search in searches}
        if all(found.problem is None for found in self.found.values()):
            for queue in listed - self._listed:
                self._traits.forget(queue)
        else:
            self._listed |= listed
        return self.found != before

    def run(self, spec: ControllerSpec) -> tuple[ControllerSpec, dict[str, str]]:
        """Look once, and return a configuration with the scalers that run now.

        And, by the names of its scalers, why of some the queues are not known.
        """
        blocks = [scaler for scaler in spec.scalers if scaler.search is not None]
        self.look({block.search: None for block in blocks if block.search})
        known = [(block, self.found[block.search]) for block in blocks if block.search]
        problems = {block.name: found.problem for block, found in known if found.problem}
        return replace(spec, scalers=expand(spec.scalers, self.found)), problems

    def _look(self, search: QueueSearch, known: FoundQueues) -> FoundQueues:
        try:
            found = self._find(search, MAX_FOUND if search.each else MAX_SUMMED)
            self._listed |= frozenset(found)
            there = self._read_new(found)
        except AwsError as error:
            stays = "" if known.queues is None else "; the queues that are known stay, and no new one is taken"
            return FoundQueues(known.queues, f"{as_clause(str(error))}{stays}")
        dead = self._find_targets(found)
        return FoundQueues(tuple(queue for queue in there if split_queue(queue) not in dead))

    def _read_new(self, found: Sequence[str]) -> list[str]:
        """Read how new queues are set up, and return all that are there.

        One that a person has to mend is taken all the same, so that it is told where it belongs. Raises AwsError for
        what passes: who knows whether a queue that was not read has another one of the new ones for its dead letters.
        """
        due = [queue for queue in found if self._traits.is_due(queue)]
        if not due:
            return list(found)
        with ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="queue search") as threads:
            failed = {
                queue: error for queue, error in zip(due, threads.map(self._try_to_read, due), strict=True) if error
            }
        for queue, error in failed.items():
            if error.fault not in FOR_A_PERSON and self._traits.find(queue) is None:
                raise error
        return [queue for queue in found if queue not in failed or failed[queue].fault is not Fault.MISSING]

    def _try_to_read(self, queue: str) -> AwsError | None:
        try:
            self._read_traits(queue)
        except AwsError as error:
            return error
        return None

    def _find_targets(self, queues: Iterable[str]) -> set[tuple[str, str]]:
        """Return account and name of the dead-letter queues of these queues, as far as known."""
        traits = (self._traits.find(queue) for queue in queues)
        return {split_queue(each.dead_letter_queue) for each in traits if each is not None and each.dead_letter_queue}


def search_with(clients: Clients, traits: TraitsKnown) -> Searches:
    """Return what looks for queues in AWS; ``traits`` learn how those are set up."""
    return Searches(partial(find_queues, clients), lambda queue: Queue(clients, queue, traits).read_traits(), traits)
