import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from controller.cli.sandbox import command

# Makes one package impossible to import, then runs the command, as on a machine without the optional dependencies.
WITHOUT = """
import sys
sys.modules[{package!r}] = None
from controller.cli.sandbox import command
command(["--duration", "1s"])
"""


@pytest.mark.parametrize("package", ["moto", "rich"])
def test_a_missing_optional_dependency_is_one_line_with_what_to_install(package):
    """A user who installed only the daemon learns how to install the sandbox."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package)], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"Error: the sandbox needs {package}, which is not installed: "
        "install the wheel with the extra sandbox (pipx install --force 'WHEEL[sandbox]'), or run make setup in a "
        "checkout"
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--duration", "soon"], "is not a duration"),
        (["--duration", "0s"], "must be above 0"),
        (["--duration", "0"], "must be above 0"),
        (["--duration", "0.5"], "write it as 500ms"),
        (["--seed", "-1"], "x>=0"),
        (["--port", "70000"], "0<=x<=65535"),
        (["--chaos", "--aws-only"], "leave --aws-only out"),
        (["--soak", "--aws-only"], "leave --aws-only out"),
        (["--linger", "1m", "--aws-only"], "leave --aws-only out"),
        (["--preset", "sidecars"], "'sidecar'"),
    ],
    ids=[
        "no duration",
        "no time",
        "zero",
        "a fraction",
        "negative seed",
        "no port",
        "chaos alone",
        "soak alone",
        "nothing that lingers",
        "no preset",
    ],
)
def test_wrong_usage_is_named(arguments, complaint):
    """A wrong option has exit code 2, and the message says what is wrong with it."""
    result = CliRunner().invoke(command, arguments)

    assert result.exit_code == 2
    assert complaint in result.output


@pytest.mark.parametrize("duration", ["5", "5s", "5000ms"])
def test_a_duration_may_be_whole_seconds(duration):
    """A bare whole number means seconds, as in the configuration."""
    with command.make_context("sandbox", ["--duration", duration]) as context:
        assert context.params["duration"] == 5.0


def test_a_taken_port_is_one_clear_line():
    """The exit code is 1, and the line names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(command, ["--port", str(port), "--duration", "1s"])

    assert result.exit_code == 1
    assert f"Error: 127.0.0.1:{port}" in result.output
    assert len(result.output.splitlines()) == 1


def test_a_machine_without_a_shell_is_one_clear_line(monkeypatch, tmp_path):
    """The exit code is 1, and the line says what is missing and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(command, ["--duration", "1s"])

    assert result.exit_code == 1
    assert result.output == "Error: the sandbox needs a POSIX shell: put the directory of sh on PATH\n"
