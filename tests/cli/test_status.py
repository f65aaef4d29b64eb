from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.cli.status import hint
from controller.config import ServerSpec
from controller.core.words import format_clock
from controller.daemon.web import bind
from tests.cli.answering import answered
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, Daemon, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws


@pytest.fixture(scope="module")
def daemon(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a scaler that has launched, an idle one, and one whose queue is missing."""
    aws = embedded_aws
    aws.reset()
    create_cluster(aws, "main")
    send_messages(aws, create_queue(aws, "busy").url, 2)
    create_queue(aws, "idle")
    template = register_template(aws, "worker")
    scalers = [scaler(name, template, cluster="main") for name in ("busy", "idle", "absent")]
    with running(tmp_path_factory.mktemp("status"), configuration(aws, *scalers)) as process:
        eventually(lambda: process.last("busy").get("running") == 2, within=SOON)
        eventually(lambda: process.last("idle").get("repeated", 0) >= 1, within=SOON)
        yield process
    aws.reset()


def lines_of(daemon: Daemon, name: str) -> list[str]:
    """Return the lines of ``ecsq status --scaler NAME``, without those of the daemon."""
    result = CliRunner().invoke(main, ["status", daemon.url, "--scaler", name])
    assert (0, "") == (result.exit_code, result.stderr)
    return result.stdout.split("\n\n")[1].splitlines()


def test_what_runs(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines say what runs, since when, and on which configuration."""
    monkeypatch.setenv("COLUMNS", "300")
    version, digest = daemon.status()["version"], daemon.status()["config"]["hash"][:12]
    first, second = CliRunner().invoke(main, ["status", daemon.url]).stdout.splitlines()[:2]
    assert first.startswith(f"ecsq {version}, up ")
    assert first.endswith(": 3 scalers, 1 in trouble")
    assert second.startswith(f"configuration {daemon.config}, taken at ")
    assert second.endswith(f", hash {digest}")


def test_a_scaler_that_launched(daemon: Daemon) -> None:
    """A scaler's paragraph says the decision in a line, when it was taken, and each step with its numbers."""
    lines = lines_of(daemon, "busy")
    assert "scaler busy: hold: enough containers live (2 messages, 2 live of 2 desired)" == lines[0]
    about = [line.split()[0] for line in lines[1:]]
    assert ["decided", "queue", "fleet", "demand", "level", "desired", "doctor", "launch"] == about
    assert "  queue     2 messages of backlog = 2 visible + 0 in flight; not counted: 0 delayed" in lines
    assert "  fleet     2 live containers = 2 running + 0 starting, in 2 tasks" in lines


def test_the_last_launch(daemon: Daemon) -> None:
    """A scaler that holds says when it last launched and what came of it; one that never has says nothing."""
    launch = daemon.scaler("busy")["last_launch"]
    pattern = rf"  launch    the last \w+ ago, at {format_clock(launch['at'])}, launched: 2 containers in 2 tasks"
    assert re.fullmatch(pattern, lines_of(daemon, "busy")[-1])
    assert [] == [line for line in lines_of(daemon, "idle") if line.startswith("  launch ")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "launched"}, "launched: 2 containers in 2 tasks"),
        ({"outcome": "failed", "launched_tasks": 0, "launched_containers": 0}, "failed: nothing was started"),
        (
            {"outcome": "in_doubt", "launched_tasks": 0, "launched_containers": 0, "launched_in_doubt": 4},
            "in_doubt: 4 containers may have started; of the rest, nothing was started",
        ),
        (
            {
                "outcome": "dry_run",
                "launched_tasks": 0,
                "launched_containers": 0,
                "plan": [{"tasks": 2, "containers": 3}, {"tasks": 1, "containers": 2}],
            },
            "dry_run: 8 containers in 3 tasks",
        ),
        (
            {"outcome": "launched", "plan_cut": "planned 2 of 9: max_tasks_per_launch is 2"},
            "launched: 2 containers in 2 tasks; planned 2 of 9: max_tasks_per_launch is 2",
        ),
    ],
    ids=["launched", "failed", "in doubt", "dry run", "cut"],
)
def test_what_came_of_a_launch(daemon: Daemon, changes: dict[str, Any], expected: str) -> None:
    """The decision that launches says what it started, a dry run what it would have, and not the launch before."""
    document = daemon.status()
    [busy] = [each for each in document["scalers"] if each["name"] == "busy"]
    busy["last_decision"] = busy["last_launch"] | changes
    result = answered(200, json.dumps(document | {"scalers": [busy]}).encode(), "--scaler", "busy")
    assert f"  outcome   {expected}" in result.stdout.splitlines()
    assert "  launch " not in result.stdout


