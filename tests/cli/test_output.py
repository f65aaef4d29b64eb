"""Where the output of the commands goes: full disks, readers that go, terminals, and ``--watch``."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cli.test_status_table import TROUBLED, document
from tests.support.aws import create_queue, eventually, register_template
from tests.support.daemon import CREDENTIALS, SOON, configuration, environment, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

FULL = "Error: cannot write the output: No space left on device\n"


@contextmanager
def daemon_stub(told: dict[str, Any]) -> Iterator[str]:
    """Answer ``/status`` with a document, as often as it is asked for; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def commands(aws: EmbeddedAws, cluster: str, tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """Give a command line for each command that prints."""
    create_queue(aws, "idle")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(configuration(aws, scaler("idle", register_template(aws), cluster=cluster))))
    with daemon_stub(document(*TROUBLED)) as url:
        yield {
            "plan": ["plan", "--config", str(config)],
            "plan json": ["plan", "--json", "--config", str(config)],
            "check": ["check", "--config", str(config)],
            "schema": ["schema"],
            "status": ["status", url],
            "status json": ["status", "--json", url],
            "help": ["--help"],
            "help of a command": ["plan", "--help"],
            "version": ["--version"],
        }


ALL = ("plan", "plan json", "check", "schema", "status", "status json", "help", "help of a command", "version")


@pytest.mark.parametrize("name", ALL)
def test_a_full_disk_is_one_line(commands: dict[str, list[str]], name: str) -> None:
    """Exit code 1, and no traceback, whether output is held back in a buffer or not."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device, not a path of ours
        done = run(commands[name], full)
    assert (1, FULL) == (done.returncode, done.stderr.decode())


@pytest.mark.parametrize("name", ALL)
def test_a_reader_that_goes_is_no_error(commands: dict[str, list[str]], name: str) -> None:
    """As ``| head`` does: exit code 0, and nothing on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = run(commands[name], gone)
    assert (0, b"") == (done.returncode, done.stderr)


def test_signs_that_the_output_does_not_have_are_escaped(tmp_path: Path) -> None:
    """A terminal of ASCII shows the rest of the line."""
    done = run(["check", "--config", str(tmp_path / "\u00fcber.yaml")], subprocess.DEVNULL, PYTHONIOENCODING="ascii")
    assert (1, True) == (done.returncode, rb"\xfcber.yaml:1:1: does not exist" in done.stderr)


def run(arguments: list[str], stdout: Any, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, where standard output goes there."""
    command = [sys.executable, "-m", "controller", *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(**CREDENTIALS, **variables),
        timeout=60,
        check=False,
    )


@contextmanager
def on_a_terminal(arguments: list[str], **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], bytearray]]:
    """Run the command on a terminal of its own; gives the process and what it has printed so far."""
    ours, theirs = pty.openpty()
    printed = bytearray()

    def read() -> None:
        # A terminal whose last process has gone is an error to read from.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                printed.extend(part)

    process = subprocess.Popen(
        [sys.executable, "-m", "controller", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(**{"COLUMNS": "80", "LINES": "24", "TERM": "xterm", **variables}),
    )
    os.close(theirs)
    reader = Thread(target=read)
    reader.start()
    try:
        yield process, printed
    finally:
        process.kill()
        process.communicate()
        reader.join()
        os.close(ours)


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_colour_is_for_terminals(variables: dict[str, str], *, coloured: bool) -> None:
    """And for those alone that nobody has asked to do without."""
    with daemon_stub(document(*TROUBLED)) as url, on_a_terminal(["status", url], **variables) as (process, printed):
        assert 0 == process.wait(SOON)
        eventually(lambda: b"CannotPullContainerError" in printed, within=SOON)
        assert (coloured, True) == (b"\x1b[31m" in printed, b"FAILED" in printed)


def test_watch_draws_again_until_ctrl_c() -> None:
    """In its place on a terminal, with no more rows than it has lines; Ctrl-C ends it with 0 and without a word."""
    crowd = [scaler_row | {"name": f"s{number:03}"} for number, scaler_row in enumerate(TROUBLED[:1] * 500)]
    with daemon_stub(document(*crowd)) as url, on_a_terminal(["status", "--watch", url]) as (process, printed):
        eventually(lambda: printed.count(b"\x1b[H") >= 2, within=SOON)
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(SOON)
        assert b"" == process.stderr.read()  # type: ignore[union-attr]  # it is a pipe
        first = bytes(printed).split(b"\x1b[H")[1].decode()
    lines = first.split("\r\n")
    assert ("ecsq 1.0", 24) == (lines[0][:8], len(lines))
    assert any("and 482 more scalers" in line for line in lines)


def test_watch_waits_for_a_daemon_that_restarts() -> None:
    """What it says meanwhile is a line in the table's place; one that is not there at first ends it with 1."""
    with ExitStack() as daemon, ExitStack() as terminal:
        url = daemon.enter_context(daemon_stub(document(*TROUBLED)))
        process, printed = terminal.enter_context(on_a_terminal(["status", "--watch", url]))
        eventually(lambda: b"FAILED" in printed, within=SOON)
        daemon.close()
        eventually(lambda: b"no daemon answers at" in printed, within=SOON)
        assert process.poll() is None
    with on_a_terminal(["status", "--watch", url]) as (process, _):
        assert 1 == process.wait(SOON)
