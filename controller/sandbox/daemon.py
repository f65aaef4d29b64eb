"""The real controller as a process of its own, on a real configuration file."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STATUS_TIMEOUT = 0.5
"""Seconds for one look at ``/status``."""
TAIL_LINES = 10
TAIL_WIDTH = 300
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


class Daemon:
    """``python -m controller run`` on a configuration file, its log in a file of its own."""

    def __init__(self, *, configuration: Path, log: Path, port: int) -> None:
        self._configuration = configuration
        self._log = log
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start the process."""
        command = [sys.executable, "-m", "controller", "run", "--config", str(self._configuration)]
        with self._log.open("wb") as log:
            # A session of its own: a Ctrl-C in the terminal is for the sandbox, which then ends the daemon.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def exit_code(self) -> int | None:
        """The daemon's exit code; None while it runs, minus the signal that killed it."""
        return self._process.poll() if self._process else None

    def stop(self) -> int | None:
        """End the daemon with SIGTERM, with SIGKILL if that is in vain, and return its exit code."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self.exit_code

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
        return document if isinstance(document, dict) else None

    def log_tail(self) -> list[str]:
        """Return the last lines of the daemon's log, each cut to what can be taken in at a glance."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            lines = deque((line.rstrip("\n") for line in log), maxlen=TAIL_LINES)
        return [line if len(line) <= TAIL_WIDTH else f"{line[:TAIL_WIDTH]}..." for line in lines]
