"""The keepers of tasks of copies: their own script, run by a real shell, asking the task metadata endpoint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from shlex import quote
from typing import TYPE_CHECKING

from controller.sandbox.aws import METADATA_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import ContainerView, TaskView
    from controller.sandbox.host import Host

TOOLS = ("sh", "wget", "sleep")
"""What the image of a keeper must have (``docs/keeper.md``), and all that is found in the one here."""
POLL = 1
"""Seconds between a keeper's questions: a fifth of the usual, as the consistency window is."""
TIMEOUT = 2
"""Seconds that an answer may take; on one machine even a slow one takes less."""
STOP_TIMEOUT = 2.0
"""What a keeper is given from SIGTERM to its end, seconds."""

_ASK = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[-1]).read())"


class KeeperError(Exception):
    """A keeper ended otherwise than it should."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code} after {said!r}")
        self.code = code


class Keeper:
    """The keeper of one task, from its start to its end, as a process of the command that its container has."""

    def __init__(self, host: Host, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._killed = False
        self._process = host.run(command, environment, log)

    def run(self) -> int:
        """Wait for its end and return its exit code. Raises KeeperError, with its last words, if that is not 0."""
        code = self._process.wait()
        if code and not self._killed:
            said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise KeeperError(code, said[-1] if said else "")
        return code

    def kill(self) -> None:
        """End it as ECS does: SIGTERM, then SIGKILL."""
        self._killed = True
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""
        return self._killed


class Keepers:
    """Starts keepers on ``host``, from an image with nothing but their tools. Each leaves a log there."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._image = host.directory / "keeper-image"
        self._logs = host.directory / "keepers"
        for each in (self._image, self._logs):
            each.mkdir()
        _furnish(self._image)

    def start(self, task: TaskView, view: ContainerView) -> Keeper:
        """Start what the keeper's container of ``task`` runs."""
        program, *arguments = (*view.entry_point, *view.command)
        settings = {
            "PATH": str(self._image),
            "ECSQ_KEEPER_POLL": str(POLL),
            "ECSQ_KEEPER_TIMEOUT": str(TIMEOUT),
            METADATA_VARIABLE: view.metadata_uri,
        }
        log = self._logs / f"{task.arn.rpartition('/')[2]}.log"
        return Keeper(self._host, [str(self._image / program), *arguments], settings | view.environment, log)


def _furnish(image: Path) -> None:
    """Put the tools there: busybox's, as the usual image has them, else this machine's."""
    busybox = shutil.which("busybox")
    for tool in TOOLS:
        found = busybox or shutil.which(tool)
        if found:
            (image / tool).symlink_to(found)
        elif tool == "wget":
            _stand_in(image / tool)


def _stand_in(wget: Path) -> None:
    """Write what does for a machine without wget: prints the answer, and fails as wget does."""
    wget.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -IS -c {quote(_ASK)} "$@"\n', encoding="utf-8")
    wget.chmod(0o755)
