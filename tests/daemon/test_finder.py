"""Scalers that come and go with their queues, as a process and step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from controller.config import QueueSearch, ScalerSpec
from controller.core.decision.model import Reason
from controller.daemon.finder import Finder
from controller.sandbox.aws import Disturbance
from controller.telemetry.found import Found
from tests.support.aws import create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, configuration, running, scaler
from tests.support.scene import Scene, build, last
from tests.support.steps import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.reconcile import Reconciler
    from tests.support.clock import ManualClock

HURRY = ("controller.daemon.finder:LOOK_EVERY=0.5",)
EACH = QueueSearch("tenant-", (), each=True)


def tenants(template: str, cluster: str, **members: Any) -> dict[str, Any]:
    """Return a scaler for each queue of a tenant, whose worker is told its queue."""
    search = {"prefix": "tenant-", "each": True}
    return scaler("video", template, cluster=cluster, queues=search, queue_env="QUEUE_URL", **members)


def test_a_queue_gets_a_scaler_and_takes_it_along(aws: EmbeddedAws, tmp_path: Path, cluster: str) -> None:
    """Without a reload; its worker knows its queue, and while one lives the scaler stays, though its queue is gone."""
    document = configuration(aws, tenants(register_template(aws), cluster), budget={"max_containers": 5})
    with running(tmp_path, document, hurry=HURRY) as daemon:
        eventually(lambda: daemon.status()["searches"][0]["queues"] == 0, within=SOON)
        queue = create_queue(aws, "tenant-a")
        send_messages(aws, queue.url, 1)
        eventually(lambda: daemon.scaler("video.tenant-a").get("last_launch"), within=SOON)
        (call,) = aws.journal.calls("ecs", "RunTask")
        (override,) = call.parameters["overrides"]["containerOverrides"]
        assert [{"name": "QUEUE_URL", "value": queue.url}] == override["environment"]
        assert "video.tenant-a" == call.parameters["group"]
        assert 200 == daemon.get("/scalers/video.tenant-a")[0]
        aws.client("sqs").delete_queue(QueueUrl=queue.url)
        eventually(lambda: daemon.status()["searches"][0]["queues"] == 0, within=SOON)
        eventually(lambda: daemon.scaler("video.tenant-a")["queue"] is None, within=SOON)
        assert 1 == len(daemon.scaler("video.tenant-a")["tasks"])
        (task,) = daemon.scaler("video.tenant-a")["tasks"]
        aws.ecs.exit_container(task["arn"], "worker", 0)
        eventually(lambda: not daemon.scaler("video.tenant-a"), within=SOON)
        assert 0.0 == daemon.sample("found_queues", scaler="video")
        assert "video.tenant-a" not in daemon.scalers_with_series()


def test_all_controllers_derive_the_same_names(aws: EmbeddedAws, tmp_path: Path, cluster: str) -> None:
    """Two that share the scalers have each of those that were found once."""
    document = configuration(aws, tenants(register_template(aws), cluster, paused=True), budget={"max_containers": 5})
    wanted = {f"video.tenant-{number}" for number in range(6)}
    for number in range(6):
        create_queue(aws, f"tenant-{number}")
    found: list[set[str]] = []
    for share in ("1/2", "2/2"):
        directory = tmp_path / share.replace("/", "-")
        directory.mkdir()
        with running(directory, document, "--shard", share, hurry=HURRY) as daemon:
            eventually(lambda: daemon.status()["searches"][0]["queues"] == 6, within=SOON)
            eventually(lambda: daemon.status()["scalers"], within=SOON)
            found.append({each["name"] for each in daemon.status()["scalers"]})
    assert wanted == found[0] | found[1]
    assert set() == found[0] & found[1]


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene at a moment within a slot's window."""
    return build(own, dry_run=False)


def block_of(scene: Scene, search: QueueSearch = EACH, **changes: Any) -> ScalerSpec:
    """Return a scaler that looks for its queues."""
    return replace(scene.spec(name="video", **changes), queues=(), search=search, unfound="not yet", queue_key="queues")


class Held:
    """What runs, brought in line with what was found as the daemon does it."""

    def __init__(self, scene: Scene, *blocks: ScalerSpec) -> None:
        self.scene = scene
        self.blocks = blocks
        self.finder = Finder(scene.services, scene.services.clock)
        self.scalers: dict[str, Reconciler] = {}
        self.share()

    def share(self) -> None:
        """Bring the reconcilers in line."""
        chosen = {spec.name: spec for spec in self.finder.choose(self.blocks, self.scalers)}
        for name in self.scalers.keys() - chosen.keys():
            self.scalers.pop(name).retire()
        for name, spec in chosen.items():
            if name in self.scalers:
                self.scalers[name].configure(spec)
            else:
                self.scalers[name] = Whole(spec, self.scene.services)

    def look(self) -> None:
        """Look for queues once."""
        self.finder.look(self.share)


