"""The real controller as a process of its own, on a real configuration file."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any

import yaml

from controller.sandbox.memory import resident

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from controller.sandbox.process_group import ProcessGroup

STATUS_TIMEOUT = 0.5
"""Seconds for one look at ``/status``."""
TAIL_LINES = 10
TAIL_WIDTH = 300
START_TIMEOUT = 5.0
"""How long a daemon that has just been started is given to answer before it is told to end all the same, seconds."""
LOOK = 0.05
STOP_TIMEOUT = 20.0
"""How long the daemon may take from SIGTERM to its exit, seconds: what it promises."""


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_configuration(path: Path, configuration: Mapping[str, Any]) -> None:
    """Write ``configuration`` as the YAML file ``path``."""
    path.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")


def not_as_asked(code: int) -> str:
    """Say that a controller that was told to end did not do so as it promises."""
    return f"The controller did not end as asked: exit code {code} after SIGTERM."


class Daemon:
    """``python -m controller run`` on a configuration file, its log in a file of its own.

    It may be started again after ``stop`` or ``kill``, on the same file and port. Safe to use from several threads
    as long as only one of them starts and ends it.
    """

    def __init__(self, group: ProcessGroup, *, configuration: Path, log: Path, port: int) -> None:
        self._group = group
        self.configuration = configuration
        """The file that it reads."""
        self._log = log
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._told_to_end = False
        self._has_answered = False
        self._changing = Lock()
        self._starts = 0
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start the process."""
        command = [sys.executable, "-m", "controller", "run", "--config", str(self.configuration)]
        self._starts += 1
        # The AWS SDKs put this variable into their User-Agent: the embedded AWS can tell one process from the next.
        environment = os.environ | {"AWS_EXECUTION_ENV": f"sandbox-{self._log.stem}-{self._starts}"}
        with self._changing:
            self._process = self._group.run(command, environment, self._log)
            self._told_to_end = self._has_answered = False

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    @property
    def exit_code(self) -> int | None:
        """The code with which it ended by itself, minus the signal if one killed it; None while it runs or as told."""
        with self._changing:
            return self._process.poll() if self._process and not self._told_to_end else None

    @property
    def resident(self) -> int | None:
        """Bytes of memory that it holds; None if it does not run, or where nobody can tell."""
        return resident(self._process.pid) if self._process else None

    def stop(self) -> int | None:
        """End the daemon with SIGTERM, with SIGKILL if that is in vain, and return its exit code.

        None if it was not running.
        """
        process = self._tell_to_end()
        if process is None:
            return None
        self._await_answer(process)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the daemon is up: a Python that is only starting ends at once, by the signal."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self._has_answered and process.poll() is None and time.monotonic() < deadline:
            self.status()
            time.sleep(LOOK)

    def kill(self) -> None:
        """End the daemon with SIGKILL, whatever it is doing."""
        if process := self._tell_to_end():
            process.kill()
            process.wait()

    def _tell_to_end(self) -> subprocess.Popen[bytes] | None:
        """Return the process if it runs; what becomes of it from here on is as told."""
        with self._changing:
            if self._process is None or self._process.poll() is not None:
                return None
            self._told_to_end = True
            return self._process

    def status(self) -> dict[str, Any] | None:
        """Return what ``/status`` says; None if it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=STATUS_TIMEOUT)
        try:
            connection.request("GET", "/status")
            answer = connection.getresponse()
            document = json.loads(answer.read()) if answer.status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        self._has_answered = True
        return document if isinstance(document, dict) else None

    def log_tail(self) -> list[str]:
        """Return the last lines of the daemon's log, each cut to what can be taken in at a glance."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            lines = deque((line.rstrip("\n") for line in log), maxlen=TAIL_LINES)
        return [line if len(line) <= TAIL_WIDTH else f"{line[:TAIL_WIDTH]}..." for line in lines]
