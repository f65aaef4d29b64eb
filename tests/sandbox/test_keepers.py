import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.core.copies.copies import KEEPER, copy_names
from controller.sandbox.aws import METADATA, Fault
from controller.sandbox.keepers import TOOLS, Keepers
from controller.sandbox.process_group import SetupError
from tests.sandbox.stand import Stand, copies
from tests.support.aws import container, eventually

WORKERS = copy_names("worker", 2)
DONE = {KEEPER: 0, "worker-1": 0, "worker-2": 0}


def log_of(directory: Path, arn: str) -> list[str]:
    """Give what the keeper of a task has said so far."""
    log = directory / "keepers" / f"{arn.rpartition('/')[2]}.log"
    return log.read_text().splitlines() if log.exists() else []


def run_instead(stand: Stand, *command: str, **environment: str) -> str:
    """Run a task whose keeper's container has that command; gives its ARN."""
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    return stand.run(container(KEEPER, entryPoint=[], command=list(command), environment=variables))


def only(monkeypatch, directory: Path, **tools: str | None) -> None:
    """Let PATH be a directory with these tools and nothing else; skip if one is not to be had."""
    directory.mkdir()
    for tool, found in tools.items():
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (directory / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))


def test_it_asks_about_its_own_task_and_ends_when_its_workers_have(stand, tmp_path):
    """The script itself, over HTTP: of two tasks each is ended by its own keeper, after its last worker."""
    stand.send(0.05, 0.5, 0.05, 0.05)
    first, second = (stand.run(*copies(stand, 2, "single")) for _ in range(2))

    assert eventually(lambda: stand.stopped(first) and stand.stopped(second))
    assert [stand.exit_codes(arn) for arn in (first, second)] == [DONE, DONE]
    for arn in (first, second):
        assert log_of(tmp_path, arn)[-1] == "ecsq-keeper: all have stopped"
        ends = {view.name: view.stopped_at for view in stand.aws.ecs.task(arn).containers}
        assert max(ends, key=ends.get) == KEEPER


@pytest.mark.parametrize("kind", ["error", "malformed", "cut", "lost_request", "hang"])
def test_an_endpoint_in_trouble_cuts_nobody_off(stand, kind):
    """Errors, garbage, half an answer, none: as long as it lasts, the workers go on, and then the task ends."""
    stand.send(0.05, 0.6)
    stand.aws.faults.add(Fault(METADATA, "*", kind, times=3))
    arn = stand.run(*copies(stand, 2, "single"))

    assert eventually(lambda: stand.stopped(arn))
    assert stand.aws.faults.injected() == {(METADATA, kind): 3}
    assert stand.exit_codes(arn) == DONE
    assert (stand.runner.kills, stand.runner.failures) == ([], [])


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        (("sh", "-c", "echo first; echo last; exit 4"), 4, " after 'last'"),
        (("sh", "-c", "kill -9 $$"), 137, " after ''"),
        (("bash", "-c", "true"), 127, ": cannot start 'bash', its image has only sh, wget, sleep"),
        ((), 127, ": cannot start '', its image has only sh, wget, sleep"),
    ],
    ids=["fails", "killed from within", "not in the image", "no command"],
)
def test_a_keeper_that_ends_otherwise_than_it_should_is_a_failure_of_its_own_task(stand, command, code, why):
    """Its exit code ends its task, the run is told why with its last words, and other tasks go on."""
    stand.send(0.05)
    broken, good = run_instead(stand, *command), stand.run(stand.worker())

    assert eventually(lambda: stand.stopped(broken) and stand.stopped(good))
    assert stand.exit_codes(broken) == {KEEPER: code}
    assert stand.runner.failures == [f"{KEEPER} of task {broken.rpartition('/')[2]}: exit code {code}{why}"]
    assert (stand.totals(), stand.runner.error) == ((1, 1, 0), None)


def test_a_container_runs_its_own_entry_point_with_its_command(stand):
    """What the definition says, and not what keepers usually have."""
    keeper, *workers = copies(stand, 1, "single")
    arn = stand.run(keeper | {"entryPoint": ["sleep"], "command": ["0"]}, *workers)

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn)[KEEPER] == 0
    assert stand.runner.failures == []


def test_a_keeper_has_nothing_but_its_image_and_its_own_environment(stand, tmp_path, monkeypatch):
    """Its tools and no others of this machine, what its container is given, and no setting of the user's."""
    monkeypatch.setenv("LEAK", "of the user")
    say = """printf '%s\\n' "$PATH" "${LEAK-none}" "$OWN" "$WGETRC" "$SYSTEM_WGETRC" """
    arn = run_instead(stand, "sh", "-c", say, OWN="mine")

    assert eventually(lambda: stand.stopped(arn))
    image, leak, own, *wgetrcs = log_of(tmp_path, arn)
    assert sorted(each.name for each in Path(image).iterdir()) == sorted(TOOLS)
    assert (leak, own) == ("none", "mine")
    # GNU wget refuses what is no regular file.
    assert [(Path(each).is_file(), Path(each).read_text()) for each in wgetrcs] == [(True, "")] * 2