def test_a_failure_says_what_holds_now(daemon: Daemon) -> None:
    """Below a launch that failed stands the hold for the next slot, before the lines that explain it."""
    status = daemon.status()
    (shown,) = status["scalers"] = [each for each in status["scalers"] if each["name"] == "busy"]
    shown["held"] = "hold: 2 containers short, but the launch window is closed"
    lines = answered(200, json.dumps(status).encode(), "--scaler", "busy", columns=300).stdout.splitlines()
    assert ["decided", "now", "queue"] == [line.split()[0] for line in lines if line.startswith("  ")][:3]
    assert f"  now       {shown['held']}" in lines


@pytest.mark.parametrize("after", [40.0, 200_000.0], ids=["soon", "on another day"])
def test_a_failure_says_when_it_is_tried_again(daemon: Daemon, after: float) -> None:
    """In the words of ``ecsq plan``, before the lines that explain the decision, and only after one."""
    status = daemon.status()
    (shown,) = status["scalers"] = [each for each in status["scalers"] if each["name"] == "busy"]
    at = shown["memory"]["retry_at"] = status["now"] + after
    lines = answered(200, json.dumps(status).encode(), "--scaler", "busy", columns=300).stdout.splitlines()
    assert ["decided", "retry", "queue"] == [line.split()[0] for line in lines if line.startswith("  ")][:3]
    told = f"not before {format_clock(at, status['now'])}: after a failure the daemon waits longer each time"
    assert f"  retry     {told}" in lines
    assert [] == [line for line in lines_of(daemon, "busy") if line.startswith("  retry ")]


def test_a_hold_that_lasts(daemon: Daemon) -> None:
    """A hold that repeats itself says for how long, over how many looks, and since when."""
    repeated = r"  decided   \w+ ago, at \S+Z; the same for \w+, \d+ looks in a row, since \d\d:\d\d:\d\dZ"
    assert re.fullmatch(repeated, lines_of(daemon, "idle")[1])


def test_what_lasts_for_days_carries_the_date(daemon: Daemon) -> None:
    """Times older than a day say which day it was."""
    document = daemon.status() | {"now": 1_700_000_000.0}
    [idle] = [each for each in document["scalers"] if each["name"] == "idle"]
    idle["last_decision"] |= {"at": 1_700_000_000.0 - 5, "repeated": 40_000, "since": 1_700_000_000.0 - 400_000}
    lines = answered(200, json.dumps(document).encode(), "--scaler", "idle").stdout.splitlines()
    expected = "  decided   5s ago, at 22:13:15Z; the same for 4d15h, 40001 looks in a row, since 2023-11-10 07:06:40Z"
    assert expected in lines


def test_a_scaler_with_a_problem(daemon: Daemon) -> None:
    """A scaler that cannot be observed says why, with the key to check."""
    expected = '  problem   queue "absent" does not exist in us-east-1; check scalers[2].queue'
    assert expected == lines_of(daemon, "absent")[1]


def test_a_search_is_no_scaler_and_names_those_it_has() -> None:
    """Its name stands in the file, so a user tries it."""
    names = {f"video.{name}": {"found_by": "video"} for name in "abcdefghijkl"}
    assert "for each queue that video has found: video.a, " in hint("video", names)
    assert hint("video", names).endswith("video.j and 2 more")


