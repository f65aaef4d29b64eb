"""A network namespace in which nothing is reached but one port of loopback, and that one can be cut off."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import eventually, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of ``ip netns``."""

    name: str

    @property
    def within(self) -> tuple[str, ...]:
        """The beginning of a command that runs in it."""
        return ("ip", "netns", "exec", self.name)

    def connect(self) -> None:
        """Let its loopback work."""
        _ip("-n", self.name, "link", "set", "lo", "up")

    def cut_off(self) -> None:
        """Take the network away: what is sent goes nowhere, and what is under way is not answered."""
        _ip("-n", self.name, "link", "set", "lo", "down")


@contextmanager
def namespace(directory: Path, port: int) -> Iterator[Namespace]:
    """Make a namespace whose port of that number leads to that of the machine. Skips where that is not allowed."""
    if shutil.which("ip") is None:
        pytest.skip("needs ip, to cut a process off from its network")
    made = Namespace(f"ecsq-{os.getpid()}-{unique('cut')}")
    if (refused := _ip("netns", "add", made.name, check=False)).returncode:
        pytest.skip(f"may not make a network namespace: {refused.stderr.decode().strip()}")
    path = directory / "relay.sock"
    relay = [sys.executable, "-m", "tests.support.relay"]
    processes = []
    try:
        made.connect()
        processes.append(subprocess.Popen([*relay, "outside", str(port), str(path)]))
        processes.append(subprocess.Popen([*made.within, *relay, "inside", str(port), str(path)]))
        eventually(path.exists)
        yield made
    finally:
        for process in processes:
            process.kill()
            process.wait()
        _ip("netns", "del", made.name)


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ip", *arguments], check=check, capture_output=True)
