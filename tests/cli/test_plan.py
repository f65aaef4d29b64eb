from __future__ import annotations

import json
import re
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from controller.core.decision.policy import SlotPolicy
from controller.core.decision.slots import slot_at
from controller.sandbox.aws import Disturbance
from tests.support.aws import container, create_queue, register_template, run_tasks, send_messages
from tests.support.daemon import CLIENT, Document, configuration, scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

READS = {
    "GetQueueUrl",
    "GetQueueAttributes",
    "ListTasks",
    "DescribeTasks",
    "DescribeTaskDefinition",
    "ListTaskDefinitions",
}
WINDOW = 600.0
"""L, seconds: slots of an hour, so that a window which is open, or closed, stays so during a test."""
TIMEOUT = 10.0
"""T, seconds: more than a busy machine takes to answer."""
MARGIN = 60.0


def named(*, window_open: bool) -> str:
    """Return a scaler's name whose launch window is open, or closed, now and for the next minute.

    A hash of the name decides when a scaler's slots begin, so no test has to wait for one, or to set the clock.
    """
    now = time.time()
    for number in count():
        name = f"orders-{number}"
        policy = SlotPolicy("ecsq", name, consistency_window=WINDOW, call_timeout=TIMEOUT)
        slot = slot_at(policy, now)
        if (slot.opens < now < slot.last_send - MARGIN) if window_open else (slot.start < now < slot.opens - MARGIN):
            return name
    raise AssertionError


@pytest.fixture
def orders(aws: EmbeddedAws, cluster: str) -> Document:
    """Make a scaler with 25 messages, for at most 20 containers in 6 tasks a launch, whose window is open."""
    send_messages(aws, create_queue(aws, "orders").url, 25)
    template = register_template(aws, "worker")
    return scaler(
        named(window_open=True),
        template,
        cluster=cluster,
        queue="orders",
        cooldown={"launch": "2h"},
        max_containers=20,
        task_max_tasks_per_launch=6,
    )


@pytest.fixture
def idle(aws: EmbeddedAws, cluster: str) -> Document:
    """Make a scaler of an empty queue whose template is there."""
    create_queue(aws, "idle")
    return scaler("idle", register_template(aws, "idle-worker"), cluster=cluster, cooldown={"launch": "2h"})


@pytest.fixture
def plan(aws: EmbeddedAws, tmp_path: Path) -> Callable[..., Result]:
    """Run ``ecsq plan`` on scalers, with further arguments."""

    def run(*scalers: Document, arguments: tuple[str, ...] = ()) -> Result:
        path = tmp_path / "config.yaml"
        wanted = configuration(aws, *scalers)
        wanted["aws"] |= {"consistency_window": int(WINDOW), "call_timeout": int(TIMEOUT)}
        path.write_text(yaml.safe_dump(wanted))
        return CliRunner().invoke(main, ["plan", "--config", str(path), *arguments])

    return run


def blocks(text: str) -> list[str]:
    """Return the blocks of the scalers; what is below them says whose memory went into the decisions."""
    return [block for block in text.split("\n\n") if block.startswith("scaler ")]


def explained(text: str) -> dict[str, str]:
    """Return the lines of one scaler by what they are about."""
    return dict(re.findall(r"^  (\w+) +(.*)$", text, flags=re.MULTILINE))


def test_each_step_is_explained_with_its_numbers(plan: Callable[..., Result], orders: Document) -> None:
    """Every step of the decision is a line with its numbers, in the order of the steps."""
    result = plan(orders)
    assert (0, "") == (result.exit_code, result.stderr)
    said = explained(result.stdout)
    steps = ("queue", "fleet", "demand", "level", "desired", "limits", "cooldown", "slot", "decision", "plan", "doctor")
    assert steps == tuple(said)
    numbers = {about: [int(number) for number in re.findall(r"\b\d+\b", line)] for about, line in said.items()}
    assert [25, 25, 0, 0] == numbers["queue"]
    assert [0, 0, 0, 0] == numbers["fleet"]
    assert [25, 25, 20] == numbers["demand"]
    assert [20, 0, 20, 20, 0] == numbers["desired"]
    assert [20, 20, 0, 25, 25, 0] == numbers["limits"]
    assert re.fullmatch(r"\d+: its window is open until \d\d:\d\d:\d\dZ", said["slot"])
    assert "launch 20 containers (25 messages, 0 live of 20 desired)" == said["decision"]


