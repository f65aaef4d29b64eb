"""Several controllers that share their scalers, while some come and go, and with a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.aws import eventually
from tests.support.crew import QUEUES
from tests.support.daemon import SOON, end
from tests.support.namespace import namespace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.crew import Crew, Member


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
