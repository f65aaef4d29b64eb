from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.config import AwsSpec, ConfigError, ControllerSpec, LogSpec, ScalerSpec, ServerSpec, TaskSpec, load
from controller.config.loading import AT_ONCE
from controller.config.problems import MAX_PROBLEMS
from controller.config.schema import MAX_SCALERS
from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.packing import Packing, PackingPolicy
from controller.core.decision.policy import (
    BreakerPolicy,
    Busy,
    CooldownPolicy,
    HysteresisPolicy,
    MessageState,
    PerContainer,
    Policy,
    RolloutPolicy,
    SlotPolicy,
    StartWithin,
    Step,
    Steps,
)
from controller.core.decision.rate import Rate
from tests.config.files import LEAST, demand, scaler, task

ROOT = Path(__file__).parents[2]
SUBNETS = {"subnets": ["subnet-0123456789abcdef0"], "assignPublicIp": "DISABLED"}


def loaded(directory: Path, text: str) -> Any:
    path = directory / "config.yaml"
    path.write_text(text)
    return load(path)


def test_defaults(tmp_path: Path) -> None:
    """The shortest configuration gets every documented default."""
    expected = ControllerSpec(
        name="ecsq",
        aws=AwsSpec(
            None,
            None,
            consistency_window=5.0,
            call_timeout=5.0,
            launch_rate=Rate(per_second=20.0, burst=100),
            listing_rate=Rate(per_second=20.0, burst=100),
        ),
        server=ServerSpec(host="0.0.0.0", port=8080),  # noqa: S104  the documented default
        log=LogSpec(level="info", format="auto"),
        scalers=(
            ScalerSpec(
                name="content-ingest",
                index=0,
                queues=("content-ingest",),
                policy=Policy(
                    slots=SlotPolicy("ecsq", "content-ingest", consistency_window=5.0, call_timeout=5.0),
                    demand=PerContainer(5),
                    is_fifo=False,
                    counted=frozenset({MessageState.VISIBLE, MessageState.IN_FLIGHT}),
                    busy=Busy.IN_FLIGHT,
                    poll_interval=10.0,
                    min_containers=0,
                    max_containers=90,
                    hysteresis=HysteresisPolicy(
                        activate_at=1, activate_within=300.0, rise_after=1, fall_after=1, dead_band=0.2
                    ),
                    cooldown=CooldownPolicy(launch=30.0, fall=0.0),
                    breaker=BreakerPolicy(after=5, within=60.0),
                    paused=False,
                    providers=(),
                    deadline=None,
                    rollout=None,
                ),
                packing=PackingPolicy(Packing.SPREAD, max_tasks_per_launch=100, max_containers_per_task=9),
                task=TaskSpec(
                    cluster="default",
                    definition="content-worker",
                    container=None,
                    keeper=KeeperSettings("public.ecr.aws/docker/library/busybox:stable", deadline=None),
                    run_task={"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": SUBNETS}},
                    environment={},
                ),
                priority=0,
            ),
        ),
        budget=None,
    )
    assert expected == loaded(tmp_path, LEAST).spec


