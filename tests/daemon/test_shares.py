"""What one controller makes of its peers: which scalers it keeps, takes and lets go, and what it shares with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.config import OWN
from controller.core.copies.packing import MAX_TASKS_PER_CALL
from controller.core.decision.limits import SIGNATURE_LIFETIME
from controller.core.decision.rate import Rate
from controller.core.sharding import LookedUp, read_numbers
from controller.daemon.contact import REACHED_WITHIN
from controller.daemon.shard import Shard
from controller.sandbox.aws import Disturbance
from controller.scaling.line import Place
from controller.scaling.reconcile import Reconciler
from tests.support.controller import ACCOUNT_RATE, SCALER
from tests.support.scene import NEXT, Scene, build

if TYPE_CHECKING:
    from controller.config import ScalerSpec
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

NAMES = (SCALER, *(f"queue-{number}" for number in range(20)))


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene with messages."""
    made = build(own, dry_run=False)
    made.send(5)
    return made


def start(scene: Scene) -> LookedUp:
    """Let one more controller run; gives where it finds its peers."""
    task = scene.aws.services.start("ecsq", cluster=scene.cluster, definition=scene.template)
    return LookedUp(task.containers[0].metadata_uri)


def shard_of(scene: Scene) -> Shard:
    """Return the shard of a controller that is alone, and has found that out."""
    shard = Shard(start(scene), scene.services, ACCOUNT_RATE, scene.clock.handed_in())
    assert shard.look()
    return shard


def names(chosen: tuple[ScalerSpec, ...]) -> list[str]:
    """Return the scalers' names."""
    return [scaler.name for scaler in chosen]


def leave_in_doubt(scene: Scene, scaler: Reconciler) -> None:
    """Let a launch get no answer until its window has closed."""

    def late(_: object) -> bool:
        scene.clock.now += 20
        return True

    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request", times=None, where=late))
    scaler.reconcile()
    scene.aws.disturbances.clear()


def test_before_the_peers_are_known_nothing_is_its_own(scene: Scene) -> None:
    """A controller that cannot look might poll what all others poll."""
    shard = Shard(LookedUp(f"{scene.aws.url}/v4/nobody"), scene.services, ACCOUNT_RATE, scene.clock.handed_in())
    scalers = [scene.spec(name=name) for name in NAMES]
    assert ((), None, 0) == (shard.choose(scalers, {}), shard.describe(0)["of"], shard.describe(0)["owned"])


def test_one_that_is_alone_has_all_and_gives_part_of_it_up(scene: Scene) -> None:
    """To one that comes; what it lets go of it never touches again."""
    shard, scalers = shard_of(scene), [scene.spec(name=name) for name in NAMES]
    assert list(NAMES) == names(shard.choose(scalers, {}))
    held = {scaler.name: Reconciler(scaler, scene.services) for scaler in scalers}
    start(scene)
    assert (True, False) == (shard.look(), shard.look())
    kept = names(shard.choose(scalers, held))
    assert 0 < len(kept) < len(NAMES)
    assert set(NAMES) - set(kept) == {name for name in NAMES if held[name].waits}


def test_a_scaler_with_containers_in_doubt_is_kept_until_that_is_settled(scene: Scene) -> None:
    """Though it belongs to another controller by now, which has it too."""
    shard, scaler = shard_of(scene), scene.scaler()
    leave_in_doubt(scene, scaler)
    while shard.peers is None or shard.peers.owns(SCALER):
        start(scene)
        shard.look()
    held = {SCALER: scaler}
    assert [SCALER] == names(shard.choose([scaler.spec], held))
    assert (1, False) == (shard.describe(1)["kept"], scaler.waits)
    scene.clock.now = NEXT.start + 60 + SIGNATURE_LIFETIME
    assert [] == names(shard.choose([scaler.spec], held))
    assert (0, True) == (shard.describe(0)["kept"], scaler.waits)


def test_a_look_that_fails_keeps_the_peers_and_says_why(scene: Scene) -> None:
    """The next that does not fail takes that back."""
    shard = shard_of(scene)
    before = shard.peers
    start(scene)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400, code="AccessDeniedException"))
    assert (False, before) == (shard.look(), shard.peers)
    assert "AccessDeniedException" in (shard.describe(0)["problem"] or "")
    assert (True, None, 2) == (shard.look(), shard.describe(0)["problem"], shard.describe(0)["of"])


def test_the_pace_of_launches_is_divided(scene: Scene) -> None:
    """Of an account's burst of 100 one of three has 33."""
    shard = Shard(read_numbers("1/3"), scene.services, ACCOUNT_RATE, scene.clock.handed_in())
    shard.choose([], {})
    many, enough = Place(0, 34), Place(0, 33)
    assert scene.services.lines.of(OWN).ask(many) > 0
    scene.services.lines.of(OWN).leave(many)
    assert 0 == scene.services.lines.of(OWN).ask(enough)


def test_a_part_of_the_pace_gives_a_whole_call(scene: Scene) -> None:
    """However many controllers share a small burst, no call waits for ever."""
    shard = Shard(read_numbers("1/9"), scene.services, Rate(0.9, 10), scene.clock.handed_in())
    shard.choose([], {})
    calls = [Place(0, MAX_TASKS_PER_CALL) for _ in range(2)]
    assert [0.0, 100.0] == pytest.approx([scene.services.lines.of(OWN).ask(call) for call in calls])


def test_any_answer_to_any_of_its_requests_shows_that_aws_is_reached(scene: Scene) -> None:
    """Those of its polls as well as those of its looks."""
    shard, scaler = shard_of(scene), scene.scaler()
    for ask in (scaler.reconcile, shard.look):
        scene.clock.now += REACHED_WITHIN + 1
        assert "neither SQS nor ECS has answered for 3m1s" == shard.find_cut_off([scaler])
        ask()
        assert shard.find_cut_off([scaler]) is None
