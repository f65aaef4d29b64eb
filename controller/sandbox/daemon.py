"""The real controller, as a process of its own with a real configuration file."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

import yaml

from controller.sandbox.memory import read_resident

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from controller.clock import Clock
    from controller.sandbox.process_group import ProcessGroup

STATUS_TIMEOUT = 0.5
"""How long one look at ``/status`` may take, seconds."""
MAX_TAIL_LINES = 10
MAX_TAIL_WIDTH = 300
START_TIMEOUT = 20.0
"""How long ``stop`` waits for the first answer of a daemon that has just been started, seconds. It is long because on a
busy machine the imports alone can take several seconds."""
LOOK_INTERVAL = 0.05
"""Seconds between two looks whether it answers."""
STOP_TIMEOUT = 20.0
"""How long the daemon may take from SIGTERM to its exit by its own promise, seconds."""


def find_free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_configuration(path: Path, configuration: Mapping[str, Any]) -> None:
    """Write ``configuration`` as the YAML file ``path``."""
    path.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")


def describe_bad_end(code: int) -> str:
    """Return a sentence that says that a controller did not end with exit code 0 after SIGTERM."""
    return f"The controller did not end as asked: exit code {code} after SIGTERM."


class Daemon:
    """A process of ``python -m controller run`` with a configuration file and a log file.

    It may be started again after ``stop`` or ``kill``, with the same files and port. It is safe to use from several
    threads as long as only one of them starts and ends it.
    """

    def __init__(self, group: ProcessGroup, *, configuration: Path, log: Path, port: int, clock: Clock) -> None:
        self._group = group
        self.configuration = configuration
        """The path of its configuration file."""
        self._log = log
        self._port = port
        self._clock = clock
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
        # The AWS SDKs put this variable into their User-Agent, so the embedded AWS can tell the processes apart.
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
        """The exit code if it has ended by itself, minus the signal if one killed it; otherwise None."""
        with self._changing:
            return self._process.poll() if self._process and not self._told_to_end else None

    @property
    def resident(self) -> int | None:
        """The memory that it holds, bytes; None if it does not run or there is no ``/proc``."""
        return read_resident(self._process.pid) if self._process else None

    def stop(self) -> int | None:
        """End the daemon with SIGTERM, or with SIGKILL if that does not work in time.

        Returns its exit code, or None if it was not running.
        """
        process = self._tell_to_end()
        if process is None:
            return None
        self._await_first_answer(process)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _await_first_answer(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the daemon is up: before that, Python has no handler for SIGTERM and dies of it."""
        deadline = self._clock.elapsed() + START_TIMEOUT
        while not self._has_answered and process.poll() is None and self._clock.elapsed() < deadline:
            self.ask_status()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_INTERVAL)

    def kill(self) -> None:
        """End the daemon with SIGKILL."""
        if process := self._tell_to_end():
            process.kill()
            process.wait()

    def _tell_to_end(self) -> subprocess.Popen[bytes] | None:
        """Return the process if it runs. From now on its end does not count as an end by itself."""
        with self._changing:
            if self._process is None or self._process.poll() is not None:
                return None
            self._told_to_end = True
            return self._process

    def ask_status(self) -> dict[str, Any] | None:
        """Return the document at ``/status``; None if the daemon does not answer."""
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

    def read_log_tail(self) -> list[str]:
        """Return the last lines of the daemon's log; long ones are cut."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            lines = deque((line.rstrip("\n") for line in log), maxlen=MAX_TAIL_LINES)
        return [line if len(line) <= MAX_TAIL_WIDTH else f"{line[:MAX_TAIL_WIDTH]}..." for line in lines]
