from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from controller.cli.check import command as check
from controller.cli.schema import command as schema
from controller.config import json_schema
from tests.config.files import LEAST, scaler
from tests.support.aws import unique

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECSQ_CONFIG", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def test_valid(directory: Path) -> None:
    """A valid configuration is said to be, with exit code 0."""
    (directory / "config.yaml").write_text(LEAST)
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "config.yaml: valid, 1 scaler\n", "")


def test_errors(directory: Path) -> None:
    """Every error is a line of its own on standard error, and the exit code is 1."""
    (directory / "config.yaml").write_text(scaler("paused: 1\nmin_containers: -1"))
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "config.yaml:9:13: scalers[0].paused: must be true or false, not the number 1",
        "config.yaml:10:21: scalers[0].min_containers: must be at least 0, not -1",
    ]


def test_warnings(directory: Path) -> None:
    """A warning is told, and leaves the exit code at 0."""
    (directory / "config.yaml").write_text(scaler("min_containers: 1"))
    result = run()
    expected = (
        "config.yaml:9:21: warning: scalers[0].min_containers: "
        "is above 0: workers that exit on an empty queue are replaced for ever\n"
    )
    assert (0, "config.yaml: valid, 1 scaler\n", expected) == (result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[" * 100_000], ids=["missing", "empty", "bytes", "deep"])
def test_no_configuration(directory: Path, content: bytes | None) -> None:
    """A file that is missing or no configuration is one line and exit code 1."""
    if content is not None:
        (directory / "config.yaml").write_bytes(content)
    result = run()
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith("config.yaml:1:")


def test_the_variable_names_the_file(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --config the variable ECSQ_CONFIG names the file."""
    (directory / "other.yaml").write_text(LEAST)
    monkeypatch.setenv("ECSQ_CONFIG", "other.yaml")
    assert run().stdout == "other.yaml: valid, 1 scaler\n"


def test_the_option_is_the_strongest(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config wins over the variable ECSQ_CONFIG."""
    (directory / "mine.yaml").write_text(LEAST)
    monkeypatch.setenv("ECSQ_CONFIG", "other.yaml")
    assert run("--config", "mine.yaml").stdout == "mine.yaml: valid, 1 scaler\n"


def test_an_empty_variable_is_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ECSQ_CONFIG that is set to nothing leaves the default."""
    (directory / "config.yaml").write_text(LEAST)
    monkeypatch.setenv("ECSQ_CONFIG", "")
    assert run().stdout == "config.yaml: valid, 1 scaler\n"


def test_wrong_usage(directory: Path) -> None:
    """An unknown option is wrong usage."""
    assert run("--confg", "x").exit_code == 2


def test_schema() -> None:
    """``ecsq schema`` prints the JSON Schema."""
    assert json_schema() == json.loads(CliRunner().invoke(schema).stdout)


@pytest.mark.parametrize("scheme", ["ssm", "s3"])
def test_a_configuration_in_aws(
    aws: EmbeddedAws, directory: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """It is read where it is, and its mistakes are told with their place there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws.region)
    name = unique("checked")
    address = f"ssm:/{name}" if scheme == "ssm" else f"s3://{name}/config.yaml"
    if scheme == "s3":
        aws.client("s3").create_bucket(Bucket=name)
    for text, expected in (
        (LEAST, (0, f"{address}: valid, 1 scaler\n", "")),
        (scaler("paused: 1"), (1, "", f"{address}:9:13: scalers[0].paused: must be true or false, not the number 1\n")),
    ):
        if scheme == "s3":
            aws.client("s3").put_object(Bucket=name, Key="config.yaml", Body=text.encode())
        else:
            aws.client("ssm").put_parameter(Name=f"/{name}", Value=text, Type="String", Overwrite=True)
        result = run("--config", address)
        assert expected == (result.exit_code, result.stdout, result.stderr)
