"""The machine that the sandbox's own programs run on: whatever way the sandbox ends, they end with it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WARDEN = ("sh", "-c", "read -r _; kill -9 0")
"""Waits for the end of its standard input, which even a sandbox that is killed leaves behind, and ends its group."""


class Host:
    """A process group whose every member is killed when it is closed, or when this process is gone.

    A context manager. Not in the terminal's foreground: a Ctrl-C there is for the sandbox alone.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        """Where its programs may leave files."""

    def __enter__(self) -> Self:
        self._warden = subprocess.Popen(_WARDEN, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - our own command
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._warden.communicate()

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program that writes to the end of ``log``. Raises ``OSError`` if it cannot be started."""
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the caller's own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                process_group=self._warden.pid,
            )
