"""The keepers of tasks with copies: the real script, run by a real shell against the task metadata endpoint."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from controller.core.copies.keeper import OVERDUE
from controller.sandbox.aws import METADATA_VARIABLE
from controller.sandbox.process_group import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import ContainerView, TaskView
    from controller.sandbox.process_group import ProcessGroup

TOOLS = ("sh", "wget", "sleep", "date")
"""The tools that the image of a keeper must have (``docs/keeper.md``). The one here has no others."""
LOOK_INTERVAL = 0.05
"""Seconds between two looks whether a keeper has ended."""
STOP_TIMEOUT = 2.0
"""How long a keeper may take from SIGTERM to its end, seconds."""
NOT_STARTED = 127
"""The exit code of a container whose command cannot be started, as in shells."""
SIGNALLED = 128
"""The number that ECS, like shells, adds to the number of the signal that ended a container."""

_ASK = """
import sys, urllib.request as r
ask = r.build_opener(r.ProxyHandler({})).open
sys.stdout.buffer.write(ask(sys.argv[-1]).read())
"""


class KeeperError(Exception):
    """A keeper ended with another exit code than 0, or could not be started."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"exit code {code}{why}")
        self.code = code
        """Its exit code."""


class Keeper:
    """The keeper of one task: a process that runs the command of its container."""

    # A keeper is no worker: nothing is lost when ECS stops it.
    queue = None
    holding = None

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], log: Path) -> None:
        self._start = start
        self._log = log
        self._killed = threading.Event()

    def run(self) -> int:
        """Run it to its end and return its code: 0, or that of a deadline.

        Raises ``KeeperError`` with its last line of output for any other code.
        """
        code = self._await_end(self._start())
        if code < 0:
            code = SIGNALLED - code
        if code not in {0, OVERDUE}:
            said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise KeeperError(code, f" after {said[-1] if said else ''!r}")
        return code

    def _await_end(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end, and return its code. After ``kill``, end it as ECS does: SIGTERM, then SIGKILL."""
        while not self._killed.wait(LOOK_INTERVAL):
            if (code := process.poll()) is not None:
                return code
        process.terminate()
        try:
            return process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """Make ``run`` end it. This does not wait for its end."""
        self._killed.set()

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""
        return self._killed.is_set()


class Keepers:
    """Makes keepers that run in ``group``, with nothing but their tools on PATH, as in their image.

    Each leaves a log in ``directory/keepers``. Raises ``SetupError`` if this machine lacks the tools.
    """

    def __init__(self, group: ProcessGroup, directory: Path, *, poll: float, timeout: float) -> None:
        """``poll`` and ``timeout`` are the settings of a keeper, seconds."""
        self._group = group
        self._image = directory / "keeper-image"
        self._logs = directory / "keepers"
        for each in (self._image, self._logs):
            each.mkdir()
        _install_tools(self._image)
        nothing = directory / "wgetrc"
        nothing.touch()
        self._settings = {
            "PATH": str(self._image),
            "ECSQ_KEEPER_POLL": f"{poll:g}",
            "ECSQ_KEEPER_TIMEOUT": f"{timeout:g}",
            # Unlike the image, this machine may have proxies in a wgetrc. GNU wget accepts only a regular file here, so
            # /dev/null does not work.
            "WGETRC": str(nothing),
            "SYSTEM_WGETRC": str(nothing),
            "no_proxy": "127.0.0.1",
        }

    def make_keeper(self, task: TaskView, view: ContainerView) -> Keeper:
        """Return the keeper of ``task``, whose container is ``view``."""
        log = self._logs / f"{task.id}.log"
        return Keeper(partial(self._start, view, log), log)

    def _start(self, view: ContainerView, log: Path) -> subprocess.Popen[bytes]:
        program, *arguments = (*view.entry_point, *view.command) or ("",)
        if program not in TOOLS:
            raise KeeperError(NOT_STARTED, f": cannot start {program!r}, its image has only {', '.join(TOOLS)}")
        environment = self._settings | {METADATA_VARIABLE: view.metadata_uri} | view.environment
        try:
            return self._group.run([str(self._image / program), *arguments], environment, log)
        except OSError as error:
            raise KeeperError(NOT_STARTED, f": {error}") from error


def _install_tools(image: Path) -> None:
    """Link the tools of busybox, as in the usual image, or else those of this machine."""
    busybox = shutil.which("busybox")
    for tool in TOOLS:
        if found := busybox or shutil.which(tool):
            (image / tool).symlink_to(Path(found).absolute())
        elif tool == "wget":
            _write_wget(image / tool)
        else:
            raise SetupError(f"the sandbox needs {tool}: install it, or busybox, or put its directory on PATH")


def _write_wget(wget: Path) -> None:
    """Write a substitute for wget, which prints the answer, and fails with a code other than 0 as wget does."""
    wget.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -IS -c {quote(_ASK)} "$@"\n', encoding="utf-8")
    wget.chmod(0o755)
    try:
        subprocess.run([wget], stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - just written
    except OSError as error:
        raise SetupError(
            f"nothing can be executed in {wget.parent} ({error.strerror}): install wget or busybox, "
            "or set TMPDIR to a directory of a file system that is not mounted noexec"
        ) from error