def test_the_drawing(plan: Callable[..., Result], orders: Document) -> None:
    """The plan is drawn: how many tasks of which containers, of which family, in how many calls."""
    lines = plan(orders).stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  plan "))
    assert [
        "  plan      would launch now: 20 containers in 6 tasks, 2 RunTask calls",
        "            2 x [ecsq-keeper | worker-1 | worker-2 | worker-3 | worker-4]  worker-x4",
        "            4 x [ecsq-keeper | worker-1 | worker-2 | worker-3]  worker-x3",
    ] == lines[first : first + 3]
    notes = "\n".join(lines[first + 3 :])
    assert "a task: " not in notes
    assert "worker becomes worker-1 to worker-4" in notes
    assert "1024 CPU units and 2048 MiB" in notes


def test_what_is_paid(plan: Callable[..., Result], orders: Document) -> None:
    """The size of each kind of task and of all together, and how much of it is rounding."""
    lines = [line.strip() for line in plan(orders).stdout.splitlines()]
    assert [
        "each worker-x4: 1024 CPU units and 2048 MiB, none of which is rounding",
        "each worker-x3: 1024 CPU units and 2048 MiB, of which 256 CPU units and 512 MiB are rounding",
        "together 6144 CPU units and 12288 MiB, 16.7 % of the price is rounding",
    ] == [line for line in lines if line.startswith(("each worker-", "together "))]


def test_what_keeps_tasks_from_being_fuller(aws: EmbeddedAws, plan: Callable[..., Result], orders: Document) -> None:
    """On Windows no keeper can run: one worker a task is planned, and said why; where nothing is kept, nothing is said.

    A limit that the configuration sets is no news to its author, unless it cuts the plan short.
    """
    orders["task"]["definition"] = register_template(
        aws, "windows", runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
    )
    text = plan(orders).stdout
    assert "would launch now: 6 containers in 6 tasks, 1 RunTask call" in text
    assert "6 x [worker]  windows:1\n" in text
    assert "at most 1 a task: task definition windows:1: it runs on Windows" in text
    assert "planned 6 of 20 containers: max_tasks_per_launch is 6, with at most 1 a task; the rest waits for" in text
    [record] = json.loads(plan(orders, arguments=("--json",)).stdout)
    assert record["plan_limit"].startswith("at most 1 a task: task definition windows:1: it runs on Windows")
    orders["task"]["max_containers_per_task"] = 1
    text = plan(orders).stdout
    assert "6 x [worker]  windows:1\n" in text
    assert "at most 1 a task: " not in text
    assert "planned 6 of 20 containers: " in text


def test_a_plan_of_single_containers(plan: Callable[..., Result], orders: Document) -> None:
    """With one container a task the template itself is drawn, by its revision."""
    orders["task"] |= {"max_tasks_per_launch": 100, "max_containers_per_task": 1}
    text = plan(orders).stdout
    assert "            20 x [worker]  worker:1\n" in text
    assert "ecsq-keeper" not in text


def test_a_closed_window(plan: Callable[..., Result], orders: Document) -> None:
    """Outside the launch window the same plan is drawn as what would be launched when it may."""
    orders["name"] = named(window_open=False)
    said = explained(plan(orders).stdout)
    assert said["decision"].startswith("hold: 20 containers short, but the launch window is closed")
    assert "would launch when it may: 20 containers in 6 tasks, 2 RunTask calls" == said["plan"]
    (told,) = json.loads(plan(orders, arguments=("--json",)).stdout)
    assert ("slot", None, 0, 20) == (
        told["reason"],
        told["outcome"],
        told["launch"],
        sum(group["tasks"] * group["containers"] for group in told["plan"]),
    )