def test_the_example_is_valid_and_without_warnings() -> None:
    """The example that users start from is valid and gets no warning."""
    assert load(ROOT / "config.yaml").warnings == ()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("messages_per_container: 5", PerContainer(5), id="per container"),
        pytest.param(
            "steps: [{backlog: 1, containers: 2}, {backlog: 9, containers: 4}]",
            Steps((Step(1, 2), Step(9, 4))),
            id="steps",
        ),
        pytest.param("start_within: 5m\nseconds_per_message: 60", StartWithin(300.0, 60.0), id="drain"),
        pytest.param("start_within: 5m", StartWithin(300.0), id="nothing known"),
        pytest.param(
            "start_within: 5m\nseconds_per_message: {at_first: 1m}", StartWithin(300.0, None, 60.0), id="first"
        ),
        pytest.param("start_within: 5m\nseconds_per_message: 0.5", StartWithin(300.0, 0.5), id="fraction"),
        pytest.param("start_within: 300\nseconds_per_message: 1m30s", StartWithin(300.0, 90.0), id="duration"),
        pytest.param("steps: null\nmessages_per_container: 1", PerContainer(1), id="null is left out"),
    ],
)
def test_demand_strategies(tmp_path: Path, lines: str, expected: object) -> None:
    """Each strategy becomes the matching record of the core."""
    assert expected == loaded(tmp_path, demand(lines)).spec.scalers[0].policy.demand


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("launch_type: EC2", {"launchType": "EC2"}, id="EC2"),
        pytest.param("capacity: default", {}, id="by the cluster"),
        pytest.param("capacity: [FARGATE_SPOT, FARGATE]", {}, id="in order: each call names one"),
        pytest.param(
            "capacity_providers: [{provider: FARGATE_SPOT, weight: 4}, {provider: FARGATE, weight: 1, base: 2}]",
            {
                "capacityProviderStrategy": [
                    {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0},
                    {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
                ]
            },
            id="capacity providers",
        ),
        pytest.param(
            "tags: {service: content}",
            {"launchType": "FARGATE", "tags": [{"key": "service", "value": "content"}]},
            id="tags",
        ),
        pytest.param(
            "run_task: {propagateTags: NONE, platformVersion: 1.4.0}",
            {"launchType": "FARGATE", "propagateTags": "NONE", "platformVersion": "1.4.0"},
            id="passed through",
        ),
    ],
)
def test_run_task_parameters(tmp_path: Path, lines: str, expected: dict[str, Any]) -> None:
    """The keys of a task become parameters of RunTask, and other parameters are passed through."""
    network = {"networkConfiguration": {"awsvpcConfiguration": SUBNETS}}
    assert {**expected, **network} == loaded(tmp_path, task(lines)).spec.scalers[0].task.run_task


def test_network(tmp_path: Path) -> None:
    """Subnets, groups and the public address become one network configuration."""
    lines = "security_groups: [sg-0123456789abcdef0]\nassign_public_ip: true"
    expected = {
        "awsvpcConfiguration": {
            "subnets": ["subnet-0123456789abcdef0"],
            "securityGroups": ["sg-0123456789abcdef0"],
            "assignPublicIp": "ENABLED",
        }
    }
    spec = loaded(tmp_path, task(lines)).spec
    assert expected == spec.scalers[0].task.run_task["networkConfiguration"]


@pytest.mark.parametrize("busy", Busy)
def test_busy(tmp_path: Path, busy: Busy) -> None:
    """What shows that a worker is busy is taken as it is written."""
    assert busy is loaded(tmp_path, scaler(f"busy: {busy.value}")).spec.scalers[0].policy.busy


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("off", BreakerPolicy(5, 0.0), id="off"),
        pytest.param('"off"', BreakerPolicy(5, 0.0), id="off as text"),
        pytest.param("false", BreakerPolicy(5, 0.0), id="what YAML 1.1 makes of off"),
        pytest.param("{after: 20}", BreakerPolicy(20, 60.0), id="more"),
        pytest.param("{within: 5s}", BreakerPolicy(5, 5.0), id="sooner"),
        pytest.param("{after: 1, within: 24h}", BreakerPolicy(1, 86_400.0), id="both"),
        pytest.param("{}", BreakerPolicy(5, 60.0), id="nothing changed"),
    ],
)
def test_breaker(tmp_path: Path, value: str, expected: BreakerPolicy) -> None:
    """Its two keys, or off: then no exit is a sign, and tasks that fail to start count as by default."""
    assert expected == loaded(tmp_path, scaler(f"breaker: {value}")).spec.scalers[0].policy.breaker


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("{}", RolloutPolicy(1, 120.0), id="the defaults"),
        pytest.param("{canary: 3, prove: 90s, on_failure: go_back}", RolloutPolicy(3, 90.0), id="all of it"),
        pytest.param("null", None, id="none"),
    ],
)
def test_rollout(tmp_path: Path, value: str, expected: RolloutPolicy | None) -> None:
    """A new revision proves itself only where the key is."""
    assert expected == loaded(tmp_path, scaler(f"rollout: {value}")).spec.scalers[0].policy.rollout


