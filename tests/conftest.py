"""What every test may ask for: an AWS of its own on loopback, and an environment that leads to no other."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.aws import CreatedQueue, create_cluster, create_queue, register_template
from tests.support.clock import ManualClock
from tests.support.repeated import worked_out_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

# What is compiled is kept, whatever the machine's setting: otherwise every process of every run compiles all tests
# anew, which takes it longer than everything else before its first test.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell lets what it runs in the background ignore Ctrl-C, and so would every process that a test sends one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes tells of the machine and of what else it does; in CI the examples are always the same.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "reproducible", settings.get_profile("local"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("reproducible" if os.environ.get("CI") else "local")


SLOW_ROOMS = ("proof", "browser", "sandbox", "daemon", "cli", "keeper", "deploy", "simulate", "scaling")
"""A file may take half a minute there: a proof keeps to one core, most others wait for processes, or compute."""

MOST_WORKERS = 12
"""More would hardly end sooner than the slowest file, and each takes seconds to collect, and half a GB of memory."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run three processes a core, since tests wait for other processes and for polls more than half of their time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(3 * cores, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand the slow files out first, so that at the end nobody waits for the last of them."""
    if hasattr(config, "workerinput"):
        items.sort(key=_order)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what the whole run keeps, and look less often: some 6 % of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _order(item: pytest.Item) -> int:
    room = item.path.relative_to(Path(__file__).parent).parts[0]
    return SLOW_ROOMS.index(room) if room in SLOW_ROOMS else len(SLOW_ROOMS)


@pytest.fixture(scope="session", autouse=True)
def clients_of_aws_made_quickly() -> Iterator[None]:
    """Let botocore work out once what is the same for every session, client and call."""
    with worked_out_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def aws_environment() -> Iterator[None]:
    """Give boto3 dummy credentials, and take away every setting of the machine that runs the tests."""
    with pytest.MonkeyPatch.context() as environment:
        _forget_the_machine(environment)
        yield


def _forget_the_machine(environment: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_ECS",
        "AWS_ENDPOINT_URL_SQS",
    ):
        environment.delenv(name, raising=False)
    environment.setenv("AWS_ACCESS_KEY_ID", "embedded")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "embedded")
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """One embedded AWS for the whole run; what earlier tests put there is still there."""
    from controller.sandbox.aws import EmbeddedAws  # noqa: PLC0415 - a second of import, for those who use it

    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """Give an embedded AWS with nothing in it, without delay, lag or fault."""
    embedded_aws.reset()
    yield embedded_aws
    embedded_aws.reset()


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that stands still until the test moves it."""
    return ManualClock(1_000_000.0)


@pytest.fixture
def timed_aws(clock: ManualClock) -> Iterator[EmbeddedAws]:
    """Give an AWS of the test's own, in another region, whose tasks live on the test's clock."""
    from controller.sandbox.aws import EmbeddedAws  # noqa: PLC0415 - a second of import, for those who use it

    with EmbeddedAws(region="eu-west-1", clock=clock) as aws:
        yield aws


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[EmbeddedAws, ManualClock]]:
    """One AWS for a module's scenes, and the clock that it goes by."""
    from controller.sandbox.aws import EmbeddedAws  # noqa: PLC0415 - a second of import, for those who use it
    from tests.support.scene import NOW  # noqa: PLC0415

    clock = ManualClock(NOW)
    with EmbeddedAws(region="eu-west-1", clock=clock) as aws:
        yield aws, clock


@pytest.fixture
def cluster(aws: EmbeddedAws) -> str:
    """Name of a new cluster."""
    return create_cluster(aws)


@pytest.fixture
def queue(aws: EmbeddedAws) -> CreatedQueue:
    """Give a new, empty queue."""
    return create_queue(aws)


@pytest.fixture
def template(aws: EmbeddedAws) -> str:
    """``family:revision`` of a Fargate task definition with one container, ``worker``."""
    return register_template(aws)
