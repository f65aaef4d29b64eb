"""Several controllers that share their scalers: real processes, which ECS knows as tasks of one service."""

from __future__ import annotations

import signal
from itertools import chain
from typing import TYPE_CHECKING

from tests.support.aws import eventually, run_tasks
from tests.support.crew import QUEUES, hold_a_call_of
from tests.support.daemon import CLIENT, SOON

if TYPE_CHECKING:
    from tests.support.crew import Crew


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


def test_numbered_controllers_share_without_asking_ecs(crew: Crew) -> None:
    """Outside ECS each is told which of how many it is; a reload gives what it adds to one of them."""
    tasks = crew.enlist(2)
    members = [crew.run(task, shard=f"{number}/2") for number, task in enumerate(tasks, 1)]
    crew.share(*members)
    shards = [{key: member.daemon.status()["shard"][key] for key in ("index", "of")} for member in members]
    assert [{"index": 1, "of": 2}, {"index": 2, "of": 2}] == shards
    assert [] == [call for call in crew.aws.journal.calls("ecs", "ListTasks") if "serviceName" in call.parameters]
    before = [set(member.owned) for member in members]
    for member in members:
        member.daemon.reload(crew.wanted(*QUEUES[1:], "added"))
    after = [set(member.owned) for member in members]
    assert sorted([*QUEUES[1:], "added"]) == sorted(chain(*after))
    assert [owned - {QUEUES[0]} for owned in before] == [owned - {"added"} for owned in after]


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
