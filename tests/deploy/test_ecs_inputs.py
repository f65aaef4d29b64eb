from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from tests.deploy.documents import DEPLOY, ROOT, dockerfile_stages, inherited, read_json

INPUTS = {
    "ecs-service.json": "CreateService",
    "task-definition.json": "RegisterTaskDefinition",
    "config-writer.json": "RegisterTaskDefinition",
}
# Task-level memory in MiB by CPU units, from "Task size" of the ECS Developer Guide; as far as these tasks may go.
FARGATE_MEMORY = {
    "256": {"512", "1024", "2048"},
    "512": {str(gib * 1024) for gib in range(1, 5)},
    "1024": {str(gib * 1024) for gib in range(2, 9)},
}
TASK_DEFINITIONS = ["task-definition.json", "config-writer.json"]


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
    """With nothing kept running beside it, a bad deployment must not end with no controller at all."""
    breaker = read_json("ecs-service.json")["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker == {"enable": True, "rollback": True}


def test_service_is_registered_where_prometheus_looks_for_it_and_tags_its_tasks() -> None:
    """Cloud Map gets the task's address, and the task carries the service's tags."""
    service = read_json("ecs-service.json")
    assert [list(registry) for registry in service["serviceRegistries"]] == [["registryArn"]]
    assert service["propagateTags"] == "SERVICE"


def test_service_runs_the_task_definition_beside_it() -> None:
    """By family, so that `create-service` takes the revision registered last."""
    assert read_json("task-definition.json")["family"] == read_json("ecs-service.json")["taskDefinition"]


def test_exec_is_off_as_a_read_only_root_requires() -> None:
    """ECS Exec writes to the root filesystem: the two exclude each other, and the documented path is the EFS mount."""
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


def test_configuration_is_read_from_the_mount_and_watched() -> None:
    """An edit on EFS reaches the running task, which itself cannot write there."""
    container = only_container("task-definition.json")
    (mount,) = container["mountPoints"]
    config = {pair["name"]: pair["value"] for pair in container["environment"]}["ECSQ_CONFIG"]
    assert container["command"] == ["run", "--watch"]
    assert config.startswith(mount["containerPath"] + "/")
    assert mount["readOnly"]


def test_both_tasks_mount_the_same_encrypted_access_point() -> None:
    """The writer writes where the controller reads, over TLS and by role."""
    volumes = [read_json(name)["volumes"] for name in TASK_DEFINITIONS]
    assert volumes[0] == volumes[1]
    efs = volumes[0][0]["efsVolumeConfiguration"]
    assert (efs["transitEncryption"], efs["authorizationConfig"]["iam"]) == ("ENABLED", "ENABLED")


def test_config_writer_checks_before_it_replaces() -> None:
    """A file that `ecsq check` refuses never takes the old one's place, and the new one appears whole."""
    container = only_container("config-writer.json")
    (script,) = container["command"]
    steps = [step.strip() for step in script.split("&&")]
    assert container["entryPoint"] == ["sh", "-ec"]
    assert steps[1:] == ["ecsq check --config /config/incoming.yaml", "mv /config/incoming.yaml /config/config.yaml"]


def test_placeholders_are_of_the_documented_forms_only() -> None:
    """AWS's documentation account and one region, so that two replacements suit every file."""
    text = "".join(path.read_text() for path in sorted(DEPLOY.rglob("*.json")))
    arns = [part.split('"')[0].split(":") for part in text.split("arn:aws:")[1:]]
    assert {"111122223333", ""} >= {arn[2] for arn in arns}
    assert {"us-east-1", ""} >= {arn[1] for arn in arns}
