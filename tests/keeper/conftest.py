"""The keeper as a process: the command of the derived definition, under a real busybox and this system's tools."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.core.copies.keeper import KeeperSettings, build_keeper
from controller.core.copies.template import Template
from tests.keeper.metadata import PATIENCE

Keeper = subprocess.Popen[str]
Start = Callable[..., Keeper]


def command(template: Template, worker: str, k: int, deadline: int | None = None) -> list[str]:
    """Return what ECS would execute in the keeper's container."""
    keeper = build_keeper(template, worker, k, KeeperSettings("busybox", deadline))
    return [*keeper["entryPoint"], *keeper["command"]]


@pytest.fixture(scope="session", params=["busybox", "system"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with nothing but sh, wget and sleep, once those of busybox and once those of this system."""
    directory = tmp_path_factory.mktemp(request.param)
    for tool in ("sh", "wget", "sleep"):
        found = shutil.which("busybox" if request.param == "busybox" else tool)
        if found is None:
            pytest.skip(f"{'busybox' if request.param == 'busybox' else tool} is not installed")
        (directory / tool).symlink_to(found)
    return directory


@pytest.fixture
def keep(tools: Path) -> Iterator[Start]:
    """Start keepers that ask every 20 ms; at the end kill them and their children, as ECS does with a container."""
    started: list[Keeper] = []

    def start(uri: str | None, *names: str, argv: list[str] | None = None, path: Path = tools, **env: str) -> Keeper:
        arguments = argv or [*any_command()[:3], "ecsq-keeper", *names]
        environment = {"PATH": str(path), "ECSQ_KEEPER_POLL": "0.02", "ECSQ_KEEPER_TIMEOUT": "2", **env}
        if uri is not None:
            environment["ECS_CONTAINER_METADATA_URI_V4"] = uri
        shell = str(tools / arguments[0])
        keeper = subprocess.Popen(
            [shell, *arguments[1:]],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(keeper)
        return keeper

    yield start
    for keeper in started:
        with contextlib.suppress(ProcessLookupError):  # all processes of the group have ended already
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.communicate(timeout=PATIENCE)


def any_command() -> list[str]:
    """Return the keeper's command for some template, for tests that need only the script in it."""
    definition = {"containerDefinitions": [{"name": "worker", "image": "w"}], "memory": "512"}
    return command(Template("arn", "family", 1, definition), "worker", 2)


def wait_for_end(keeper: Keeper) -> tuple[int, list[str]]:
    """Wait until the keeper ends; return its exit code and the lines of its log."""
    said, _ = keeper.communicate(timeout=PATIENCE)
    return keeper.returncode, [line.removeprefix("ecsq-keeper: ") for line in said.splitlines()]


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        pytest.skip(f"this kernel ({os.uname().sysname}) does not list a process's children")
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