def test_what_lives_is_counted(aws: EmbeddedAws, plan: Callable[..., Result], cluster: str, orders: Document) -> None:
    """Tasks of this controller and scaler are the fleet that the decision starts from; anyone else's are not."""
    run_tasks(aws, cluster, "worker", 3, startedBy="ecsq", group=orders["name"])
    run_tasks(aws, cluster, "worker", 2, startedBy="ecsq", group="another")
    run_tasks(aws, cluster, "worker", 2, startedBy="another", group=orders["name"])
    assert "3 live containers" in explained(plan(orders).stdout)["fleet"]


def test_scalers_of_one_cluster_share_its_listing(
    aws: EmbeddedAws, plan: Callable[..., Result], cluster: str, orders: Document
) -> None:
    """The cluster is listed as often for two scalers as for one, and each finds its own worker containers in it."""
    containers = [container("worker"), container("proxy")]
    template = register_template(aws, "proxied", containerDefinitions=containers)
    other = orders | {"name": "other", "task": orders["task"] | {"definition": template, "container": "worker"}}
    run_tasks(aws, cluster, template, 2, startedBy="ecsq", group="other")

    def listings(*scalers: Document) -> int:
        aws.journal.clear()
        result = plan(*scalers)
        assert (0, "") == (result.exit_code, result.stderr)
        shown = explained(blocks(result.stdout)[-1])
        assert shown["fleet"].startswith("2 live containers = 2 running")
        calls = aws.journal.calls("ecs", "ListTasks", client=CLIENT)
        return sum(call.parameters.get("desiredStatus") != "STOPPED" for call in calls)

    assert listings(other) == listings(orders, other)


def test_the_breaker_of_each_scaler_of_a_template(
    aws: EmbeddedAws, plan: Callable[..., Result], cluster: str, orders: Document
) -> None:
    """Scalers of one template share its history as well, and each heeds how its own tasks ended."""
    aws.ecs.fail_starts(None)
    run_tasks(aws, cluster, orders["task"]["definition"], 5, startedBy="ecsq", group="other")
    first, second = blocks(plan(orders, orders | {"name": "other"}).stdout)
    assert ("breaker" in explained(first), "breaker" in explained(second)) == (False, True)


def test_the_canary_of_a_plan_is_shown(aws: EmbeddedAws, plan: Callable[..., Result], orders: Document) -> None:
    """With what the others run, and how much smaller that is; the record marks its group."""
    register_template(aws, "worker")
    family = orders["task"]["definition"].partition(":")[0]
    rolled_out = orders | {"rollout": {}, "task": orders["task"] | {"definition": family}}
    said = plan(rolled_out).stdout
    assert "revision 2 has to prove itself, and all others run revision 1; " in explained(said)["rollout"]
    assert "1 x [worker]  worker:2, to prove itself" in said
    assert "would launch now: 20 containers in 6 tasks" in explained(said)["plan"]
    (record,) = json.loads(plan(rolled_out, arguments=("--json",)).stdout)
    assert [(1, 1)] == [(group["tasks"], group["containers"]) for group in record["plan"] if group["canary"]]
    assert (2, 1, "unproven") == tuple(record["rollout"][key] for key in ("newest", "trusted", "standing"))
    register_template(aws, "worker", containerDefinitions=[container("one"), container("two")])
    assert "without a task of the new revision: " in (said := plan(rolled_out).stdout)
    assert ", to prove itself" not in said


