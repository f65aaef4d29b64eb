"""The programs that the sandbox starts. They end with the sandbox, however that ends."""

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
"""The first member of the group. It reads from a pipe to which only this process can write, and never does. So ``read``
returns when this process closes the pipe or ends, even by SIGKILL. The warden then kills its group, with itself."""


class SetupError(Exception):
    """The sandbox cannot start on this machine. The message says why, and what to do."""


class ProcessGroup:
    """A process group whose members are all killed when it is closed, or when this process ends.

    A context manager; it raises ``SetupError`` on a machine without a shell. The group is not in the terminal's
    foreground, so that a Ctrl-C reaches the sandbox alone.
    """

    def __enter__(self) -> Self:
        try:
            self._warden = subprocess.Popen(_WARDEN, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - our own
        except FileNotFoundError as error:
            raise SetupError("the sandbox needs a POSIX shell: put the directory of sh on PATH") from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        # The warden was not waited for yet, so the id still belongs to its group. The group may already be empty.
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
