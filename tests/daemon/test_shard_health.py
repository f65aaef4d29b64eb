"""A controller that is cut off, by a clock that the test moves."""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from controller.config import ServerSpec
from controller.config.kept import Kept, KeptFile
from controller.config.pins import Pins
from controller.core.sharding import Peers, read_numbers
from controller.daemon.app import Controller
from controller.daemon.contact import REACHED_WITHIN, READ_WITHIN
from controller.daemon.first import FirstReading
from controller.daemon.reload import KeptConfiguration
from controller.daemon.signals import Signals
from tests.support.aws import eventually
from tests.support.clock import ManualClock
from tests.support.controller import NOBODY_LISTENS
from tests.support.daemon import SOON, free_port
from tests.support.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

CONFIGURATION = """
aws: {{region: us-east-1, endpoint_url: "{}"}}
server: {{host: 127.0.0.1, port: 0}}
scalers:
  - name: orders
    queue: orders
    demand: {{messages_per_container: 1}}
    task: {{definition: worker, subnets: [subnet-0a1b2c3d]}}
"""
WELL = (200, "ok\n")


def write(directory: Path, endpoint: str) -> Path:
    """Write a configuration of one scaler."""
    path = directory / "config.yaml"
    path.write_text(CONFIGURATION.format(endpoint), encoding="utf-8")
    return path


@contextmanager
def served(kept: Kept, clock: ManualClock, peers: Peers | None) -> Iterator[Controller]:
    """Run a controller in this process; its loop looks every second at the clock, which stands still."""
    handed_in = clock.handed_in()
    controller = Controller(KeptConfiguration(kept, handed_in.now), handed_in, peers, dry_run=False)
    controller.start(watch=True, alive=False)
    try:
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)
        yield controller
    finally:
        controller.stop()


def ask(controller: Controller, path: str) -> tuple[int, str]:
    """Return the status and the body of a controller's page; nothing before it is served."""
    return fetch(controller.address, path)


def fetch(address: tuple[str, int], path: str) -> tuple[int, str]:
    """Return the status and the body of the page at an address; nothing before it is served."""
    connection = HTTPConnection(*address, timeout=SOON)
    with closing(connection), suppress(OSError, HTTPException):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return 0, ""


def test_one_that_shares_and_reaches_nobody_is_red(tmp_path: Path, clock: ManualClock) -> None:
    """ECS then replaces it, and another has its scalers meanwhile."""
    with served(KeptFile(write(tmp_path, NOBODY_LISTENS)), clock, read_numbers("1/1")) as controller:
        clock.now += REACHED_WITHIN + 1
        red = (503, "neither SQS nor ECS has answered for 3m1s\n")
        eventually(lambda: ask(controller, "/healthz") == red, within=SOON)


def test_one_that_works_alone_and_reaches_nobody_is_well(tmp_path: Path, clock: ManualClock) -> None:
    """Nobody would take its place, and a restart mends no network."""
    with served(KeptFile(write(tmp_path, NOBODY_LISTENS)), clock, None) as controller:
        clock.now += REACHED_WITHIN + READ_WITHIN
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)


def test_one_that_shares_and_has_no_configuration_is_red(aws: EmbeddedAws, tmp_path: Path, clock: ManualClock) -> None:
    """It would never learn of a scaler that is its own; with the file it is well again."""
    path = write(tmp_path, aws.url)
    with served(KeptFile(path), clock, read_numbers("1/1")) as controller:
        path.unlink()
        gone = "\necsq_config_last_reload_successful 0.0\n"
        eventually(lambda: gone in ask(controller, "/metrics")[1], within=SOON)
        clock.now += READ_WITHIN + 1
        red = (503, "the configuration could not be read for 5m1s\n")
        eventually(lambda: ask(controller, "/healthz") == red, within=SOON)
        write(tmp_path, aws.url)
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)


def test_one_that_shares_is_well_without_what_aws_keeps(aws: EmbeddedAws, clock: ManualClock) -> None:
    """An outage of who keeps the configuration would end all at once, and none could begin until it is over."""
    shelf = Shelf([CONFIGURATION.format(aws.url)], watch_every=0.1)
    with served(shelf, clock, read_numbers("1/1")) as controller:
        shelf.is_out_of_reach = True
        looked = shelf.looks
        eventually(lambda: shelf.looks > looked, within=SOON)
        clock.now += READ_WITHIN + 1
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Give the signals of this process, which are pytest's again afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield Signals()
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("shares", [True, False], ids=["shares", "alone"])
def test_one_that_waits_for_its_first_configuration(clock: ManualClock, signals: Signals, *, shares: bool) -> None:
    """It is red, since the others leave it its part as long as it seems well; of one that is alone nobody has it."""
    shelf = Shelf([CONFIGURATION.format(NOBODY_LISTENS)], is_out_of_reach=True)
    address = "127.0.0.1", free_port()
    reading = FirstReading(shelf, Pins(), ServerSpec(*address), clock.handed_in(), shares=shares)
    waiting = Thread(target=reading.read, args=[signals], daemon=True)
    waiting.start()
    eventually(lambda: fetch(address, "/healthz") == WELL, within=SOON)
    clock.now += REACHED_WITHIN + 1
    assert ((503, "no configuration for 3m1s\n") if shares else WELL) == fetch(address, "/healthz")
    shelf.is_out_of_reach = False
    signals.put(signal.SIGHUP)
    waiting.join(SOON)
    assert not waiting.is_alive()
