"""A run of the sandbox for one queue, recorded: what was sent, when the controller launched, how tasks lived.

Runs as a process of its own, ``python -m tests.support.recorded``, because the embedded queues belong to the process.
It takes what to run as JSON in its first argument, and prints the recording as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import yaml

from controller.clock import machine_clock
from controller.sandbox.aws import EmbeddedAws
from controller.sandbox.daemon import Daemon, find_free_port, write_configuration
from controller.sandbox.isolation import isolate
from controller.sandbox.keepers import Keepers
from controller.sandbox.load import Load, plan_load
from controller.sandbox.messages import MessageRecords
from controller.sandbox.process_group import ProcessGroup
from controller.sandbox.run import Run
from controller.sandbox.runner import ContainerRunner
from controller.sandbox.scenario import DRAIN, SINGLE, QueueScenario, Scenario, build_configuration
from controller.sandbox.stage import LOAD_CLIENT, WORKER_CLIENT, set_stage
from tests.support.aws import eventually

QUEUES = {queue.name: queue for queue in (DRAIN, SINGLE)}
WARM = 3
"""Polls of the controller before the first message is sent."""
PATIENCE = 180.0
"""Seconds beyond its duration in which a recording must have come to its end."""


def describe(queue: str, **changes: Any) -> QueueScenario:
    """Return a queue of the sandbox with other members of its scaler."""
    scenario = QUEUES[queue]
    return replace(scenario, scaler={**scenario.scaler, **changes})


def record(queue: str, duration: float, seed: int, **changes: Any) -> dict[str, Any]:
    """Run the sandbox for one queue, with other keys of its scaler, and return the recording."""
    asked = json.dumps({"queue": queue, "duration": duration, "seed": seed, "changes": changes})
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.recorded", asked],
        capture_output=True, text=True, check=False, timeout=duration + PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    recording: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return recording


class _Silent:
    def show(self, _progress: object) -> None:
        """Show nothing."""


def _run(queue: str, duration: float, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    scenario = Scenario(queues=(describe(queue, **changes),))
    clock = machine_clock(Event())
    with ExitStack() as stack:
        stack.enter_context(isolate())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def draw_start(arn: str) -> float:
            return Random(f"{seed}:{arn}").uniform(*scenario.start_delay)

        aws = stack.enter_context(
            EmbeddedAws(port=0, listing_lag=scenario.listing_lag, start_delay=draw_start, seed=seed, clock=clock.now)
        )
        group = stack.enter_context(ProcessGroup())
        port = find_free_port()
        configuration = build_configuration(scenario, endpoint_url=aws.url, region=aws.region, port=port)
        write_configuration(directory / "config.yaml", configuration)
        urls, records = set_stage(aws, scenario), MessageRecords()
        run = Run(
            aws=aws, scenario=scenario, duration=duration, seed=seed, queue_urls=urls, records=records,
            runner=ContainerRunner(
                aws.ecs, sqs=aws.client("sqs", app=WORKER_CLIENT), records=records, clock=clock,
                keepers=Keepers(group, directory, poll=scenario.keeper_poll, timeout=scenario.keeper_timeout),
            ),
            load=Load(plan_load(scenario, duration=duration, seed=seed), sqs=aws.client("sqs", app=LOAD_CLIENT),
                      queue_urls=urls, records=records, clock=clock),
            daemon=None, clock=clock,
        )  # fmt: skip
        daemon = Daemon(group, configuration=directory / "config.yaml", log=directory / "log", port=port, clock=clock)
        daemon.start()
        stack.callback(daemon.stop)
        # A process that has just started makes its clients and reads what it needs: that is not what is compared.
        eventually(lambda: aws.journal.count("sqs", "GetQueueAttributes", client=scenario.client) >= WARM)
        stack.callback(run.stop)
        run.start()
        run.follow(_Silent())
        tell = _tell(aws, scenario, records, configuration)
        run.close(interrupted=False)
    return tell


def _tell(
    aws: EmbeddedAws, scenario: Scenario, records: MessageRecords, configuration: dict[str, Any]
) -> dict[str, Any]:
    def calls(service: str, operation: str, client: str) -> list[Any]:
        return aws.journal.calls(service, operation, client=client)

    sends = [
        (call.at, json.loads(entry["MessageBody"])["seconds"])
        for call in calls("sqs", "SendMessageBatch", LOAD_CLIENT)
        for entry in call.parameters["Entries"]
    ]
    launches = [(call.at, call.parameters["count"], call.parameters["clientToken"])
                for call in calls("ecs", "RunTask", scenario.client)]  # fmt: skip
    tasks = [
        (
            task.created_at,
            task.started_at,
            task.stopped_at,
            sum(each.name.startswith("worker") for each in task.containers),
            task.client_token,
        )
        for task in aws.ecs.tasks()
    ]  # fmt: skip
    return {
        "configuration": yaml.safe_dump(configuration),
        "sends": sends,
        "polls": [call.at for call in calls("sqs", "GetQueueAttributes", scenario.client)],
        "launches": launches,
        "tasks": tasks,
        "waits": sorted(records.count().waits),
        "done": records.count().done,
    }


if __name__ == "__main__":
    print(json.dumps(_run(**json.loads(sys.argv[1]))))  # noqa: T201 - its output