def test_nothing_to_do(plan: Callable[..., Result], idle: Document) -> None:
    """Without work there is no drawing, and the exit code is 0."""
    result = plan(idle)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "hold: nothing to do (0 messages, 0 live of 0 desired)" == explained(result.stdout)["decision"]
    assert "plan" not in explained(result.stdout)


def test_the_doctor_says_what_does_not_fit_in_the_queue(
    aws: EmbeddedAws, plan: Callable[..., Result], idle: Document
) -> None:
    """Its settings come with the one read of the queue; only a dead-letter queue is read beside it."""
    dead = create_queue(aws, "dead")
    send_messages(aws, dead.url, 3)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    url = aws.client("sqs").get_queue_url(QueueName="idle")["QueueUrl"]
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    (told,) = json.loads(plan(idle, arguments=("--json",)).stdout)
    calls = aws.journal.calls("sqs", "GetQueueAttributes", client=CLIENT)
    asked = [call.parameters for call in calls if call.parameters["AttributeNames"] == ["All"]]
    assert [url, dead.url] == [parameters["QueueUrl"] for parameters in asked]
    assert (3, ["single_receive"]) == (
        told["doctor"]["dead_letter_messages"],
        [finding["finding"] for finding in told["doctor"]["findings"]],
    )
    assert explained(plan(idle).stdout)["doctor"].startswith("the queue gives a message up after 1 receive: ")


def test_json(plan: Callable[..., Result], orders: Document, idle: Document) -> None:
    """--json prints a list of records, one a scaler, with the same explanation and the plan's groups."""
    records = json.loads(plan(orders, idle, arguments=("--json",)).stdout)
    assert [(orders["name"], "launch", "dry_run", 20), ("idle", "idle", None, 0)] == [
        (record["scaler"], record["reason"], record["outcome"], record["launch"]) for record in records
    ]
    exact = {"provider": None, "canary": False, "cpu": 1024, "memory": 2048, "cpu_rounding": 0, "memory_rounding": 0}
    rounded = exact | {"cpu_rounding": 256, "memory_rounding": 512}
    assert [{"tasks": 2, "containers": 4} | exact, {"tasks": 4, "containers": 3} | rounded] == records[0]["plan"]
    text = plan(orders).stdout
    assert {about: said for about, said in explained(text).items() if about not in {"plan", "doctor"}} == dict(
        records[0]["explanation"]
    )


def test_one_scaler(plan: Callable[..., Result], orders: Document, idle: Document) -> None:
    """--scaler leaves the others out; one that there is not is an error that names those there are."""
    shown = blocks(plan(orders, idle, arguments=("--scaler", "idle")).stdout)
    assert ["scaler idle"] == [block.splitlines()[0] for block in shown]
    result = plan(orders, idle, arguments=("--scaler", "ordres"))
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.endswith(f"there is no scaler 'ordres'; there are: {orders['name']}, idle\n")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"queue": "absent"}, r'queue "absent" does not exist in us-east-1; check scalers\[1\].queue'),
        ({"cluster": "absent"}, r'cluster "absent".*; check scalers\[1\].task.cluster'),
        ({"definition": "absent"}, r'task definition "absent" does not exist.*; check scalers\[1\].task.definition'),
        ({"definition": "two"}, r"task definition two:1 .*\(worker, sidecar\).*; check scalers\[1\].task.container"),
        ({"container": "absent"}, r".*absent.*; check scalers\[1\].task.container"),
    ],
    ids=["queue", "cluster", "template", "ambiguous container", "absent container"],
)
def test_what_is_missing(
    aws: EmbeddedAws,
    plan: Callable[..., Result],
    orders: Document,
    idle: Document,
    changes: dict[str, str],
    complaint: str,
) -> None:
    """What is missing is named with scaler and key, on standard error and in the scaler's block; the exit code is 1.

    The others are planned all the same.
    """
    register_template(aws, "two", containerDefinitions=[container("worker"), container("sidecar")])
    wrong = idle | {"queue": changes.pop("queue", "idle"), "task": idle["task"] | changes}
    result = plan(orders, wrong)
    assert 1 == result.exit_code
    [line] = result.stderr.splitlines()
    assert re.fullmatch(f"scaler idle: {complaint}", line), line
    problem = line.removeprefix("scaler idle: ")
    assert ["scaler idle", f"  problem   {problem}"] == blocks(result.stdout)[1].splitlines()[:2]
    assert "25 messages of backlog" in result.stdout


