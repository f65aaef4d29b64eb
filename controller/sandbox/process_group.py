"""The programs that the sandbox starts: whatever way the sandbox ends, they end with it."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WARDEN = ("sh", "-c", "read -r _; kill -9 0")
"""The first member. It reads a pipe that only this process has open to write, and into which it never writes: ``read``
returns when this process closes it or is gone, even by SIGKILL. Then the warden kills its group, itself included."""


class SetupError(Exception):
    """The sandbox cannot begin on this machine as it is; the message says why, and what to do."""


class ProcessGroup:
    """A process group whose every member is killed when it is closed, or when this process is gone.

    A context manager; it raises ``SetupError`` on a machine without a shell. Not in the terminal's foreground: a
    Ctrl-C there is for the sandbox alone.
    """

    def __enter__(self) -> Self:
        try:
            self._warden = subprocess.Popen(_WARDEN, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - our own
        except FileNotFoundError as error:
            raise SetupError("the sandbox needs a POSIX shell: put the directory of sh on PATH") from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        # Nobody has waited for the warden yet, so its group cannot be another's by now. An empty one is no error.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._warden.pid, signal.SIGKILL)
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
