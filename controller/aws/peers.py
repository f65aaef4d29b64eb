"""Peers: the other controllers of the same ECS service, as ECS tells of them.

The task metadata endpoint says which task this is, and in which cluster; its ``ServiceName`` is not always there. So
the service is taken from the task's group, which ECS sets to ``service:NAME``. (The pages on the task metadata endpoint
version 4 in the ECS developer guide, and on ``Task`` in the API reference.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.httpsession import URLLib3Session
from botocore.utils import ContainerMetadataFetcher

from controller.aws.answers import read_text, read_texts
from controller.aws.bounded import bound_session
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.core.sharding import Candidate, Peers, choose_live

MAX_PER_CALL = 100
"""Tasks that DescribeTasks takes at most in a call."""
METADATA_WITHIN = 2
"""Seconds in which the task metadata endpoint has to answer as a whole; it is asked three times at most."""
LARGEST_METADATA = 1 << 20
"""Bytes of its answer: a task of ten containers takes some ten thousand."""
_PREFIX = "service:"
_NUMBER_THEM = "give each controller its number instead: --shard 1/3, --shard 2/3, ..."


@dataclass(frozen=True, slots=True)
class _Self:
    """What this task is."""

    arn: str
    cluster: str
    """Name or ARN."""


class PeerLook:
    """Looks for the controllers that share the work with this one."""

    def __init__(self, clients: Clients, metadata_uri: str) -> None:
        """Ask nothing yet; ``metadata_uri`` is what ECS has put into ``ECS_CONTAINER_METADATA_URI_V4``."""
        self._clients = clients
        self._uri = metadata_uri
        session = URLLib3Session(timeout=METADATA_WITHIN)
        bound_session(session, LARGEST_METADATA, METADATA_WITHIN, clients.clock.elapsed)
        self._fetcher = ContainerMetadataFetcher(session)
        self._itself: _Self | None = None
        self._service: str | None = None

    def look(self) -> Peers:
        """Return the controllers that live now. Raises AwsError when that cannot be told.

        What never changes of a task, its cluster and its service, is asked for once.
        """
        itself = self._itself = self._itself or self._find_itself()
        service = self._service = self._service or self._find_service(itself)
        with self._clients.asking(f'the tasks of service "{service}"', None):
            pages = self._clients.ecs().get_paginator("list_tasks")
            listed = [
                arn
                for page in pages.paginate(cluster=itself.cluster, serviceName=service)
                for arn in read_texts(page["taskArns"])
            ]
            live = choose_live(map(_read_candidate, self._describe(itself.cluster, listed)))
        if not live:
            # This one does, so the listing lags, as it does right after a start: nobody would have any scaler by it.
            raise AwsError(Fault.SERVER_ERROR, f'ECS lists no task of service "{service}" that runs, not even this one')
        return Peers(itself.arn, live)

    def _find_itself(self) -> _Self:
        with self._clients.asking("the task metadata endpoint", None):
            told = self._fetcher.retrieve_full_uri(f"{self._uri}/task")
            itself = _Self(read_text(told["TaskARN"]), read_text(told["Cluster"]))
            region = itself.arn.split(":")[3]
        if region != self._clients.region:
            where = f"this task runs in {region} and the queues are in {self._clients.region}"
            raise AwsError(Fault.INVALID, f"{where}, so its peers cannot be found: {_NUMBER_THEM}")
        return itself

    def _find_service(self, itself: _Self) -> str:
        with self._clients.asking("this task", None):
            described = self._describe(itself.cluster, [itself.arn])
            group = next((read_text(task["group"]) for task in described), None)
        if group is None:
            raise AwsError(Fault.SERVER_ERROR, f"ECS does not describe this task, {itself.arn}, yet")
        if not group.startswith(_PREFIX):
            raise AwsError(
                Fault.INVALID, f'this task belongs to no ECS service (its group is "{group}"): {_NUMBER_THEM}'
            )
        return group.removeprefix(_PREFIX)

    def _describe(self, cluster: str, arns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for first in range(0, len(arns), MAX_PER_CALL):
            batch = arns[first : first + MAX_PER_CALL]
            yield from self._clients.ecs().describe_tasks(cluster=cluster, tasks=batch)["tasks"]


def _read_candidate(task: Mapping[str, Any]) -> Candidate:
    """Return a described task; without a health it counts as healthy, as one does that has no health check."""
    return Candidate(read_text(task["taskArn"]), read_text(task["lastStatus"]), task.get("healthStatus") or "UNKNOWN")
