"""What keeps a daemon from starting, and what does not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import eventually
from tests.support.daemon import CREDENTIALS, SOON, STARTED_WITHIN, Document, end, launch, running, scaler

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:1"


def alone(**aws: str) -> Document:
    """Return a configuration of one scaler, on no AWS but the one named."""
    return {
        "aws": aws,
        "poll_interval": "1s",
        "server": {"host": "127.0.0.1", "port": 0},
        "log": {"format": "json"},
        "scalers": [scaler("orders", "worker", cluster="main")],
    }


def ended(directory: Path, wanted: Document | str) -> tuple[int, list[str]]:
    """Run a daemon that is to end by itself; return its exit code and its standard error."""
    daemon = launch(directory, wanted)
    try:
        code = daemon.process.wait(STARTED_WITHIN)
    finally:
        end(daemon.process)
    return code, daemon.log.read_text(encoding="utf-8").splitlines()


def test_a_port_in_use(tmp_path: Path) -> None:
    """A port that another process has is one line and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended(tmp_path, alone() | {"server": {"host": "127.0.0.1", "port": port}})
    expected = f"cannot listen on 127.0.0.1 port {port}: Address already in use; check server.host and server.port"
    assert (1, [expected]) == (code, said)


def test_an_invalid_configuration(tmp_path: Path) -> None:
    """Every error is a line with its place, without a traceback, and the exit code is 1."""
    text = "pol_interval: 5s\nscalers:\n  - name: orders\n    queue: orders\n"
    code, said = ended(tmp_path, text)
    config = tmp_path / "config.yaml"
    assert (
        1,
        [f"{config}:1:1: pol_interval", f"{config}:3:5: scalers[0].demand", f"{config}:3:5: scalers[0].task"],
    ) == (
        code,
        sorted(": ".join(line.split(": ")[:2]) for line in said),
    )


@pytest.mark.parametrize(
    ("aws", "variables", "complaint"),
    [
        ({"endpoint_url": NOWHERE}, CREDENTIALS, "scaler orders: no AWS region: set aws.region or AWS_DEFAULT_REGION"),
        (
            {"endpoint_url": NOWHERE, "region": "us-east-1"},
            {},
            "scaler orders: no AWS credentials (Unable to locate credentials): "
            "give the task a role, or the shell a profile",
        ),
    ],
    ids=["no region", "no credentials"],
)
def test_without_aws_it_says_so_and_goes_on(
    tmp_path: Path, aws: dict[str, str], variables: dict[str, str], complaint: str
) -> None:
    """Without a region or credentials each scaler says what to do; the daemon lives, and is not ready."""
    with running(tmp_path, alone(**aws), variables=variables) as daemon:
        said = eventually(lambda: daemon.decisions("orders", level="warning"), within=SOON)[0]
        assert (complaint, "unknown_backlog") == (said["error"], said["reason"])
        assert (200, "ok\n") == daemon.get("/healthz")
        assert (503, "not observed yet: orders\n") == daemon.get("/readyz")
        assert complaint == daemon.scaler("orders")["problem"]
        assert 0 == daemon.stop()


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"ECSQ_NAME": "orders"}, "name: is ecsq, but ECSQ_NAME says orders: put it back, or stop every controller"),
        ({"ECSQ_CONSISTENCY_WINDOW": "6s"}, "aws.consistency_window: is 5s, but ECSQ_CONSISTENCY_WINDOW says 6s: put"),
        ({"ECSQ_CONSISTENCY_WINDOW": "long"}, "ECSQ_CONSISTENCY_WINDOW: "),
    ],
    ids=["name", "window", "no window"],
)
def test_what_the_environment_holds_fast(tmp_path: Path, variables: dict[str, str], complaint: str) -> None:
    """A file that says otherwise is one line with the way to change it, and exit code 1."""
    daemon = launch(tmp_path, alone(), variables=variables)
    try:
        code = daemon.process.wait(STARTED_WITHIN)
    finally:
        end(daemon.process)
    (said,) = daemon.log.read_text(encoding="utf-8").splitlines()
    assert (1, True) == (code, complaint in said)
