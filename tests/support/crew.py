"""A crew: several controllers of one ECS service, as real processes, that share nine scalers."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from controller.core.sharding import find_owner
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import CREDENTIALS, SOON, Daemon, Document, configuration, end, launch, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws, TaskView

SERVICE = "ecs-queue-controller"
QUEUES = tuple(f"queue-{number}" for number in range(9))
LOOKS_OFTEN = ("controller.daemon.shard:LOOK_EVERY=1",)
"""For its peers, not every 10 s."""
MESSAGES = 20
"""In each queue: two calls of ten tasks."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A controller of the crew."""

    daemon: Daemon
    task: TaskView

    @property
    def owned(self) -> list[str]:
        """The scalers that it looks after, by its own word; none while it does not answer."""
        return [each["name"] for each in self.daemon.status()["scalers"]]


@dataclass
class Crew:
    """Controllers of one service, on one configuration."""

    aws: EmbeddedAws
    cluster: str
    template: str
    directory: Path
    ending: ExitStack
    members: list[Member] = field(default_factory=list)
    further: dict[str, Any] = field(default_factory=dict)
    """Further keys of the configuration."""

    def enlist(self, number: int) -> list[TaskView]:
        """Let ECS start so many tasks, to each of which a scaler will belong; to the first of them most."""
        services = self.aws.services
        while True:
            tasks = [services.start(SERVICE, cluster=self.cluster, definition=self.template) for _ in range(number)]
            owners = Counter(find_owner(name, [task.arn for task in tasks]) for name in QUEUES)
            if len(owners) == number:
                return sorted(tasks, key=lambda task: -owners[task.arn])
            for task in tasks:
                services.stop(task.arn)

    def start(self, number: int) -> list[Member]:
        """Start so many; the first has the most scalers."""
        return [self.run(task) for task in self.enlist(number)]

    def wanted(self, *names: str) -> Document:
        """Return the configuration that all have, with scalers for these queues."""
        scalers = [
            scaler(
                name,
                self.template,
                cluster=self.cluster,
                cooldown={"launch": "3s", "fall": "10m"},
                max_containers=2 * MESSAGES,
                task_max_containers_per_task=1,
            )
            for name in names
        ]
        wanted = configuration(self.aws, *scalers, **self.further)
        wanted["aws"] |= {"launch_rate": {"tasks_per_second": 1000, "burst": 1000}}
        return wanted

    def run(self, task: TaskView, within: Sequence[str] = (), shard: str = "auto") -> Member:
        """Start the controller that a task is."""
        directory = self.directory / task.id
        directory.mkdir()
        variables = CREDENTIALS | {"ECS_CONTAINER_METADATA_URI_V4": task.containers[0].metadata_uri}
        wanted, sharing = self.wanted(*QUEUES), ("--shard", shard)
        daemon = launch(directory, wanted, *sharing, variables=variables, within=within, hurry=LOOKS_OFTEN)
        self.ending.callback(end, daemon.process)
        self.members.append(member := Member(daemon, task))
        return member

    def share(self, *members: Member) -> None:
        """Wait until these have every scaler, and none of them has one that another has."""
        for member in members:
            eventually(lambda member=member: member.daemon.events("started"), within=SOON)
        eventually(lambda: self._is_shared([member.owned for member in members]), within=SOON, every=0.2)

    @staticmethod
    def _is_shared(owned: list[list[str]]) -> bool:
        return sorted(QUEUES) == sorted(chain(*owned))

    def burst(self) -> None:
        """Send messages to all queues."""
        for name in QUEUES:
            send_messages(self.aws, self.aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"], MESSAGES)

    def launched(self) -> Counter[str]:
        """Return how many workers were started by scaler, all of which still live."""
        return Counter(task.group for task in self.aws.ecs.tasks(self.cluster) if task.group in QUEUES)

    def settle(self, *members: Member) -> None:
        """Wait until these find that each scaler has what it should, and make sure that none has more."""
        for member in members:
            eventually(lambda member=member: _is_satisfied(member), within=SOON, every=0.2)
        assert dict.fromkeys(QUEUES, MESSAGES) == self.launched()


def _is_satisfied(member: Member) -> bool:
    decisions = [each["last_decision"] for each in member.daemon.status()["scalers"]]
    return all(last and (last["reason"], last["live"]) == ("satisfied", MESSAGES) for last in decisions)


@contextmanager
def gather(aws: EmbeddedAws, directory: Path) -> Iterator[Crew]:
    """Give a crew without anybody in it; at its end all are gone."""
    cluster = create_cluster(aws, "main")
    for name in QUEUES:
        create_queue(aws, name)
    with ExitStack() as ending:
        yield Crew(aws, cluster, register_template(aws, "worker"), directory, ending)
        aws.disturbances.clear()


def hold_a_call_of(crew: Crew, member: Member) -> None:
    """Let the first launch of a member start its tasks and not be answered, in the middle of a burst of all."""
    mine = frozenset(member.owned)
    crew.aws.disturbances.add(
        Disturbance("ecs", "RunTask", "slow_answer", delay=600, where=lambda asked: asked["group"] in mine)
    )
    crew.burst()
    eventually(lambda: crew.launched().keys() & mine, within=SOON)