def test_interval_is_inherited(tmp_path: Path) -> None:
    """A scaler uses its own poll interval if it has one, and the controller's otherwise."""
    assert loaded(tmp_path, "poll_interval: 20s\n" + LEAST).spec.scalers[0].policy.poll_interval == 20.0
    assert loaded(tmp_path, scaler("poll_interval: 5s")).spec.scalers[0].policy.poll_interval == 5.0


@pytest.mark.parametrize(
    ("aws", "cooldown", "timeout"),
    [
        pytest.param("consistency_window: 10s", 60.0, 5.0, id="a longer slot"),
        pytest.param("consistency_window: 1s", 30.0, 2.0, id="a shorter slot"),
        pytest.param("call_timeout: 10s", 30.0, 10.0, id="a longer call"),
    ],
)
def test_defaults_follow_the_window(tmp_path: Path, aws: str, cooldown: float, timeout: float) -> None:
    """If left out, the launch cooldown is at least a slot and the call time-out at most two windows."""
    spec = loaded(tmp_path, f"aws: {{{aws}}}\n{LEAST}").spec
    assert (cooldown, timeout) == (spec.scalers[0].policy.cooldown.launch, spec.aws.call_timeout)


def test_merge_keys(tmp_path: Path) -> None:
    """A scaler may take over another's keys with a YAML merge, and its own keys win."""
    text = LEAST.replace("- name", "- &first\n    name") + "  - <<: *first\n    name: second\n"
    spec = loaded(tmp_path, text).spec
    assert replace(spec.scalers[0], name="second", index=1).task == spec.scalers[1].task
    assert tuple(scaler.name for scaler in spec.scalers) == ("content-ingest", "second")


def test_hash_ignores_layout(tmp_path: Path) -> None:
    """Comments, the order of keys and explicit defaults do not change the hash, and a value does."""
    first = loaded(tmp_path, LEAST).hash
    assert first == loaded(tmp_path, f"# comment\n{LEAST}poll_interval: 10s\nname: ecsq\n").hash
    assert first != loaded(tmp_path, f"{LEAST}poll_interval: 11s\n").hash


