"""Several controllers that share their scalers: real processes, which ECS knows as tasks of one service."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from controller.core.sharding import find_owner
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_cluster, create_queue, eventually, register_template, run_tasks, send_messages
from tests.support.daemon import CLIENT, CREDENTIALS, SOON, Daemon, configuration, end, launch, scaler
from tests.support.namespace import namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws, TaskView

SERVICE = "ecs-queue-controller"
QUEUES = tuple(f"queue-{number}" for number in range(9))
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
        """Let ECS start so many tasks; the first is the one that most scalers will belong to."""
        start = self.aws.services.start
        tasks = [start(SERVICE, cluster=self.cluster, definition=self.template) for _ in range(number)]
        owners = Counter(find_owner(name, [task.arn for task in tasks]) for name in QUEUES)
        return sorted(tasks, key=lambda task: -owners[task.arn])

    def start(self, number: int) -> list[Member]:
        """Start so many; the first has the most scalers."""
        return [self.run(task) for task in self.enlist(number)]

    def run(self, task: TaskView, within: Sequence[str] = (), shard: str = "auto") -> Member:
        """Start the controller that a task is."""
        scalers = [
            scaler(
                name,
                self.template,
                cluster=self.cluster,
                cooldown={"launch": "3s", "fall": "10m"},
                max_containers=2 * MESSAGES,
                task_max_containers_per_task=1,
            )
            for name in QUEUES
        ]
        wanted = configuration(self.aws, *scalers, **self.further)
        wanted["aws"] |= {"launch_rate": {"tasks_per_second": 1000, "burst": 1000}}
        directory = self.directory / task.id
        directory.mkdir()
        variables = CREDENTIALS | {"ECS_CONTAINER_METADATA_URI_V4": task.containers[0].metadata_uri}
        daemon = launch(directory, wanted, "--shard", shard, variables=variables, within=within)
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


@pytest.fixture
def crew(aws: EmbeddedAws, tmp_path: Path) -> Iterator[Crew]:
    """Give a crew without anybody in it; at its end all are gone."""
    cluster = create_cluster(aws, "main")
    for name in QUEUES:
        create_queue(aws, name)
    with ExitStack() as ending:
        yield Crew(aws, cluster, register_template(aws, "worker"), tmp_path, ending)
        aws.disturbances.clear()


def hold_a_call_of(crew: Crew, member: Member) -> None:
    """Let the first launch of a member start its tasks and not be answered, in the middle of a burst of all."""
    mine = frozenset(member.owned)
    crew.aws.disturbances.add(
        Disturbance("ecs", "RunTask", "slow_answer", delay=600, where=lambda asked: asked["group"] in mine)
    )
    crew.burst()
    eventually(lambda: crew.launched().keys() & mine, within=SOON)


def test_one_that_is_killed_is_replaced_by_the_others(crew: Crew) -> None:
    """Three share the scalers, each has one owner; those of the one that is gone are finished by the other two."""
    first, second, third = crew.start(3)
    crew.share(first, second, third)
    shards = [member.daemon.status()["shard"] for member in (first, second, third)]
    assert [1, 2, 3] == sorted(shard["index"] for shard in shards)
    assert [(3, len(member.owned), None) for member in crew.members] == [
        (shard["of"], shard["owned"], shard["problem"]) for shard in shards
    ]
    lost = frozenset(first.owned)
    kept = {member: member.owned for member in (second, third)}
    hold_a_call_of(crew, first)
    first.daemon.process.kill()
    crew.aws.services.stop(first.task.arn)
    crew.share(second, third)
    assert all(set(kept[member]) <= set(member.owned) for member in kept)
    crew.settle(second, third)
    told = [line for member in kept for line in member.daemon.events("scalers shared", of=2)]
    assert len(lost) == sum(line["taken_over"] for line in told)
    assert 9 == sum(member.daemon.sample("scalers_owned") or 0 for member in kept)
    assert [9, 9] == [member.daemon.sample("scalers_configured") for member in kept]
    assert [(200, "ok\n")] * 4 == [member.daemon.get(path) for member in kept for path in ("/readyz", "/healthz")]


def test_one_that_stands_still_and_goes_on_launches_nothing_twice(crew: Crew) -> None:
    """ECS calls it unhealthy, so the others take over; when it goes on, it takes back what it had."""
    first, second, third = crew.start(3)
    crew.share(first, second, third)
    had = sorted(first.owned)
    hold_a_call_of(crew, first)
    first.daemon.process.send_signal(signal.SIGSTOP)
    crew.aws.services.judge(first.task.arn, "UNHEALTHY")
    crew.aws.disturbances.clear()
    crew.share(second, third)
    crew.settle(second, third)
    first.daemon.process.send_signal(signal.SIGCONT)
    crew.aws.services.judge(first.task.arn, "HEALTHY")
    crew.share(first, second, third)
    assert had == sorted(first.owned)
    crew.settle(first, second, third)


def test_one_that_is_cut_off_launches_nothing_twice(crew: Crew, tmp_path: Path) -> None:
    """It holds, and keeps to the peers that it knew; the others take over once ECS calls it unhealthy."""
    port = int(crew.aws.url.rpartition(":")[2])
    with namespace(tmp_path, port) as cut:
        far, *near = crew.enlist(3)
        third, first, second = crew.run(far, cut.within), *map(crew.run, near)
        eventually(lambda: third.daemon.events("scalers shared", of=3), within=SOON)
        eventually(lambda: second.daemon.events("started"), within=SOON)
        crew.burst()
        eventually(crew.launched, within=SOON)
        cut.cut_off()
        crew.aws.services.judge(third.task.arn, "UNHEALTHY")
        crew.share(first, second)
        crew.settle(first, second)
        eventually(lambda: third.daemon.events("other controllers not found", text="those known stay"), within=SOON)
        cut.connect()
        crew.aws.services.judge(third.task.arn, "HEALTHY")
        eventually(lambda: len(first.owned) + len(second.owned) < len(QUEUES), within=SOON, every=0.2)
        crew.settle(first, second)
        end(third.daemon.process)


def test_a_rolling_deployment_launches_nothing_twice(crew: Crew) -> None:
    """New ones come, then the old ones are told to stop, each in the middle of a burst."""
    old = crew.start(2)
    crew.share(*old)
    crew.burst()
    eventually(crew.launched, within=SOON)
    new = crew.start(2)
    for member in new:
        eventually(lambda member=member: member.daemon.events("started"), within=SOON)
    for member in old:
        crew.aws.services.stop(member.task.arn)
        assert 0 == member.daemon.stop()
    crew.share(*new)
    crew.settle(*new)


def most_live(crew: Crew) -> int:
    """Return the most workers that have lived at the same time."""
    lives = [(task.created_at, task.stopped_at) for task in crew.aws.ecs.tasks(crew.cluster) if task.group in QUEUES]
    return max(sum(born <= at and (end is None or at < end) for born, end in lives) for at, _ in lives)


def test_a_budget_is_divided_and_never_passed(crew: Crew) -> None:
    """Each launches its share. When one is gone, the others launch what the budget has left beside its workers."""
    crew.further["budget"] = {"max_containers": 30}
    first, second, third = crew.start(3)
    crew.share(first, second, third)
    crew.burst()
    eventually(lambda: crew.launched().total() == 30, within=SOON, every=0.2)
    assert {10} == {sum(crew.launched()[name] for name in member.owned) for member in crew.members}
    lost = frozenset(first.owned)
    first.daemon.process.kill()
    crew.aws.services.stop(first.task.arn)
    crew.share(second, third)
    held = [task for task in crew.aws.ecs.tasks(crew.cluster) if task.group in lost]
    eventually(lambda: _is_held(second) and _is_held(third), within=SOON, every=0.2)
    assert 30 == crew.launched().total()
    for task in held[:6]:
        crew.aws.ecs.exit_container(task.arn, "worker", 0)
    eventually(lambda: crew.launched().total() == 36, within=SOON, every=0.2)
    eventually(lambda: _is_held(second) and _is_held(third), within=SOON, every=0.2)
    assert (36, 30) == (crew.launched().total(), most_live(crew))


def _is_held(member: Member) -> bool:
    """Say whether all that a member has to launch is held by its share of the budget, the slot after a change over."""
    lasts = [each["last_decision"] or {} for each in member.daemon.status()["scalers"]]
    short = [each for each in lasts if each.get("reason") != "satisfied"]
    return all("share of 15 of the budget of 30 containers" in each.get("text", "") for each in short)


def test_numbered_controllers_share_without_asking_ecs(crew: Crew) -> None:
    """Outside ECS each is told which of how many it is."""
    tasks = crew.enlist(2)
    members = [crew.run(task, shard=f"{number}/2") for number, task in enumerate(tasks, 1)]
    crew.share(*members)
    shards = [{key: member.daemon.status()["shard"][key] for key in ("index", "of")} for member in members]
    assert [{"index": 1, "of": 2}, {"index": 2, "of": 2}] == shards
    assert [] == [call for call in crew.aws.journal.calls("ecs", "ListTasks") if "serviceName" in call.parameters]


def test_one_without_peers_owns_nothing_and_says_why(crew: Crew) -> None:
    """Its task is of no service: it polls nothing, is not ready, and names what to do."""
    [arn] = run_tasks(crew.aws, crew.cluster, crew.template)
    member = crew.run(crew.aws.ecs.task(arn))
    eventually(lambda: member.daemon.events("other controllers not found"), within=SOON)
    eventually(lambda: member.daemon.events("started"), within=SOON)
    assert (503, "not observed yet: the other controllers\n") == member.daemon.get("/readyz")
    assert (200, "ok\n") == member.daemon.get("/healthz")
    status = member.daemon.status()
    assert ([], None, 0) == (status["scalers"], status["shard"]["of"], status["shard"]["owned"])
    assert "give each controller its number instead" in status["shard"]["problem"]
    assert 0 == crew.aws.journal.count("sqs", "GetQueueAttributes", client=CLIENT)
