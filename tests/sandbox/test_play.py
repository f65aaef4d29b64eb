import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import boto3
from botocore.config import Config

from controller.sandbox.isolation import isolate
from controller.sandbox.scenario import DRAIN
from tests.support.aws import NETWORK, eventually

DEADLINE = 60.0
"""Seconds in which a run of a second or two must have come to its end."""

# A shorter run than a user's: little work and short delays.
SCRIPT = """
import sys
from dataclasses import replace
from rich.console import Console
from controller.sandbox import play as played
from controller.sandbox.aws import METADATA, Disturbance, EmbeddedAws
from controller.sandbox.play import Options, play
from controller.sandbox.scenario import DRAIN, Scenario
from controller.sandbox.summary import render

steps = [dict(backlog=1, containers=1), dict(backlog=4, containers=2)]
scaler = dict(demand=dict(steps=steps), max_containers=10)
drain = replace(DRAIN, burst_sizes=((6, 6),), work_seconds=(0.05, 0.2), limits={limits}, scaler=scaler)
scenario = Scenario(queues=(drain,), start_delay=(0.0, 0.1), {scenario})
if {mute}:
    # The task metadata endpoint only answers errors.
    class Mute(EmbeddedAws):
        def start(self):
            self.disturbances.add(Disturbance(METADATA, "*", "error", times=None))
            return super().start()
    played.EmbeddedAws = Mute
summary = play(Options(duration=1.0, {options}), Console(width=300), scenario)
print(render(summary))
sys.exit(summary.exit_code)
"""


class Sandbox:
    """A sandbox in a process of its own, because moto's queues and signals belong to the process."""

    def __init__(self, process):
        self.process = process
        self.output = ""
        self._selector = selectors.DefaultSelector()
        self._selector.register(process.stdout, selectors.EVENT_READ)

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read until the output matches the pattern; fail at the deadline, or when the output ends."""
        deadline = time.monotonic() + DEADLINE
        while (match := re.search(pattern, self.output)) is None:
            assert self._selector.select(deadline - time.monotonic()), f"no {pattern!r} in {self.output!r}"
            read = os.read(self.process.stdout.fileno(), 65536).decode()
            assert read, f"ended without {pattern!r}: {self.output!r}"
            self.output += read
        return match

    def end(self) -> int:
        """Wait for the process to end by itself, and return its exit code."""
        rest, _ = self.process.communicate(timeout=DEADLINE)
        self.output += rest.decode()
        return self.process.returncode


@contextmanager
def sandbox(options="aws_only=True", scenario="", limits=DRAIN.limits, *, mute=False):
    script = SCRIPT.format(options=options, scenario=scenario, limits=limits, mute=mute)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield Sandbox(process)
        finally:
            # Not SIGKILL, so that the sandbox can end its controller.
            process.terminate()
            process.wait(DEADLINE)


def row(output: str, title: str) -> list[str]:
    """Return the cells of one row of the summary."""
    (cells,) = re.findall(rf"^ *{title} {{2,}}(\S.*)$", output, re.MULTILINE)
    return cells.split()


def client(service: str, url: str):
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", config=Config(user_agent_appid="ecsq-test"))


def test_the_page_goes_on_after_the_summary():
    """The address is said at the start, and the page is still there when everything is done, until a signal."""
    scenario = "consistency_window=0.5, call_timeout=1.0, grace=15.0"
    with sandbox(options="linger=600.0", scenario=scenario) as run:
        address = run.read_until(r"page +http://(127\.0\.0\.1:\d+)/")[1]
        said = run.read_until(r"The controller goes on for 10m, with its page at http://(\S+)/; Ctrl-C ends it\.")[1]
        with urlopen(f"http://{address}/scalers/drain") as page:
            shown = page.read().decode()
        run.process.terminate()
        code = run.end()

    assert (address, 0) == (said, code)
    assert "launch" in shown


def test_the_real_controller_serves_a_burst_with_copies():
    """The daemon launches copies with a keeper, which do all messages, and none of them is killed."""
    scenario = "consistency_window=0.5, call_timeout=1.0, grace=15.0"
    with sandbox(options="", scenario=scenario, limits={"max_tasks_per_launch": 1}) as run:
        code = run.end()

    assert code == 0, run.output
    assert row(run.output, "sent")[-1] == "6"
    assert row(run.output, "done")[-1] == "6"
    assert row(run.output, "killed in the middle of work")[-1] == "0"
    assert row(run.output, "task definition revisions") == ["1"]
    assert re.search(r"tasks x containers, drain: .*\b1 x 2\b", run.output)
    assert row(run.output, "ecs:RunTask")[0] >= "1"
    assert re.search(r"drain: launched 2 \(1 x 2\)", run.output)
    assert int(row(run.output, "keepers that ended their task")[0]) >= 1
    assert int(row(run.output, "questions asked")[0]) >= 1


def test_a_controller_of_the_users_own_is_summed_up():
    """With --aws-only, tasks that a user launches do the messages, and the summary counts the user's calls."""
    with sandbox(scenario="grace=10.0") as run:
        url = run.read_until(r"embedded AWS +(\S+)").group(1)
        run.read_until("drain: 6 visible")
        client("ecs", url).run_task(
            cluster="sandbox",
            taskDefinition="drain-worker",
            count=2,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
        )
        code = run.end()

    assert code == 0, run.output
    assert row(run.output, "done")[-1] == "6"
    assert row(run.output, "lost")[-1] == "0"
    assert row(run.output, "tasks")[0] == "2"
    assert row(run.output, "ecs:RunTask") == ["1"]
    assert "Every message was done" in run.output