def test_hash_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Two processes with differently seeded hashes agree on the hash of one configuration."""
    path = tmp_path / "config.yaml"
    path.write_text(LEAST)
    code = f"from pathlib import Path; from controller.config import load; print(load(Path({str(path)!r})).hash)"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert {f"{load(path).hash}\n".encode()} == hashes


@pytest.mark.parametrize(
    ("key", "place"),
    [
        pytest.param("scalers[0].queue", "3:12", id="a value"),
        pytest.param("scalers[0].demand", "4:5", id="a section, at its key"),
        pytest.param("scalers[0].task.cluster", "6:5", id="absent: its parent"),
        pytest.param("aws.consistency_window", "1:1", id="absent with its section"),
        pytest.param("scalers[7].queue", "1:1", id="absent item"),
    ],
)
def test_problem_at_a_key(tmp_path: Path, key: str, place: str) -> None:
    """A problem that is found later, such as a missing queue, gets its place in the file."""
    result = loaded(tmp_path, LEAST)
    assert f"{result.path}:{place}: {key}: it is wrong" == str(result.locate(key, "it is wrong"))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param(demand("steps: [{backlog: 1, containers: 9}]"), "5:40", "never reached", id="top step below max"),
        pytest.param(scaler("min_containers: 1"), "9:21", "replaced for ever", id="min above 0"),
        pytest.param(f"{LEAST}budget: {{max_containers: 90}}\n", "9:26", "add up to 90", id="budget of all maxima"),
        pytest.param(
            demand("steps: [{backlog: 1, containers: 91}, {backlog: 2, containers: 92}]"),
            "5:40",
            "asks for 91 containers, but max_containers is 90",
            id="step above max",
        ),
        pytest.param(scaler("backlog: [visible]"), "9:5", "add in_flight", id="busy containers"),
        pytest.param(scaler("backlog: [visible, delayed]"), "9:5", "add in_flight", id="busy containers and delayed"),
        pytest.param(
            f"{LEAST}aws: {{launch_rate: {{tasks_per_second: 1, burst: 10}}}}\n",
            "6:5",
            "only 29 start",
            id="plans larger than the launch rate",
        ),
        pytest.param(
            demand("start_within: 5m\nseconds_per_message: 6m"), "6:28", "above start_within (5m)", id="long messages"
        ),
        pytest.param(
            demand("start_within: 5m\nseconds_per_message: {at_first: 6m}"),
            "6:39",
            "above start_within",
            id="long at first",
        ),
        pytest.param(
            demand("start_within: 5m") + "    hysteresis: {activate_at: 5}\n", "9:31", "no effect", id="hysteresis"
        ),
        pytest.param(
            demand("start_within: 5m") + "    hysteresis: {activate_within: 9m}\n", "9:35", "no effect", id="tail"
        ),
        pytest.param(demand("start_within: 5m") + "    cooldown: {fall: 9m}\n", "9:22", "no effect", id="fall"),
        pytest.param(
            demand("start_within: 5m") + "    backlog: [visible, delayed]\n", "9:5", "delayed messages", id="delayed"
        ),
        pytest.param(demand("start_within: 5m") + "      packing: dense\n", "9:16", "slowest copy", id="dense"),
        pytest.param(demand("start_within: 119s\nseconds_per_message: 1"), "5:21", "two start delays", id="short goal"),
    ],
)
def test_warnings(tmp_path: Path, text: str, place: str, words: str) -> None:
    """A configuration that works, but probably not as intended, gets a warning and not an error."""
    (warning,) = loaded(tmp_path, text).warnings
    assert (f"{tmp_path}/config.yaml:{place}", True) == (warning.place, words in warning.message)


def two_scalers(first: str, second: str) -> str:
    """Return two scalers that differ in name and read these queues. The second's queue is at 10:12."""
    other = LEAST.removeprefix("scalers:\n").replace("name: content-ingest", "name: other")
    return LEAST.replace("queue: content-ingest", f"queue: {first}") + other.replace(
        "queue: content-ingest", f"queue: {second}"
    )


ARN = "arn:aws:sqs:eu-west-1:123456789012:work"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param("work", "work", id="name"), pytest.param(ARN, ARN, id="ARN"), pytest.param(ARN, URL, id="two forms")],
)
def test_a_queue_that_two_scalers_read(tmp_path: Path, first: str, second: str) -> None:
    """If two scalers read one queue, the second gets a warning, because both launch for each message."""
    (warning,) = loaded(tmp_path, two_scalers(first, second)).warnings
    assert (f"{tmp_path}/config.yaml:10:12", True) == (
        warning.place,
        warning.message.startswith("is also the queue of scalers[0] (content-ingest): "),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("work", "work.fifo", id="names"),
        pytest.param(ARN, ARN.replace("1234", "4321"), id="accounts"),
        pytest.param("work", ARN, id="perhaps another account's"),
        pytest.param("work", "work\n    paused: true", id="paused"),
    ],
)
def test_queues_that_are_not_shared(tmp_path: Path, first: str, second: str) -> None:
    """There is no warning if two queues may differ, or if one of the scalers launches nothing."""
    assert loaded(tmp_path, two_scalers(first, second)).warnings == ()


