import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.core.copies.copies import KEEPER, copy_names
from controller.sandbox.aws import METADATA, Disturbance
from controller.sandbox.keepers import TOOLS, Keepers
from controller.sandbox.process_group import SetupError
from tests.sandbox.stand import Stand, copies
from tests.support.aws import container, eventually

WORKERS = copy_names("worker", 2)
DONE = {KEEPER: 0, "worker-1": 0, "worker-2": 0}


def log_of(directory: Path, arn: str) -> list[str]:
    """Return the lines that the keeper of a task has printed so far."""
    log = directory / "keepers" / f"{arn.rpartition('/')[2]}.log"
    return log.read_text().splitlines() if log.exists() else []


def run_instead(stand: Stand, *command: str, **environment: str) -> str:
    """Run a task whose keeper's container has that command; return its ARN."""
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    return stand.run(container(KEEPER, entryPoint=[], command=list(command), environment=variables))


def only(monkeypatch, directory: Path, **tools: str | None) -> None:
    """Set PATH to a directory with only these tools; skip the test if this machine lacks one."""
    directory.mkdir()
    for tool, found in tools.items():
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (directory / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))


def test_it_asks_about_its_own_task_and_ends_when_its_workers_have(stand, tmp_path):
    """The real script, over HTTP: each of two tasks is ended by its own keeper, after its last worker."""
    stand.send(0.05, 0.5, 0.05, 0.05)
    first, second = (stand.run(*copies(stand, 2, "single")) for _ in range(2))

    assert eventually(lambda: stand.stopped(first) and stand.stopped(second))
    assert [stand.exit_codes(arn) for arn in (first, second)] == [DONE, DONE]
    for arn in (first, second):
        assert log_of(tmp_path, arn)[-1] == "ecsq-keeper: all have stopped"
        ends = {view.name: view.stopped_at for view in stand.aws.ecs.task(arn).containers}
        assert max(ends, key=ends.get) == KEEPER


@pytest.mark.parametrize("kind", ["error", "malformed", "cut", "lost_request", "hang"])
def test_workers_go_on_while_the_endpoint_is_in_trouble(stand, kind):
    """During errors, garbage, half answers and no answers the workers go on, and then the task ends as usual."""
    stand.send(0.05, 0.6)
    stand.aws.disturbances.add(Disturbance(METADATA, "*", kind, times=3))
    arn = stand.run(*copies(stand, 2, "single"))

    assert eventually(lambda: stand.stopped(arn))
    assert stand.aws.disturbances.count_hits() == {(METADATA, kind): 3}
    assert stand.exit_codes(arn) == DONE
    assert (stand.runner.kills, stand.runner.failures) == ([], [])


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        (("sh", "-c", "echo first; echo last; exit 5"), 5, " after 'last'"),
        (("sh", "-c", "kill -9 $$"), 137, " after ''"),
        (("bash", "-c", "true"), 127, ": cannot start 'bash', its image has only sh, wget, sleep, date"),
        ((), 127, ": cannot start '', its image has only sh, wget, sleep, date"),
    ],
    ids=["fails", "killed from within", "not in the image", "no command"],
)
def test_a_keeper_that_does_not_exit_with_0_is_a_failure(stand, command, code, why):
    """Its task stops with its exit code, the run has its last line as a failure, and other tasks go on."""
    stand.send(0.05)
    broken, good = run_instead(stand, *command), stand.run(stand.worker())

    assert eventually(lambda: stand.stopped(broken) and stand.stopped(good))
    assert stand.exit_codes(broken) == {KEEPER: code}
    assert stand.runner.failures == [f"{KEEPER} of task {broken.rpartition('/')[2]}: exit code {code}{why}"]
    assert (stand.totals(), stand.runner.error) == ((1, 1, 0), None)


def test_a_container_runs_its_own_entry_point_with_its_command(stand):
    """They are those of the definition, even if keepers usually have others."""
    keeper, *workers = copies(stand, 1, "single")
    arn = stand.run(keeper | {"entryPoint": ["sleep"], "command": ["0"]}, *workers)

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn)[KEEPER] == 0
    assert stand.runner.failures == []


def test_a_keeper_has_nothing_but_its_image_and_its_own_environment(stand, tmp_path, monkeypatch):
    """It sees only its own tools and variables, and no settings of the user."""
    monkeypatch.setenv("LEAK", "of the user")
    say = """printf '%s\\n' "$PATH" "${LEAK-none}" "$OWN" "$WGETRC" "$SYSTEM_WGETRC" """
    arn = run_instead(stand, "sh", "-c", say, OWN="mine")

    assert eventually(lambda: stand.stopped(arn))
    image, leak, own, *wgetrcs = log_of(tmp_path, arn)
    assert sorted(each.name for each in Path(image).iterdir()) == sorted(TOOLS)
    assert (leak, own) == ("none", "mine")
    # GNU wget refuses what is no regular file.
    assert [(Path(each).is_file(), Path(each).read_text()) for each in wgetrcs] == [(True, "")] * 2


