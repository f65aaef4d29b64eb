"""A controller that is cut off, by a clock that the test moves."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from controller.config.kept import KeptFile
from controller.core.sharding import Peers, read_numbers
from controller.daemon.app import Controller
from controller.daemon.contact import REACHED_WITHIN, READ_WITHIN
from controller.daemon.reload import KeptConfiguration
from tests.support.aws import eventually
from tests.support.clock import ManualClock
from tests.support.controller import NOBODY_LISTENS
from tests.support.daemon import SOON

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
def served(path: Path, clock: ManualClock, peers: Peers | None) -> Iterator[Controller]:
    """Run a controller in this process; its loop looks every second at the clock, which stands still."""
    handed_in = clock.handed_in()
    controller = Controller(KeptConfiguration(KeptFile(path), handed_in.now), handed_in, peers, dry_run=False)
    controller.start(watch=True, alive=False)
    try:
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)
        yield controller
    finally:
        controller.stop()


def ask(controller: Controller, path: str) -> tuple[int, str]:
    """Return the status and the body of a page; nothing before it is served."""
    connection = HTTPConnection(*controller.address, timeout=SOON)
    with closing(connection), suppress(OSError, HTTPException):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return 0, ""


def test_one_that_shares_and_reaches_nobody_is_red(tmp_path: Path, clock: ManualClock) -> None:
    """ECS then replaces it, and another has its scalers meanwhile."""
    with served(write(tmp_path, NOBODY_LISTENS), clock, read_numbers("1/1")) as controller:
        clock.now += REACHED_WITHIN + 1
        red = (503, "neither SQS nor ECS has answered for 3m1s\n")
        eventually(lambda: ask(controller, "/healthz") == red, within=SOON)


def test_one_that_works_alone_and_reaches_nobody_is_well(tmp_path: Path, clock: ManualClock) -> None:
    """Nobody would take its place, and a restart mends no network."""
    with served(write(tmp_path, NOBODY_LISTENS), clock, None) as controller:
        clock.now += REACHED_WITHIN + READ_WITHIN
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)


def test_one_that_shares_and_has_no_configuration_is_red(aws: EmbeddedAws, tmp_path: Path, clock: ManualClock) -> None:
    """It would never learn of a scaler that is its own; with the file it is well again."""
    path = write(tmp_path, aws.url)
    with served(path, clock, read_numbers("1/1")) as controller:
        path.unlink()
        gone = "\necsq_config_last_reload_successful 0.0\n"
        eventually(lambda: gone in ask(controller, "/metrics")[1], within=SOON)
        clock.now += READ_WITHIN + 1
        red = (503, "the configuration could not be read for 5m1s\n")
        eventually(lambda: ask(controller, "/healthz") == red, within=SOON)
        write(tmp_path, aws.url)
        eventually(lambda: ask(controller, "/healthz") == WELL, within=SOON)