def test_a_goal_counts_what_is_in_flight_by_itself(tmp_path: Path) -> None:
    """With start_within, in_flight may be left out without a warning: the backlog's states do not matter there."""
    text = demand("start_within: 5m\nseconds_per_message: 60").replace("    task:", "    backlog: [visible]\n    task:")
    assert loaded(tmp_path, text).warnings == ()


def test_ten_thousand_scalers_are_the_most(tmp_path: Path) -> None:
    """A configuration has room for ten thousand scalers; one more is refused."""
    least = "{name: s%d, queue: q%d, demand: {messages_per_container: 1}, task: *task}"
    shared = "&task {definition: worker, subnets: [subnet-0123456789abcdef0]}"
    lines = ["scalers:", "  - " + (least % (0, 0)).replace("*task", shared)]
    lines += [f"  - {least % (number, number)}" for number in range(1, MAX_SCALERS)]
    assert 10_000 == len(loaded(tmp_path, "\n".join(lines)).spec.scalers)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "\n".join([*lines, f"  - {least % (MAX_SCALERS, MAX_SCALERS)}"]))
    expected = "scalers: must have at most 10000 items, not 10001"
    assert [f"{tmp_path / 'config.yaml'}:1:1: {expected}"] == [str(problem) for problem in caught.value.problems]


def test_mistakes_among_many_scalers_have_their_places(tmp_path: Path) -> None:
    """Scalers are validated some at a time. Each mistake is told at its line, and one above them once."""
    one = (
        "{name: s%d, queue: q%d, demand: {messages_per_container: 1}, max_containers: %d, "
        "task: {definition: w, subnets: [subnet-0a1b2c3d]}}"
    )
    wrong = {0, AT_ONCE - 1, AT_ONCE, 3 * AT_ONCE + 1}
    scalers = [f"  - {one % (number, number, number not in wrong)}" for number in range(4 * AT_ONCE)]
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "\n".join(["server: {port: -1}", "scalers:", *scalers]))
    expected = [("server.port", 1), *((f"scalers[{number}].max_containers", number + 3) for number in sorted(wrong))]
    assert expected == [(problem.key, problem.line) for problem in caught.value.problems]
    spec = loaded(
        tmp_path, "\n".join(["scalers:", *(f"  - {one % (number, number, 1)}" for number in range(600))])
    ).spec
    assert [(f"s{number}", number) for number in range(600)] == [(each.name, each.index) for each in spec.scalers]


def test_of_very_many_warnings_the_first_are_told(tmp_path: Path) -> None:
    """A warning for every scaler does not fill a log: a last one says how many more there are."""
    one = (
        "{name: s%d, queue: q, demand: {messages_per_container: 1}, task: {definition: w, subnets: [subnet-0a1b2c3d]}}"
    )
    lines = ["scalers:", *(f"  - {one % number}" for number in range(MAX_PROBLEMS + 3))]
    warnings = loaded(tmp_path, "\n".join(lines)).warnings
    assert [f"scalers[{MAX_PROBLEMS}].queue", ""] == [warning.key for warning in warnings[-2:]]
    assert "2 more problems from here on" == warnings[-1].message


@pytest.mark.parametrize("text", [LEAST, "scalers: []"], ids=["good", "bad"])
def test_garbage_is_collected_again_after_a_load(tmp_path: Path, text: str) -> None:
    """The collector rests only while a configuration is loaded, whether or not that goes well."""
    with suppress(ConfigError):
        loaded(tmp_path, text)
    assert gc.isenabled()


def test_cloudwatch_is_asked_for_what_the_configuration_says(tmp_path: Path) -> None:
    """By default for the deleted messages, and not for the oldest ones."""
    path = tmp_path / "config.yaml"
    asked = {}
    for keys in ("", "aws: {cloudwatch: off, message_age: true}\n"):
        path.write_text(keys + LEAST)
        aws = load(path).spec.aws
        asked[keys] = aws.asks_cloudwatch, aws.asks_message_age
    assert [(True, False), (False, True)] == list(asked.values())
