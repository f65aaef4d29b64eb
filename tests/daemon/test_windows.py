"""Who is woken when a time window opens or closes, and when that is looked for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import Reason
from controller.core.decision.timetable import Changes, TimeWindow
from controller.daemon.chores import SHORTEST, Chores
from controller.daemon.windows import LOOK_EVERY, Windows
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.core.decision.windows import Every, window
from tests.daemon.test_clock_steps import Stepped
from tests.daemon.test_schedule import polls, schedule_on
from tests.support.aws import create_queue, eventually, unique
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import controller_spec, scaler_spec
from tests.support.daemon import SOON, configuration, running, scaler
from tests.support.scene import NOW, Scene, build
from tests.support.steps import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene."""
    return build(own, dry_run=False)


def scheduled(scene: Scene, name: str, *schedule: TimeWindow) -> Whole:
    """Return a scaler with a schedule."""
    return Whole(replace(scene.spec(name=name), schedule=schedule), scene.services)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [([], LOOK_EVERY), ([30.0], 30.0), ([30.0, 20.0], 20.0), ([900.0], LOOK_EVERY)],
    ids=["none", "one", "two", "far away"],
)
def test_when_it_looks_next(scene: Scene, edges: list[float], expected: float) -> None:
    """At the first edge of any scaler, and after a minute in any case."""
    scalers = [scene.scaler(name="plain"), *(scheduled(scene, f"s{at}", window(NOW + at)) for at in edges)]
    assert NOW + expected == Windows(lambda: {each.spec.name: each for each in scalers}, print).find_next(NOW)


def test_to_look_again_no_far_edge_is_found(scene: Scene) -> None:
    """It comes for all scalers every minute: of an entry that begins again as it ends the next edge will do."""
    always = scheduled(scene, "always", TimeWindow(Every(30.0), 30.0, Changes(paused=True)))
    assert NOW // 30.0 * 30.0 + 30.0 == Windows(lambda: {"always": always}, print).find_next(NOW)


def test_who_is_woken(scene: Scene) -> None:
    """Who has decided by another window than is in force, until it has decided again."""
    opens, other, plain = (
        scheduled(scene, "opens", window(NOW + 60, lasts=30.0, max_containers=7)),
        scheduled(scene, "other", window(NOW + 600)),
        scene.scaler(name="plain"),
    )
    scalers, woken = (opens, other, plain), list[Reconciler]()
    windows = Windows(lambda: {each.spec.name: each for each in scalers}, woken.append)
    for each in scalers:
        each.reconcile()
    windows.look()
    assert [] == woken
    scene.clock.now += 60
    windows.look()
    windows.look()
    assert [opens, opens] == woken
    assert opens.series.policy is not None
    assert 7 == opens.series.policy.max_containers
    opens.reconcile()
    windows.look()
    assert [opens, opens] == woken


def test_a_chore_at_moments_that_are_found() -> None:
    """It is done at each, and never twice at one, though whoever finds them names now or the past."""
    chores, done, began = Chores(), list[float](), time()
    chores.at(lambda now: now - 10, lambda: done.append(time()))
    chores.start()
    try:
        eventually(lambda: len(done) >= 3, within=SOON)
    finally:
        chores.stop()
    assert began < done[0]
    assert SHORTEST == timedelta(milliseconds=1)


def test_a_woken_scaler_is_polled_at_once(aws: EmbeddedAws, cluster: str) -> None:
    """Though its interval is an hour; and then at the interval of the window that has opened."""
    name = create_queue(aws, unique("woken")).name
    ahead = [0.0]
    clock = replace(MACHINE_CLOCK, now=lambda: time() + ahead[0])
    spec = scaler_spec(cluster, "worker", queue=name, name=name, poll_interval=3600, paused=True)
    spec = replace(spec, schedule=(window(time() + 500_000, lasts=900_000, poll_interval=1.0),))
    reconciler = Reconciler(spec, connect(controller_spec(aws), clock, dry_run=True))
    schedule = schedule_on(aws)
    schedule.start()
    try:
        schedule.add(reconciler, 0)
        eventually(lambda: reconciler.last is not None, within=SOON)
        ahead[0] = 600_000.0
        Windows(lambda: {name: reconciler}, schedule.wake).look()
        eventually(lambda: polls(aws, reconciler) >= 3, within=SOON)
    finally:
        schedule.stop()
    assert not reconciler.in_force.has_changed


def at_hand(*, hours: int) -> str:
    """Return a cron expression of a minute so many hours from now, in UTC."""
    return f"{datetime.now(UTC) + timedelta(hours=hours):%-M %-H * * *}"


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_a_daemon_whose_clock_steps_into_a_window(
    aws: EmbeddedAws, tmp_path: Path, cluster: str, template: str
) -> None:
    """It is polled although its interval is an hour, and ``/status`` and the metrics say which window is in force."""
    create_queue(aws, "orders")
    entry = {"cron": at_hand(hours=5), "for": "2h", "paused": True, "poll_interval": "1s"}
    orders = scaler("orders", template, cluster=cluster, poll_interval="1h", schedule=[entry])
    stepped = Stepped(aws, tmp_path)
    with running(tmp_path, configuration(aws, orders), variables=stepped.variables) as daemon:
        eventually(lambda: daemon.decisions("orders", reason="idle"), within=SOON)
        assert (None, 0) == (
            daemon.scaler("orders")["schedule"]["entry"],
            daemon.scaler("orders")["schedule"]["next_entry"],
        )
        stepped.step(6 * 3600)
        eventually(lambda: daemon.decisions("orders", reason="paused_by_schedule"), within=SOON)
        seen = daemon.scaler("orders")
        assert (0, True, {"paused": True, "poll_interval": 1.0}) == (
            seen["schedule"]["entry"],
            seen["paused"],
            seen["schedule"]["sets"],
        )
        assert ["schedule", seen["schedule"]["text"]] == seen["explanation"][0]
        assert seen["schedule"]["text"] in daemon.get("/scalers/orders")[1]
        assert stepped.goes_on()
        stepped.step(0)
        eventually(lambda: daemon.last("orders")["reason"] == Reason.IDLE, within=SOON)
        assert 0 == daemon.stop()
