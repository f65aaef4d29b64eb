from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli.check import command as check
from controller.cli.schema import command as schema
from controller.config import json_schema
from controller.sandbox.aws import Disturbance
from tests.config.files import LEAST, scaler
from tests.support import daemon
from tests.support.aws import create_queue, register_template, unique

if TYPE_CHECKING:
    from collections.abc import Callable

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
        "is above 0: workers that exit on an empty queue are replaced for ever, which may cost more than the work\n"
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


@pytest.fixture
def checked(aws: EmbeddedAws, cluster: str, directory: Path) -> Callable[..., Result]:
    """Run ``ecsq check --online`` on one scaler of the queue ``orders``."""

    def check_online(**members: Any) -> Result:
        wanted = daemon.configuration(aws, daemon.scaler("orders", "order-worker", cluster=cluster, **members))
        (directory / "config.yaml").write_text(yaml.safe_dump(wanted, sort_keys=False))
        return run("--online")

    return check_online


def test_online_what_cannot_work(aws: EmbeddedAws, checked: Callable[..., Result]) -> None:
    """A queue and a template that do not exist are told with the place of the scaler, and the exit code is 1."""
    register_template(aws, "order-worker")
    result = checked()
    assert (1, "") == (result.exit_code, result.stdout)
    assert re.fullmatch(
        r'config\.yaml:\d+:\d+: scalers\[0\]: queue "orders" does not exist in us-east-1; check scalers\[0\]\.queue\n',
        result.stderr,
    )


def test_online_what_the_doctor_finds(aws: EmbeddedAws, checked: Callable[..., Result]) -> None:
    """A finding is a warning at the queue's place, told once, and nothing is written to AWS."""
    register_template(aws, "order-worker")
    create_queue(aws, "orders")
    result = checked()
    assert (0, "config.yaml: valid, 1 scaler\n") == (result.exit_code, result.stdout)
    found = [line.partition(": warning: ")[2] for line in result.stderr.splitlines()]
    comes_back = "a message that no worker can do comes back until it expires, after 4d"
    assert [f"scalers[0].queue: has no dead-letter queue: {comes_back}; give it a RedrivePolicy"] == found
    asked = {call.operation for call in aws.journal.calls(client=daemon.CLIENT)}
    account = {"GetServiceQuota", "DescribeSubnets"}
    assert {"GetQueueUrl", "GetQueueAttributes", "ListTasks", "DescribeTaskDefinition"} | account == asked


def test_online_what_the_account_does_not_allow(aws: EmbeddedAws, checked: Callable[..., Result]) -> None:
    """The vCPUs and the addresses of the maximum are held against what there is; the daemon never asks for either."""
    register_template(aws, "order-worker", cpu="1024", memory="2048")
    create_queue(aws, "orders")
    aws.account.vcpus = 19.0
    aws.account.addresses["subnet-0a1b2c3d"] = 4
    found = checked(max_containers=20, task_max_containers_per_task=1).stderr
    assert (
        "scalers: take 20 vCPU of FARGATE at the maximum, and the account's quota is 19, for all that runs in it: "
        "ask for more in Service Quotas, or lower max_containers\n"
    ) in found
    assert (
        "scalers[0].task.subnets: have 4 free addresses, and scaler orders may start 20 more tasks, each with one: "
        "add subnets, or lower max_containers\n"
    ) in found


def test_online_what_nobody_may_ask(aws: EmbeddedAws, checked: Callable[..., Result]) -> None:
    """What the account allows is unknown to who may not read it; that is a warning, and nothing else changes."""
    register_template(aws, "order-worker")
    create_queue(aws, "orders")
    denied = Disturbance("servicequotas", "*", "error", status=403, code="AccessDeniedException", times=None)
    aws.disturbances.add(denied, Disturbance("ec2", "*", "error", times=None))
    result = checked()
    assert 0 == result.exit_code
    assert (
        "warning: scalers: were not held against the account: not allowed to servicequotas:GetServiceQuota for the "
        "quota of vCPUs of FARGATE: add servicequotas:GetServiceQuota to the policy of the task role ("
    ) in result.stderr
    assert "warning: scalers[0].task.subnets: were not counted: the subnets subnet-0a1b2c3d: " in result.stderr
