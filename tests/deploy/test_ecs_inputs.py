from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from controller.config.stack import build_template
from controller.config.stack.document import Call
from tests.deploy.documents import DEPLOY, ROOT, dockerfile_stages, inherited, read_json
from tests.deploy.stacks import plan_example

INPUTS = {
    "ecs-service.json": "CreateService",
    "task-definition.json": "RegisterTaskDefinition",
}
# Task-level memory in MiB by CPU units, from "Task size" of the ECS Developer Guide; as far as these tasks may go.
FARGATE_MEMORY = {
    "256": {"512", "1024", "2048"},
    "512": {str(gib * 1024) for gib in range(1, 5)},
    "1024": {str(gib * 1024) for gib in range(2, 9)},
}
TASK_DEFINITIONS = ["task-definition.json"]


def input_shape(operation: str) -> StructureShape:
    model = botocore.session.get_session().get_service_model("ecs")
    return model.operation_model(operation).input_shape


def foreign_words(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Values outside their shape's enumeration; botocore's validator does not look at those."""
    if isinstance(shape, StructureShape):
        for key, member in value.items():
            yield from foreign_words(member, shape.members[key], f"{path}.{key}")
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            yield from foreign_words(member, shape.member, f"{path}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"


def only_container(name: str) -> dict[str, Any]:
    (container,) = read_json(name)["containerDefinitions"]
    return container


@pytest.mark.parametrize(("name", "operation"), INPUTS.items(), ids=INPUTS)
def test_input_has_the_shape_that_the_api_takes(name: str, operation: str) -> None:
    """No unknown key, no missing one, no wrong type: the CLI takes the file as it stands."""
    assert ParamValidator().validate(read_json(name), input_shape(operation)).generate_report() == ""


@pytest.mark.parametrize(("name", "operation"), INPUTS.items(), ids=INPUTS)
def test_input_uses_only_words_that_the_api_knows(name: str, operation: str) -> None:
    """Every value of an enumerated type is one of its values."""
    assert list(foreign_words(read_json(name), input_shape(operation))) == []


def test_service_runs_one_task_and_stops_it_before_it_starts_the_next() -> None:
    """A deployment leaves a gap rather than two controllers, and nothing moves the task for balance."""
    service = read_json("ecs-service.json")
    deployment = service["deploymentConfiguration"]
    assert (
        service["desiredCount"],
        deployment["minimumHealthyPercent"],
        deployment["maximumPercent"],
        service["availabilityZoneRebalancing"],
    ) == (1, 0, 100, "DISABLED")


def test_service_goes_back_to_the_last_good_task_definition() -> None:
    """With nothing kept running beside it, a bad deployment must not end with no controller at all.

    A healthy moment does not begin the count of failed starts anew, and alarms judge it for a while after that.
    """
    deployment = read_json("ecs-service.json")["deploymentConfiguration"]
    threshold = {"type": "COUNT", "value": 3}
    breaker = {"enable": True, "rollback": True, "resetOnHealthyTask": False, "thresholdConfiguration": threshold}
    assert (breaker, True, True) == (
        deployment["deploymentCircuitBreaker"],
        deployment["alarms"]["rollback"],
        deployment["bakeTimeInMinutes"] > 0,
    )


def test_service_is_registered_where_prometheus_looks_for_it_and_tags_its_tasks() -> None:
    """Cloud Map gets the task's address, and the task carries the service's tags."""
    service = read_json("ecs-service.json")
    assert [list(registry) for registry in service["serviceRegistries"]] == [["registryArn"]]
    assert service["propagateTags"] == "SERVICE"


def test_service_runs_the_task_definition_beside_it() -> None:
    """By family, so that `create-service` takes the revision registered last."""
    assert read_json("task-definition.json")["family"] == read_json("ecs-service.json")["taskDefinition"]


def test_exec_is_off_as_a_read_only_root_requires() -> None:
    """ECS Exec writes to the root filesystem: the two exclude each other."""
    exec_enabled = read_json("ecs-service.json")["enableExecuteCommand"]
    assert (exec_enabled, only_container("task-definition.json")["readonlyRootFilesystem"]) == (False, True)


@pytest.mark.parametrize("name", TASK_DEFINITIONS)
def test_task_has_a_size_that_fargate_sells(name: str) -> None:
    """Any other pair of CPU and memory is refused at registration."""
    task = read_json(name)
    assert task["memory"] in FARGATE_MEMORY[task["cpu"]]


@pytest.mark.parametrize("name", TASK_DEFINITIONS)
def test_task_runs_without_rights_on_its_host(name: str) -> None:
    """The image's own user, no capability, nothing written to the image."""
    container = only_container(name)
    stages = dockerfile_stages((ROOT / "Dockerfile").read_text())
    assert (inherited(stages, "controller", "USER")[-1], True, {"drop": ["ALL"]}) == (
        container["user"],
        container["readonlyRootFilesystem"],
        container["linuxParameters"]["capabilities"],
    )


def test_signals_reach_the_controller_itself() -> None:
    """ECS's SIGTERM goes to PID 1, which is the controller: no init and no shell in between."""
    container = only_container("task-definition.json")
    assert False is container["linuxParameters"]["initProcessEnabled"]
    assert "entryPoint" not in container


def test_stop_timeout_outlasts_an_orderly_end() -> None:
    """The controller ends within 20 s of SIGTERM, and Fargate waits 120 s at most."""
    assert 20 < only_container("task-definition.json")["stopTimeout"] <= 120


def in_api_spelling(value: Any) -> Any:
    """Return a part of the template as ECS's API spells it, with its functions as their argument."""
    if isinstance(value, Call):
        return value.argument
    if isinstance(value, list):
        return [in_api_spelling(item) for item in value]
    if isinstance(value, dict):
        # The options of a log driver are that driver's own words.
        return {f"{key[0].lower()}{key[1:]}": in_api_spelling(item) for key, item in value.items()}
    return value


def test_the_inputs_say_the_same_as_the_stack() -> None:
    """Task and service are those of the template for the example, but for what is filled in."""
    resources = build_template(plan_example())["Resources"]
    definition = in_api_spelling(resources["TaskDefinition"]["Properties"])
    service = in_api_spelling(resources["Service"]["Properties"])
    (wanted,), container = definition.pop("containerDefinitions"), only_container("task-definition.json")
    filled_in = {"image", "logConfiguration", "environment"}
    assert {key: wanted[key] for key in wanted.keys() - filled_in} == {
        key: container[key] for key in container.keys() - filled_in
    }
    by_parameter = {"AWS_DEFAULT_REGION", "ECSQ_SHARD"}
    given, variables = (
        [(pair["name"], pair["value"]) for pair in each["environment"] if pair["name"] not in by_parameter]
        for each in (wanted, container)
    )
    assert given == variables
    task, own = read_json("task-definition.json"), read_json("ecs-service.json")
    same = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities")
    assert [definition[key] for key in same] == [task[key] for key in same]
    same = ("serviceName", "launchType", "platformVersion", "availabilityZoneRebalancing", "propagateTags")
    assert [service[key] for key in same] == [own[key] for key in same]
    names = [resources[name]["Properties"]["AlarmName"] for name in ("NoController", "NotReconciling")]
    assert names == own["deploymentConfiguration"]["alarms"]["alarmNames"]


def test_placeholders_are_of_the_documented_forms_only() -> None:
    """AWS's documentation account and one region, so that two replacements suit every file."""
    text = "".join(path.read_text() for path in sorted(DEPLOY.rglob("*.json")))
    arns = [part.split('"')[0].split(":") for part in text.split("arn:aws:")[1:]]
    assert {"111122223333", ""} >= {arn[2] for arn in arns}
    assert {"us-east-1", ""} >= {arn[1] for arn in arns}