def test_tasks_of_a_controller_of_the_users_own_may_outlive_their_workers():
    """Their sidecars never end here by themselves, which is no failure."""
    with sandbox(scenario="grace=10.0, keeper_poll=0, keeper_timeout=0") as run:
        ecs = client("ecs", run.read_until(r"embedded AWS +(\S+)").group(1))
        run.read_until("drain: 6 visible")
        (worker,) = ecs.describe_task_definition(taskDefinition="drain-worker")["taskDefinition"][
            "containerDefinitions"
        ]
        ecs.register_task_definition(
            family="beside",
            networkMode="awsvpc",
            cpu="512",
            memory="1024",
            containerDefinitions=[worker | {"essential": False}, {"name": "sidecar", "image": "sidecar"}],
        )
        ecs.run_task(cluster="sandbox", taskDefinition="beside", launchType="FARGATE", networkConfiguration=NETWORK)
        code = run.end()

    assert code == 0, run.output
    assert row(run.output, "done")[-1] == "6"


def test_a_keeper_that_never_ends_its_task_is_a_failure(monkeypatch, tmp_path):
    """Without usable answers, a task lives on after its workers, and the run fails because of it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scenario = "consistency_window=0.5, call_timeout=1.0, keeper_poll=0.1, keeper_timeout=0.2, grace=15.0"
    with sandbox(options="", scenario=scenario, limits={"max_tasks_per_launch": 1}, mute=True) as run:
        code = run.end()

    assert code == 1, run.output
    assert row(run.output, "done")[-1] == "6"
    assert row(run.output, "keepers that ended their task") == ["0"]
    (problem,) = re.findall(r"FAILED\n  (.*)\n", run.output)
    assert re.fullmatch(r"Task arn:\S+ still lives \d+ s after its last worker has ended\.", problem)


def test_work_that_is_not_done_in_time_is_a_failure_with_its_logs_kept(monkeypatch, tmp_path):
    """If nothing is launched, the run ends all the same, and says what was left and where the logs are."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sandbox(scenario="grace=0.2") as run:
        code = run.end()

    assert code == 1
    assert "  6 messages not done in time." in run.output.splitlines()
    (kept,) = tmp_path.iterdir()
    assert f"of controller and keepers are kept: {kept}" in run.output
    assert {"config.yaml", "keepers"} <= {each.name for each in kept.iterdir()}


def test_a_ctrl_c_ends_with_the_summary(monkeypatch, tmp_path):
    """Ending a run early is no failure; the summary says what was left in the queue, and no file remains."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sandbox() as run:
        run.read_until("drain: 6 visible")
        run.process.send_signal(signal.SIGINT)
        code = run.end()

    assert code == 0, run.output
    assert "ended on request" in run.output
    assert "Ended on request with 6 messages left in the queues" in run.output
    assert list(tmp_path.iterdir()) == []


def test_a_controller_that_dies_is_a_failure_with_the_end_of_its_log(monkeypatch, tmp_path):
    """It ends the run at once; the end of its log is shown, and the log is kept."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sandbox(options="", scenario="controller='No Name'") as run:
        code = run.end()

    assert code == 1
    assert "The controller ended by itself with exit code 1. The end of its log:" in run.output
    (log,) = tmp_path.glob("*/controller.log")
    assert log.read_text().splitlines()[-1] in run.output


def test_a_controller_ends_with_a_sandbox_that_is_killed(monkeypatch, tmp_path):
    """Even SIGKILL leaves no controller behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sandbox(options="") as run:
        address = run.read_until(r"controller +http://(127\.0\.0\.1):(\d+)/status").groups()

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((address[0], int(address[1]))) == 0

        eventually(listens, within=DEADLINE)
        run.process.kill()
        eventually(lambda: not listens(), within=DEADLINE)


def test_the_users_own_account_is_left_out(monkeypatch):
    """The sandbox uses no account, endpoint or proxy of the user's; SIGTERM ends it too."""
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with sandbox() as run:
        run.read_until("drain: 6 visible")
        run.process.send_signal(signal.SIGTERM)
        code = run.end()

    assert code == 0, run.output


def test_isolation_ends_with_its_context(monkeypatch):
    """Inside there are only made-up credentials; afterwards the environment is as before."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the user's")
    before = dict(os.environ)
    with isolate():
        inside = dict(os.environ)

    assert before == dict(os.environ)
    assert "the user's" not in inside.values()
    assert inside["AWS_ACCESS_KEY_ID"] == "sandbox"
