"""The daemon as a process of its own: on a real configuration file, with real signals, its log read line by line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.aws import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

STARTED_WITHIN = 60.0
"""Seconds until a process on a busy machine has imported everything and said so; a bound, not an expectation."""
SOON = 60.0
"""Seconds within which a condition has to come true: a bound for a busy machine, many polls long."""
STOPPED_WITHIN = 60.0
"""Seconds from SIGTERM to the exit: a bound like the others; the daemon needs much less."""
CLIENT = "ecsq-ecsq"
"""Whose calls the daemon's are in the journal of the embedded AWS."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "embedded", "AWS_SECRET_ACCESS_KEY": "embedded"}

TAKEN = "configuration taken"
NOT_TAKEN = "configuration not taken, the last good one stays"

Document = dict[str, Any]


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of a process that finds no AWS but the one it is given, and of no one's machine."""
    nowhere = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **nowhere, **variables}


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def scaler(name: str, definition: str, *, cluster: str, queue: str | None = None, **members: Any) -> Document:
    """Return a scaler of one container for each message; ``task_*`` members go into its task."""
    task = {key.removeprefix("task_"): members.pop(key) for key in list(members) if key.startswith("task_")}
    named = {} if "queues" in members else {"queue": queue or name}
    return {
        "name": name,
        **named,
        "demand": {"messages_per_container": 1},
        "cooldown": {"launch": "10m", "fall": "10m"},
        **members,
        "task": {"cluster": cluster, "definition": definition, "subnets": ["subnet-0a1b2c3d"], **task},
    }


def configuration(aws: EmbeddedAws, *scalers: Document, **members: Any) -> Document:
    """Return a configuration on the embedded AWS with the shortest poll, and slots of 3 s."""
    return {
        "aws": {
            "region": aws.region,
            "endpoint_url": aws.url,
            "consistency_window": "500ms",
            "call_timeout": "1s",
        },
        "poll_interval": "1s",
        "server": {"host": "127.0.0.1", "port": 0},
        "log": {"format": "json"},
        **members,
        "scalers": list(scalers),
    }


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process that runs the daemon."""

    process: subprocess.Popen[bytes]
    config: Path
    log: Path
    """Where its standard error goes."""

    def write(self, wanted: Document | str) -> None:
        """Replace the configuration file at once, as an editor or a config writer does."""
        text = wanted if isinstance(wanted, str) else yaml.safe_dump(wanted, sort_keys=False)
        draft = self.config.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.config)

    def line_of(self, text: str) -> int:
        """Return the number of the configuration's first line that contains ``text``."""
        lines = self.config.read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def reload(self, wanted: Document | str) -> dict[str, Any]:
        """Write the file, send SIGHUP, and return the event that says what became of it."""
        before = len(self._reloads())
        self.write(wanted)
        self.process.send_signal(signal.SIGHUP)
        return eventually(lambda: self._reloads()[before:], within=SOON)[0]

    def _reloads(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] in {TAKEN, NOT_TAKEN}]

    def lines(self) -> list[dict[str, Any]]:
        """Return every log line so far, each of which has to be a JSON object; one still being written is left out."""
        text = self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def events(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the log lines of that event whose fields are as given."""
        return [
            line
            for line in self.lines()
            if line["event"] == event and all(line.get(key) == value for key, value in fields.items())
        ]

    def decisions(self, scaler: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the decisions logged for a scaler."""
        return self.events("decision", scaler=scaler, **fields)

    @property
    def url(self) -> str:
        """Where it listens, by its own word."""
        started = self.events("started")[0]
        return f"http://{started['host']}:{started['port']}"

    def get(self, path: str) -> tuple[int, str]:
        """Return the HTTP status and the body of a page."""
        try:
            with urlopen(self.url + path, timeout=SOON) as answer:  # noqa: S310 - our own http URL
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def status(self) -> dict[str, Any]:
        """Return ``/status``."""
        document: dict[str, Any] = json.loads(self.get("/status")[1])
        return document

    def scaler(self, name: str) -> dict[str, Any]:
        """Return what ``/status`` says of a scaler; empty if it is not there."""
        return next((scaler for scaler in self.status()["scalers"] if scaler["name"] == name), {})

    def last(self, name: str) -> dict[str, Any]:
        """Return a scaler's last decision; empty before the first."""
        return self.scaler(name).get("last_decision") or {}

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return every sample of ``/metrics`` by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def sample(self, name: str, **labels: str) -> float | None:
        """Return one sample by its name without the prefix; None if it is not there."""
        return self.samples().get((f"ecsq_{name}", frozenset(labels.items())))

    def scalers_with_series(self) -> set[str]:
        """Return the scalers that any sample carries as a label."""
        return {value for _, labels in self.samples() for label, value in labels if label == "scaler"}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOPPED_WITHIN)


def launch(
    directory: Path,
    wanted: Document | str,
    *arguments: str,
    variables: Mapping[str, str] = CREDENTIALS,
    descriptors: int | None = None,
    within: Sequence[str] = (),
    hurry: Sequence[str] = (),
) -> Daemon:
    """Start a daemon on a configuration file in ``directory``, with so many descriptors; whoever calls ends it.

    ``within`` is a command that runs another one, in a network namespace for example. ``hurry`` are constants that it
    has other values of, as ``hurried.py`` takes them.
    """
    config, log = directory / "config.yaml", directory / "log.jsonl"
    module = ["tests.support.hurried", *hurry, "--"] if hurry else ["controller"]
    command = [*within, sys.executable, "-m", *module, "run", "--config", str(config), *arguments]
    if descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    config.write_text(wanted if isinstance(wanted, str) else yaml.safe_dump(wanted, sort_keys=False), encoding="utf-8")
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment(**variables)
        )
    return Daemon(process, config, log)


@contextmanager
def running(
    directory: Path,
    wanted: Document | str,
    *arguments: str,
    variables: Mapping[str, str] = CREDENTIALS,
    descriptors: int | None = None,
    hurry: Sequence[str] = (),
) -> Iterator[Daemon]:
    """Run a daemon that has said where it listens; at the end it is gone, whatever became of the test."""
    daemon = launch(directory, wanted, *arguments, variables=variables, descriptors=descriptors, hurry=hurry)
    try:
        eventually(lambda: daemon.events("started") or _gone(daemon), within=STARTED_WITHIN)
        yield daemon
    finally:
        end(daemon.process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started: by SIGTERM, by SIGKILL if that is in vain."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _gone(daemon: Daemon) -> bool:
    """Fail at once, with what it said, when the process has ended instead of starting."""
    if daemon.process.poll() is not None:
        raise AssertionError(f"exit code {daemon.process.returncode}: {daemon.log.read_text(encoding='utf-8')}")
    return False
