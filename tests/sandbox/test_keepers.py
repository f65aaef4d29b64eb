import os
import shutil
import signal
import subprocess
import sys

import pytest

from controller.core.copies import KEEPER, copy_names
from controller.sandbox.aws import METADATA, Fault
from controller.sandbox.host import Host
from controller.sandbox.keepers import Keepers
from tests.sandbox.bench import Bench, copies
from tests.support.aws import eventually

WORKERS = copy_names("worker", 2)
DONE = {KEEPER: 0, "worker-1": 0, "worker-2": 0}

# A program on a host of its own: says that it runs, and goes on for a minute with its end of the pipe open.
HOST = """
import sys, time
from pathlib import Path
from controller.sandbox.host import Host
with Host(Path(sys.argv[1])) as host:
    host.run(["sh", "-c", "{ echo runs; exec sleep 60; } >pipe"], {"PATH": sys.argv[2]}, Path("log"))
    time.sleep(60)
"""


def log_of(keepers_directory, arn: str) -> list[str]:
    """Give what the keeper of a task said."""
    return (keepers_directory / f"{arn.rpartition('/')[2]}.log").read_text().splitlines()


def test_it_asks_about_its_own_task_and_ends_when_its_workers_have(bench, tmp_path):
    """The script itself, over HTTP: of two tasks each is ended by its own keeper, after its last worker."""
    bench.send(0.05, 0.5, 0.05, 0.05)
    first, second = (bench.run(*copies(bench, 2, "single")) for _ in range(2))

    assert eventually(lambda: bench.stopped(first) and bench.stopped(second))
    assert [bench.exit_codes(arn) for arn in (first, second)] == [DONE, DONE]
    for arn in (first, second):
        assert log_of(tmp_path / "keepers", arn)[-1] == "ecsq-keeper: all have stopped"
        ends = {view.name: view.stopped_at for view in bench.aws.ecs.task(arn).containers}
        assert max(ends, key=ends.get) == KEEPER


@pytest.mark.parametrize("kind", ["error", "malformed", "cut", "lost_request", "hang"])
def test_an_endpoint_in_trouble_cuts_nobody_off(bench, kind):
    """Errors, garbage, half an answer, none: as long as it lasts, the workers go on, and then the task ends."""
    bench.send(0.05, 0.6)
    bench.aws.faults.add(Fault(METADATA, "*", kind, times=3))
    arn = bench.run(*copies(bench, 2, "single"))

    assert eventually(lambda: bench.stopped(arn))
    assert bench.aws.faults.injected() == {(METADATA, kind): 3}
    assert bench.exit_codes(arn) == DONE
    assert (bench.runner.kills, bench.runner.failures) == ([], [])


def test_a_keeper_that_cannot_work_is_reported_with_its_last_words(bench):
    """Its exit code is its task's end, and a failure of the run that says why."""
    bench.send(60.0, 60.0)
    keeper, *workers = copies(bench, 2, "single")
    without_names = keeper | {"command": keeper["command"][:2]}
    arn = bench.run(without_names, *workers)

    assert eventually(lambda: bench.stopped(arn))
    assert bench.exit_codes(arn)[KEEPER] == 2
    assert bench.runner.failures == [
        "ecsq-keeper: exit code 2 after 'ecsq-keeper: no container named to wait for'",
    ]


def test_a_keeper_whose_task_is_taken_away_is_ended_and_has_not_failed(bench):
    """As ECS does it: SIGTERM, which it obeys; the workers beside it are the kills."""
    bench.send(60.0, 60.0)
    arn = bench.run(*copies(bench, 2, "single"))
    assert eventually(lambda: bench.runner.running == 3)

    bench.aws.ecs.interrupt(arn)

    assert eventually(lambda: bench.runner.running == 0)
    assert sorted(kill.container for kill in bench.runner.kills) == list(WORKERS)
    assert bench.runner.failures == []


@pytest.mark.parametrize("has", [("sh", "sleep"), ("sh", "sleep", "wget")], ids=["no wget", "wget"])
def test_a_machine_without_busybox_or_wget_has_keepers_too(aws, tmp_path, monkeypatch, has):
    """Whatever this machine has to ask with, the script is the same and so is its end."""
    tools, files = tmp_path / "tools", tmp_path / "files"
    for directory in (tools, files):
        directory.mkdir()
    for tool in has:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (tools / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    with Host(files) as host:
        bench = Bench(aws, Keepers(host))
        bench.send(0.05, 0.2)
        arn = bench.run(*copies(bench, 2, "single"))
        assert eventually(lambda: bench.stopped(arn))
        bench.runner.stop()

    assert bench.exit_codes(arn) == DONE


def test_what_runs_on_a_host_ends_with_it_even_if_nobody_ends_it(tmp_path):
    """A sandbox that is killed by SIGKILL leaves no program behind that would go on for ever."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-c", HOST, str(tmp_path), os.environ["PATH"]]

    def read() -> bytes | None:
        try:
            return os.read(reader, 100)
        except BlockingIOError:
            return None

    with subprocess.Popen(command, cwd=tmp_path) as sandbox:
        assert eventually(lambda: read() == b"runs\n")
        assert read() is None
        sandbox.send_signal(signal.SIGKILL)

    assert eventually(lambda: read() == b"")
    os.close(reader)