def test_a_scaler_without_its_queue_stays_as_long_as_something_lives(scene: Scene) -> None:
    """It holds as one with nothing to do, sees its tasks to their end, and is gone with the look after that."""
    queue = create_queue(scene.aws, "tenant-a")
    send_messages(scene.aws, queue.url, 1)
    held = Held(scene, block_of(scene))
    held.look()
    departing = held.scalers["video.tenant-a"]
    assert isinstance(departing, Whole)
    departing.reconcile()
    launch = last(departing).launch
    assert launch is not None
    (arn,) = launch.arns
    scene.aws.client("sqs").delete_queue(QueueUrl=queue.url)
    held.look()
    scene.clock.now += 60
    departing.reconcile()
    decision = last(departing).decision
    assert decision.queue is not None
    assert (None, 0, 0, 1) == (last(departing).problem, decision.queue.visible, decision.launch, len(departing.tasks))
    held.look()
    assert departing is held.scalers["video.tenant-a"]
    scene.aws.ecs.exit_container(arn, "worker", 0)
    scene.clock.now += 60
    departing.reconcile()
    held.look()
    assert {} == held.scalers


def test_a_queue_that_comes_back_has_its_scaler_again(scene: Scene) -> None:
    """The same one, with all that it remembers."""
    create_queue(scene.aws, "tenant-a")
    held = Held(scene, block_of(scene))
    held.look()
    before = held.scalers["video.tenant-a"]
    url = before.spec.queues[0]
    scene.aws.client("sqs").delete_queue(QueueUrl=url)
    held.look()
    assert () == held.scalers["video.tenant-a"].spec.queues
    create_queue(scene.aws, "tenant-a")
    held.look()
    assert (before, (url,)) == (held.scalers["video.tenant-a"], before.spec.queues)


def test_a_search_that_fails_takes_nothing_away(scene: Scene) -> None:
    """It is said once, with the time of the last whole look; a sum goes on with the queues that it knows."""
    create_queue(scene.aws, "tenant-a")
    held = Held(scene, block_of(scene, replace(EACH, each=False)))
    held.look()
    broken = Disturbance("sqs", "ListQueues", "error", status=403, code="AccessDenied", times=None)
    scene.aws.disturbances.add(broken)
    began = scene.clock.now
    scene.clock.now += 60
    with capture_logs() as logged:
        held.look()
        held.look()
    assert ["queues not found"] == [line["event"] for line in logged if line["log_level"] == "warning"]
    (told,) = held.finder.describe()
    assert (1, True) == (told["queues"], "sqs:ListQueues" in str(told["problem"]))
    assert {"video": Found(1, began)} == scene.services.metrics.searches.found
    assert 1 == len(held.scalers["video"].spec.queues)
    scene.aws.disturbances.clear()


def test_a_sum_of_queues_that_were_never_found_is_unknown(scene: Scene) -> None:
    """Not ready, nothing launched, and why is said; found to be none, it is zero."""
    scene.aws.disturbances.add(Disturbance("sqs", "ListQueues", "error", status=500, code="InternalError", times=None))
    held = Held(scene, block_of(scene, replace(EACH, each=False)))
    whole = held.scalers["video"]
    assert isinstance(whole, Whole)
    assert ["the queues of video"] == held.finder.list_unknown()
    whole.reconcile()
    assert Reason.UNKNOWN_BACKLOG == last(whole).decision.reason
    held.look()
    whole.reconcile()
    assert "InternalError" in str(last(whole).problem)
    scene.aws.disturbances.clear()
    held.look()
    whole.reconcile()
    assert (Reason.IDLE, None) == (last(whole).decision.reason, last(whole).problem)
    assert [] == held.finder.list_unknown()


def test_a_reload_that_looks_for_other_queues_keeps_those_it_has_until_it_knows(scene: Scene) -> None:
    """Nobody knows yet that they are gone."""
    create_queue(scene.aws, "tenant-a")
    held = Held(scene, block_of(scene))
    held.look()
    before = held.scalers["video.tenant-a"].spec
    held.blocks = (block_of(scene, replace(EACH, prefix="ten")),)
    held.share()
    assert before == held.scalers["video.tenant-a"].spec
    held.look()
    assert before == held.scalers["video.tenant-a"].spec
    held.blocks = ()
    held.share()
    assert {} == held.scalers


def test_a_reload_that_looks_for_other_queues_holds_for_those_that_are_kept(scene: Scene) -> None:
    """A pause and a lower maximum count at once, though nobody can tell which queues there are now."""
    queue = create_queue(scene.aws, "tenant-a")
    held = Held(scene, block_of(scene))
    held.look()
    held.blocks = (block_of(scene, replace(EACH, prefix="ten"), max_containers=2),)
    held.share()
    kept = held.scalers["video.tenant-a"]
    assert ((queue.url,), 2) == (kept.spec.queues, kept.policy.max_containers)
