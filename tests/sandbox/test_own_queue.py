"""What README says of a queue of one's own, in the order in which a newcomer types it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from tests.support.aws import eventually
from tests.support.daemon import CREDENTIALS, SOON, end, environment, free_port

if TYPE_CHECKING:
    from typing import Any

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ACCOUNT = "123456789012"


def find(pattern: str) -> str:
    """Return what README has there."""
    found = re.search(pattern, README, flags=re.DOTALL)
    assert found is not None
    return found[1]


def count(sqs: Any, url: str) -> int:
    """Return the messages of a queue, visible or in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def make_queue_and_definition(url: str) -> Any:
    """Create what README creates; return a client of SQS."""
    ecs, sqs = (boto3.client(service, endpoint_url=url, region_name="us-east-1") for service in ("ecs", "sqs"))
    sqs.create_queue(QueueName="orders")
    ecs.register_task_definition(
        family="orders-worker",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=json.loads(find(r"--container-definitions '(.*?)'")),
    )
    return sqs


def write_configuration(path: Path) -> None:
    """Write README's, with a port of its own and sooner polls."""
    sooner = "server: {host: 127.0.0.1, port: 0}\npoll_interval: 1s\naws: {consistency_window: 500ms}\n"
    scalers = find(r"echo '(scalers: .*?)' > orders.yaml")
    path.write_text(f"{sooner}{scalers}\n")


def test_five_lines_end_with_messages_done(tmp_path: Path) -> None:
    """With a queue, a definition, a configuration and a controller, a message is done, and the sandbox says so."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    aws = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", **CREDENTIALS}
    ecsq, variables = [sys.executable, "-m", "controller"], environment(**aws, TMPDIR=str(tmp_path))
    alone = [*ecsq, "sandbox", "--aws-only", "--port", str(port), "--duration", "10m"]
    sandbox = subprocess.Popen(alone, env=variables, stdout=subprocess.PIPE, text=True)
    running: subprocess.Popen[bytes] | None = None
    try:
        assert sandbox.stdout is not None
        assert url in sandbox.stdout.readline()
        sqs, queue = make_queue_and_definition(url), f"{url}/{ACCOUNT}/orders"
        write_configuration(tmp_path / "orders.yaml")
        command = [*ecsq, "run", "--config", str(tmp_path / "orders.yaml")]
        running = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
        sqs.send_message(QueueUrl=queue, MessageBody="hello")
        eventually(lambda: count(sqs, queue) == 0, within=SOON, every=0.2)
        sandbox.send_signal(signal.SIGINT)
        said, _ = sandbox.communicate(timeout=SOON)
    finally:
        for process in filter(None, (running, sandbox)):
            end(process)
    assert re.search(r"^  orders: done, of those taken +1 +1$", said, flags=re.MULTILINE), said
