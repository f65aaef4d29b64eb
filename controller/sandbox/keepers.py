"""The keepers of tasks of copies: their own script, run by a real shell, asking the task metadata endpoint."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from controller.sandbox.aws import METADATA_VARIABLE
from controller.sandbox.process_group import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import ContainerView, TaskView
    from controller.sandbox.process_group import ProcessGroup

TOOLS = ("sh", "wget", "sleep")
"""What the image of a keeper must have (``docs/keeper.md``), and all that is found in the one here."""
LOOK = 0.05
"""Seconds between two looks whether a keeper has ended."""
STOP_TIMEOUT = 2.0
"""What a keeper is given from SIGTERM to its end, seconds."""
NOT_STARTED = 127
"""The exit code of a container whose command cannot be started, as shells have it."""
SIGNALLED = 128
"""What ECS, like shells, adds to the number of the signal that ended a container."""

_ASK = """
import sys, urllib.request as r
ask = r.build_opener(r.ProxyHandler({})).open
sys.stdout.buffer.write(ask(sys.argv[-1]).read())
"""


class KeeperError(Exception):
    """A keeper ended otherwise than it should, or could not be started."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"exit code {code}{why}")
        self.code = code
        """Its exit code."""


class Keeper:
    """The keeper of one task, from its start to its end, as a process of the command that its container has."""

    # No worker: ECS may stop it at any time, and nothing is lost.
    queue = None
    holding = None

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], log: Path) -> None:
        self._start = start
        self._log = log
        self._killed = threading.Event()

    def run(self) -> int:
        """Run it to its end and return 0. Raises KeeperError, with its last words, if it ends otherwise."""
        code = self._end_of(self._start())
        if code < 0:
            code = SIGNALLED - code
        if code:
            said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise KeeperError(code, f" after {said[-1] if said else ''!r}")
        return code

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end and return its code; once it is killed that is as ECS does it: SIGTERM, then SIGKILL."""
        while not self._killed.wait(LOOK):
            if (code := process.poll()) is not None:
                return code
        process.terminate()
        try:
            return process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """Let whoever runs it end it; this does not wait."""
        self._killed.set()

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""
        return self._killed.is_set()


class Keepers:
    """Makes keepers that run in ``group``, in an image with nothing but their tools.

    Each leaves a log in ``directory/keepers``. Raises ``SetupError`` if this machine has not got the tools.
    """

    def __init__(self, group: ProcessGroup, directory: Path, *, poll: float, timeout: float) -> None:
        """``poll`` and ``timeout`` are a keeper's own settings, in seconds."""
        self._group = group
        self._image = directory / "keeper-image"
        self._logs = directory / "keepers"
        for each in (self._image, self._logs):
            each.mkdir()
        _furnish(self._image)
        nothing = directory / "wgetrc"
        nothing.touch()
        self._settings = {
            "PATH": str(self._image),
            "ECSQ_KEEPER_POLL": f"{poll:g}",
            "ECSQ_KEEPER_TIMEOUT": f"{timeout:g}",
            # What the image would not have: proxies in the wgetrc of this machine or of the user. GNU wget takes no
            # device for a file, so that /dev/null would not do.
            "WGETRC": str(nothing),
            "SYSTEM_WGETRC": str(nothing),
            "no_proxy": "127.0.0.1",
        }

    def keeper(self, task: TaskView, view: ContainerView) -> Keeper:
        """Return what the keeper's container of ``task`` runs."""
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


def _furnish(image: Path) -> None:
    """Put the tools there: busybox's, as the usual image has them, else this machine's."""
    busybox = shutil.which("busybox")
    for tool in TOOLS:
        if found := busybox or shutil.which(tool):
            (image / tool).symlink_to(Path(found).absolute())
        elif tool == "wget":
            _stand_in(image / tool)
        else:
            raise SetupError(f"the sandbox needs {tool}: install it, or busybox, or put its directory on PATH")


def _stand_in(wget: Path) -> None:
    """Write what does for a machine without wget: prints the answer, and fails as wget does."""
    wget.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -IS -c {quote(_ASK)} "$@"\n', encoding="utf-8")
    wget.chmod(0o755)
    try:
        subprocess.run([wget], stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - just written
    except OSError as error:
        raise SetupError(
            f"nothing can be executed in {wget.parent} ({error.strerror}): install wget or busybox, "
            "or set TMPDIR to a directory of a file system that is not mounted noexec"
        ) from error
