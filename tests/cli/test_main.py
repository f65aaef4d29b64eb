from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from controller.cli import COMMANDS, main

if TYPE_CHECKING:
    from pathlib import Path

VERSION = f"ecsq, version {version('ecs-queue-controller')}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    """The help names every command with a line of its own."""
    result = CliRunner().invoke(main, [option])
    listed = [line.split()[0] for line in result.stdout.partition("Commands:\n")[2].splitlines()]
    assert (0, list(COMMANDS)) == (result.exit_code, listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name: str) -> None:
    """Every command explains itself."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith(f"Usage: main {name} ")


def test_version() -> None:
    """--version names the version that is installed."""
    result = CliRunner().invoke(main, ["--version"])
    assert (0, VERSION) == (result.exit_code, result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [[], ["rnu"], ["--confg"], ["run", "--dry"], ["plan", "extra"], ["plan", "--scaler"], ["status", "a", "b"]],
    ids=["nothing", "command", "option", "option of run", "argument", "option without value", "two URLs"],
)
def test_wrong_usage(arguments: list[str]) -> None:
    """Wrong usage is exit code 2, and what is wrong is said on standard error."""
    result = CliRunner().invoke(main, arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert re.search(r"^(Usage|Error): ", result.stderr)


@pytest.mark.parametrize("source", ["option", "variable"])
@pytest.mark.parametrize(
    ("shard", "complaint"),
    [
        ("3/2", "'3/2' is none of the 2 controllers: write 1/2 to 2/2"),
        ("half", "'half' is neither 'auto' nor a number of a number, such as 2/8"),
        ("auto", "auto works in ECS tasks only, where ECS_CONTAINER_METADATA_URI_V4 is set: write 1/3, 2/3, ..."),
    ],
)
def test_a_wrong_shard(source: str, shard: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is wrong usage, whether it is written or comes from the environment."""
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)
    if source == "variable":
        monkeypatch.setenv("ECSQ_SHARD", shard)
    result = CliRunner().invoke(main, ["run", *(["--shard", shard] if source == "option" else [])])
    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.endswith(f": {complaint}\n")


@pytest.mark.parametrize("name", ["run", "check", "plan"])
@pytest.mark.parametrize("source", ["option", "variable", "default"])
def test_a_missing_file(name: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing configuration is no wrong usage: one line that names it, and exit code 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECSQ_CONFIG", raising=False)
    if source == "variable":
        monkeypatch.setenv("ECSQ_CONFIG", "absent.yaml")
    arguments = ["--config", "absent.yaml"] if source == "option" else []
    result = CliRunner().invoke(main, [name, *arguments])
    assert (1, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    expected = "config.yaml" if source == "default" else "absent.yaml"
    assert result.stderr.startswith(f"{expected}:1:1: does not exist")


def test_as_a_module() -> None:
    """``python -m controller`` is the same command, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "controller", "--version"], capture_output=True, text=True, check=True)
    assert VERSION.partition(", ")[2] == done.stdout.partition(", ")[2]


def test_help_imports_no_command() -> None:
    """Nor does a shell that completes their names: nobody at a prompt waits for boto3."""
    code = (
        "import sys; from controller.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'boto3', 'pydantic', 'structlog'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.splitlines()[-1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    """What README tells people to evaluate is a script for their shell."""
    done = subprocess.run(
        [sys.executable, "-c", "from controller.cli import main; main(prog_name='ecsq')"],
        env={"_ECSQ_COMPLETE": f"{shell}_source", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, True) == (done.returncode, f"_ECSQ_COMPLETE={shell}_complete" in done.stdout)


@pytest.mark.parametrize(
    "arguments", [["check", "--config"], ["stack", "--at"], ["simulate", "--against"]], ids=" ".join
)
def test_a_shell_completes_the_names_of_files(arguments: list[str]) -> None:
    """Where a configuration is asked for, whatever else may be written there."""
    found = ShellComplete(main, {}, "ecsq", "_ECSQ_COMPLETE").get_completions(arguments, "con")
    assert [("con", "file")] == [(each.value, each.type) for each in found]