@pytest.mark.parametrize(
    ("variables", "region", "complaint"),
    [
        ({}, None, "scaler orders: no AWS region: set aws.region or AWS_DEFAULT_REGION"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "us-east-1", "scaler orders: no AWS credentials"),
    ],
    ids=["no region", "no credentials"],
)
def test_without_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str | None, complaint: str
) -> None:
    """Without a region or credentials it says what to do, on one line, and the exit code is 1."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "config.yaml"
    aws = {"region": region, "endpoint_url": "http://127.0.0.1:1"}
    path.write_text(yaml.safe_dump({"aws": aws, "scalers": [scaler("orders", "worker", cluster="main")]}))
    result = CliRunner().invoke(main, ["plan", "--config", str(path)])
    assert (1, [complaint]) == (result.exit_code, [line[: len(complaint)] for line in result.stderr.splitlines()])


def test_nothing_is_written(aws: EmbeddedAws, plan: Callable[..., Result], orders: Document) -> None:
    """A plan of copies registers nothing and starts nothing: AWS is only read from."""
    assert 0 == plan(orders).exit_code
    asked = {operation for client, _, operation in aws.journal.counts() if client == CLIENT}
    assert set() == asked - READS
    assert [] == aws.ecs.tasks()


def test_a_missing_configuration(tmp_path: Path) -> None:
    """A missing file is one line and exit code 1."""
    result = CliRunner().invoke(main, ["plan", "--config", str(tmp_path / "absent.yaml")])
    assert (1, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert result.stderr.startswith(f"{tmp_path}/absent.yaml:1:1: does not exist")


def test_without_its_history_nothing_is_planned(
    aws: EmbeddedAws, plan: Callable[..., Result], orders: Document
) -> None:
    """How the last tasks ended is part of the decision: unread, the daemon holds, and the plan says so."""
    aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", times=None, where=lambda asked: "family" in asked))
    result = plan(orders)
    assert 1 == result.exit_code
    said = explained(result.stdout)
    assert result.stderr == f"scaler {orders['name']}: {said['problem']}\n"
    assert "unknown: the cluster could not be read" == said["fleet"]
    assert "plan" not in said


def test_a_breaker_that_is_open_is_explained(aws: EmbeddedAws, plan: Callable[..., Result], orders: Document) -> None:
    """As after a restart: by how the last tasks ended, with the cause; a plan does not launch what the daemon holds."""
    aws.ecs.fail_starts(None)
    task = orders["task"]
    run_tasks(aws, task["cluster"], task["definition"], 5, startedBy="ecsq", group=orders["name"])
    said = plan(orders).output
    assert "hold: 20 containers short, but its tasks keep failing" in said
    assert "5 tasks in a row failed to start, or failed within 1m of their start, the last: CannotPull" in said


def test_an_order_of_providers_says_where_and_what_it_saves(plan: Callable[..., Result], orders: Document) -> None:
    """At list prices, with Spot at its best; each layout names its provider."""
    orders["task"]["capacity"] = ["FARGATE_SPOT", "FARGATE"]
    result = plan(orders)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "FARGATE_SPOT, then FARGATE: FARGATE_SPOT gets a launch" == explained(result.stdout)["order"]
    assert "] worker-x4 on FARGATE_SPOT" in " ".join(result.stdout.split())
    assert re.search(r"about \$0\.\d+ an hour instead of \$0\.\d+ on demand, 70% less: list prices", result.stdout)