def test_a_keeper_of_an_interrupted_task_has_not_failed(stand):
    """It ends, and only the workers beside it count as killed."""
    stand.send(60.0, 60.0)
    arn = stand.run(*copies(stand, 2, "single"))
    assert eventually(lambda: stand.runner.running == 3)

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)
    assert sorted(kill.container for kill in stand.runner.kills) == list(WORKERS)
    assert stand.runner.failures == []


def test_a_keeper_may_handle_sigterm(stand, tmp_path, monkeypatch):
    """SIGTERM comes first, as on ECS, and any exit code after it is no failure."""
    monkeypatch.setattr("controller.sandbox.keepers.STOP_TIMEOUT", math.inf)
    arn = run_instead(stand, "sh", "-c", "trap 'echo told; exit 143' TERM; echo up; sleep 60 & wait")
    assert eventually(lambda: log_of(tmp_path, arn) == ["up"])

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)
    assert (log_of(tmp_path, arn), stand.runner.failures) == (["up", "told"], [])


def test_a_keeper_that_ignores_sigterm_is_killed(stand, tmp_path, monkeypatch):
    """SIGKILL comes after its stop time-out, and nothing of it goes on."""
    monkeypatch.setattr("controller.sandbox.keepers.STOP_TIMEOUT", 0.1)
    arn = run_instead(stand, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
    assert eventually(lambda: log_of(tmp_path, arn) == ["up"])

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)


@pytest.mark.parametrize("has", [("sh", "sleep", "date"), ("sh", "sleep", "date", "wget")], ids=["no wget", "wget"])
def test_keepers_run_on_a_machine_without_busybox_or_wget_too(aws, group, tmp_path, monkeypatch, has):
    """The script works the same with the tools of the machine, and does not use a proxy."""
    only(monkeypatch, tmp_path / "tools", **{tool: shutil.which(tool) for tool in has})
    files = tmp_path / "files"
    files.mkdir()
    stand = Stand(aws, Keepers(group, files, poll=0.1, timeout=5))
    stand.runner.start()
    stand.send(0.05, 0.2)
    keeper, *workers = copies(stand, 2, "single")
    proxy = [{"name": name, "value": "http://127.0.0.1:1"} for name in ("http_proxy", "all_proxy", "ALL_PROXY")]
    arn = stand.run(keeper | {"environment": proxy}, *workers)
    assert eventually(lambda: stand.stopped(arn))
    stand.runner.stop()

    assert stand.exit_codes(arn) == DONE


def test_the_substitute_for_wget_uses_no_proxy(group, aws, tmp_path, monkeypatch):
    """It ignores even a proxy that Python would find in the environment."""
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), sleep=shutil.which("sleep"), date=shutil.which("date"))
    Keepers(group, tmp_path, poll=1, timeout=1)
    wget = tmp_path / "keeper-image" / "wget"
    aws.disturbances.add(Disturbance(METADATA, "*", "replace", body={"asked": "directly"}))

    answer = subprocess.run(
        [wget, "-q", "-O", "-", f"{aws.url}/v4/any/task"],
        env={"http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.stdout == '{"asked":"directly"}'


def test_the_tools_of_busybox_come_first(group, tmp_path, monkeypatch):
    """They are used as in the usual image, whatever else is installed, and even with a relative PATH."""
    true = shutil.which("true")
    only(monkeypatch, tmp_path / "tools", busybox=true, sh=true, wget=true, sleep=true, date=true)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "tools")

    Keepers(group, tmp_path, poll=1, timeout=1)

    image = tmp_path / "keeper-image"
    assert {(image / tool).readlink() for tool in TOOLS} == {tmp_path / "tools" / "busybox"}


def test_a_missing_tool_is_named(group, tmp_path, monkeypatch):
    """One sentence names the tool, and says what to do."""
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), wget=shutil.which("true"))

    with pytest.raises(SetupError, match="the sandbox needs sleep: install it, or busybox"):
        Keepers(group, tmp_path, poll=1, timeout=1)


# Without wget and busybox, a substitute is written to the temporary directory, where nothing can be executed here.
NOEXEC = """
mount -t tmpfs -o noexec tmpfs "$1" && exec env PATH="$2" TMPDIR="$1" "$3" -m controller sandbox --duration 1s
"""


def test_a_temporary_directory_without_execution_is_one_clear_line(tmp_path, monkeypatch):
    """The exit code is 1, and the line names the directory and says what to do."""
    unshare = shutil.which("unshare")
    mounted, path = tmp_path / "mounted", os.environ["PATH"]
    mounted.mkdir()
    mount = [unshare, "--map-root-user", "--mount", "sh", "-c"]
    if (
        not unshare
        or subprocess.run([*mount, f"mount -t tmpfs none {mounted}"], capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), sleep=shutil.which("sleep"), date=shutil.which("date"))

    ended = subprocess.run(
        [*mount, NOEXEC, "sh", mounted, tmp_path / "tools", sys.executable],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: nothing can be executed in {mounted}/ecsq-sandbox-")
    assert "install wget or busybox, or set TMPDIR" in line
