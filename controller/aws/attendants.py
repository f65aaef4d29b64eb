"""Attendants: which containers of a running task serve its worker, for a scaler that names no container.

DescribeTasks does not tell a log router or a proxy from a worker; the task definition does.
"""

from __future__ import annotations

from controller.aws.descriptions import FindAttendants
from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.aws.session import Clients
from controller.core.copies.template import find_attendants


class Attendants:
    """The log routers and proxies of the task definitions of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, frozenset[str]] = {}
        """By ARN of the revision, which never changes: each is described once."""

    def begin_look(self) -> FindAttendants:
        """Begin a look at tasks, and return whom to ask for the attendants of theirs."""
        return _Look(self._clients, self._known).find


class _Look:
    """One look at tasks, in which no revision that cannot be read is asked for twice; others wait for its end."""

    def __init__(self, clients: Clients, known: dict[str, frozenset[str]]) -> None:
        self._clients = clients
        self._known = known
        self._unread: set[str] = set()
        self._may_ask = True
        """False: ECS does not answer now, whatever it is asked for."""

    def find(self, definition: str) -> frozenset[str]:
        """Return the names of the log router and the proxy of a revision, by its ARN; none if it cannot be read now.

        Then all its containers count as workers, which is never too few, and the next look asks again.
        """
        if definition not in self._known and definition not in self._unread and self._may_ask:
            try:
                self._known[definition] = self._read(definition)
            except AwsError as error:
                self._unread.add(definition)
                self._may_ask = error.fault in FOR_A_PERSON
        return self._known.get(definition, frozenset())

    def _read(self, definition: str) -> frozenset[str]:
        with self._clients.asking(f'task definition "{definition}"', None):
            answer = self._clients.ecs().describe_task_definition(taskDefinition=definition)
            return find_attendants(answer["taskDefinition"])
