"""Attendants: which containers of a running task serve its worker, for a scaler that names no container.

DescribeTasks does not tell a log router or a proxy from a worker; the task definition does.
"""

from __future__ import annotations

from controller.aws.errors import AwsError
from controller.aws.session import Clients
from controller.core.copies.template import find_attendants


class Attendants:
    """The log routers and proxies of the task definitions of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, frozenset[str]] = {}
        """By ARN of the revision, which never changes: each is described once."""

    def find(self, definition: str) -> frozenset[str]:
        """Return the names of the log router and the proxy of a revision, by its ARN; none if it cannot be read now."""
        if definition not in self._known:
            try:
                with self._clients.asking(f'task definition "{definition}"', None):
                    answer = self._clients.ecs().describe_task_definition(taskDefinition=definition)
                    self._known[definition] = find_attendants(answer["taskDefinition"])
            except AwsError:
                # Then all its containers count as workers, which is never too few, and the next look asks again.
                return frozenset()
        return self._known[definition]