def test_a_scaler_that_is_not_there(daemon: Daemon) -> None:
    """It is one line that names the nearest."""
    result = CliRunner().invoke(main, ["status", daemon.url, "--scaler", "bussy"])
    expected = f"Error: the daemon at {daemon.url} has no scaler 'bussy'; did you mean busy?\n"
    assert (1, "", expected) == (result.exit_code, result.stdout, result.stderr)


def test_json(daemon: Daemon) -> None:
    """The daemon's JSON as it is, or one scaler's part of it."""
    whole = json.loads(CliRunner().invoke(main, ["status", daemon.url, "--json"]).stdout)
    one = json.loads(CliRunner().invoke(main, ["status", daemon.url, "--json", "--scaler", "idle"]).stdout)
    assert (daemon.status().keys(), daemon.scaler("idle").keys()) == (whole.keys(), one.keys())
    assert ["busy", "idle", "absent"] == [each["name"] for each in whole["scalers"]]


@pytest.mark.parametrize("ending", ["", "/", "/status", "/status/"])
def test_a_url_without_a_scheme(daemon: Daemon, ending: str) -> None:
    """HOST:PORT is enough, and neither a trailing slash nor /status does harm."""
    assert 0 == CliRunner().invoke(main, ["status", f"{daemon.url.removeprefix('http://')}{ending}"]).exit_code


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_is_not_asked(daemon: Daemon, variable: str) -> None:
    """It would look for the daemon on its own loopback. Python reads the variable once, so this takes a process."""
    with bind(ServerSpec("127.0.0.1", 0)) as bound:
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
    others = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    asked = [sys.executable, "-m", "controller", "status", daemon.url]
    result = subprocess.run(asked, env=others | {variable: nobody}, capture_output=True, timeout=60, check=False)
    assert (0, b"") == (result.returncode, result.stderr)


def test_a_reload_that_was_refused(daemon: Daemon) -> None:
    """A refused reload is shown with its errors, and that an earlier configuration stays."""
    text = daemon.config.read_text()
    daemon.reload("scalers: []")
    result = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["status", daemon.url])
    daemon.reload(text)
    assert 0 == result.exit_code
    assert "was not taken, an earlier one stays" in result.stdout
    assert f"\n  {daemon.config}:1:" in result.stdout


def test_nobody_listens() -> None:
    """A port on which nobody listens is one line and exit code 1."""
    with bind(ServerSpec("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    result = CliRunner().invoke(main, ["status", f"127.0.0.1:{port}"])
    assert 1 == result.exit_code
    assert f"Error: no daemon answers at http://127.0.0.1:{port}: [Errno 111] Connection refused\n" == result.stderr


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (200, b"<html>", "is not ecsq"),
        (200, b"[]", "is not ecsq"),
        (200, b'{"name": 1}', "is not ecsq"),
        (200, b"\xff\xfe", "is not ecsq"),
        (404, b"", "/status is 404 Not Found"),
        (None, b"", "no daemon answers at "),
        (None, b"SSH-2.0-OpenSSH_9.2\r\n", "no daemon answers at "),
    ],
    ids=["no JSON", "another document", "half of it", "no text", "not found", "silence", "no HTTP"],
)
def test_something_else_answers(status: int | None, body: bytes, complaint: str) -> None:
    """Whatever else listens there is told apart in one line, with exit code 1."""
    result = answered(status, body)
    assert (1, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert complaint in result.stderr


def test_times_of_another_kind(daemon: Daemon) -> None:
    """A document whose values are of another kind is no status either."""
    document: dict[str, Any] = daemon.status() | {"now": "noon"}
    result = answered(200, json.dumps(document).encode())
    assert (1, 1) == (result.exit_code, len(result.stderr.splitlines()))


def test_a_url_that_is_none() -> None:
    """A URL with a mistake in it is one line and exit code 1."""
    result = CliRunner().invoke(main, ["status", "127.0.0.1:eighty"])
    assert (1, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "'127.0.0.1:eighty' is not the address of a daemon: write it as http://HOST:PORT" in result.stderr