def test_a_keeper_whose_task_is_taken_away_is_ended_and_has_not_failed(stand):
    """The workers beside it are the kills."""
    stand.send(60.0, 60.0)
    arn = stand.run(*copies(stand, 2, "single"))
    assert eventually(lambda: stand.runner.running == 3)

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)
    assert sorted(kill.container for kill in stand.runner.kills) == list(WORKERS)
    assert stand.runner.failures == []


def test_a_keeper_is_told_to_end_and_may_say_so(stand, tmp_path, monkeypatch):
    """SIGTERM comes first, as from ECS; how it ends then is no failure."""
    monkeypatch.setattr("controller.sandbox.keepers.STOP_TIMEOUT", math.inf)
    arn = run_instead(stand, "sh", "-c", "trap 'echo told; exit 143' TERM; echo up; sleep 60 & wait")
    assert eventually(lambda: log_of(tmp_path, arn) == ["up"])

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)
    assert (log_of(tmp_path, arn), stand.runner.failures) == (["up", "told"], [])


def test_a_keeper_that_does_not_listen_is_killed(stand, tmp_path, monkeypatch):
    """SIGKILL comes after the time that it has; nothing of it goes on."""
    monkeypatch.setattr("controller.sandbox.keepers.STOP_TIMEOUT", 0.1)
    arn = run_instead(stand, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
    assert eventually(lambda: log_of(tmp_path, arn) == ["up"])

    stand.aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.running == 0)


@pytest.mark.parametrize("has", [("sh", "sleep"), ("sh", "sleep", "wget")], ids=["no wget", "wget"])
def test_a_machine_without_busybox_or_wget_has_keepers_too(aws, group, tmp_path, monkeypatch, has):
    """Whatever this machine has to ask with, the script is the same and so is its end; a proxy is not asked."""
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


def test_what_does_for_wget_asks_no_proxy(group, aws, tmp_path, monkeypatch):
    """Not even one that Python finds for itself."""
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), sleep=shutil.which("sleep"))
    Keepers(group, tmp_path, poll=1, timeout=1)
    wget = tmp_path / "keeper-image" / "wget"
    aws.faults.add(Fault(METADATA, "*", "replace", body={"asked": "directly"}))

    answer = subprocess.run(
        [wget, "-q", "-O", "-", f"{aws.url}/v4/any/task"],
        env={"http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert answer.stdout == '{"asked":"directly"}'


def test_busyboxs_tools_are_taken_where_there_is_one(group, tmp_path, monkeypatch):
    """As the usual image has them, whatever else is installed; a relative PATH does no harm."""
    true = shutil.which("true")
    only(monkeypatch, tmp_path / "tools", busybox=true, sh=true, wget=true, sleep=true)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "tools")

    Keepers(group, tmp_path, poll=1, timeout=1)

    image = tmp_path / "keeper-image"
    assert {(image / tool).readlink() for tool in TOOLS} == {tmp_path / "tools" / "busybox"}


def test_a_machine_without_a_tool_is_told_which(group, tmp_path, monkeypatch):
    """One sentence, with what to do."""
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), wget=shutil.which("true"))

    with pytest.raises(SetupError, match="the sandbox needs sleep: install it, or busybox"):
        Keepers(group, tmp_path, poll=1, timeout=1)


# Without wget and busybox one is written into the temporary directory, which here lets nothing be executed.
NOEXEC = """
mount -t tmpfs -o noexec tmpfs "$1" && exec env PATH="$2" TMPDIR="$1" "$3" -m controller sandbox --duration 1s
"""


def test_a_temporary_directory_where_nothing_can_be_executed_is_one_clear_line(tmp_path, monkeypatch):
    """Exit 1, the directory, and what to do."""
    unshare = shutil.which("unshare")
    mounted, path = tmp_path / "mounted", os.environ["PATH"]
    mounted.mkdir()
    mount = [unshare, "--map-root-user", "--mount", "sh", "-c"]
    if (
        not unshare
        or subprocess.run([*mount, f"mount -t tmpfs none {mounted}"], capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    only(monkeypatch, tmp_path / "tools", sh=shutil.which("sh"), sleep=shutil.which("sleep"))

    ended = subprocess.run(
        [*mount, NOEXEC, "sh", mounted, tmp_path / "tools", sys.executable],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: nothing can be executed in {mounted}/ecsq-sandbox-")
    assert "install wget or busybox, or set TMPDIR" in line
