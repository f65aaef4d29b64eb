"""What every test may ask for: an AWS of its own on loopback, and an environment that leads to no other."""

from __future__ import annotations

import gc
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import botocore.useragent
import pytest
from hypothesis import HealthCheck, settings

from tests.support.aws import CreatedQueue, create_cluster, create_queue, register_template
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.loaders import Loader

    from controller.sandbox.aws import EmbeddedAws

# How long an example takes tells of the machine and of what else it does; in CI the examples are always the same.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "reproducible", settings.get_profile("local"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("reproducible" if os.environ.get("CI") else "local")


SLOW_ROOMS = ("proof", "browser", "sandbox", "daemon", "cli", "keeper", "deploy")
"""A file of few tests may take half a minute there: a proof keeps to one core, the others wait for processes."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are cores, since many tests wait for other processes, and for polls."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


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
def read_descriptions_once() -> Iterator[None]:
    """Let every session of boto3 know what an earlier one has read of botocore's descriptions of AWS.

    They are some megabytes of JSON that nobody changes, and each session would read them anew, as the daemon's does.
    """
    known: dict[object, object] = {}
    create = botocore.session.create_loader

    def create_informed(search_path_string: str | None = None) -> Loader:
        loader = create(search_path_string)
        if search_path_string is None:
            loader._cache = known
        return loader

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", create_informed)
        yield


@pytest.fixture(scope="session", autouse=True)
def write_user_agents_once() -> Iterator[None]:
    """Let botocore escape each word of its user agent once, and not for every request: a twentieth of a call."""
    escape = botocore.useragent.sanitize_user_agent_string_component
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.useragent, "sanitize_user_agent_string_component", cache(escape))
        yield


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give boto3 dummy credentials, and take away every setting of the machine that runs the tests."""
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_ECS",
        "AWS_ENDPOINT_URL_SQS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "embedded")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "embedded")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


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
