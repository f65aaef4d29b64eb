from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from controller.config import load
from controller.config.run_task import SET_BY_CONTROLLER
from tests.config.files import problems, task

if TYPE_CHECKING:
    from pathlib import Path

HERE = "scalers[0].task.run_task"


@pytest.fixture(scope="module")
def shape() -> object:
    """RunTask's input as botocore knows it."""
    return ServiceModel(Loader().load_service_model("ecs", "service-2")).operation_model("RunTask").input_shape


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "{propagatetags: SERVICE}",
            [f"9:18: {HERE}.propagatetags: is not a parameter of RunTask; did you mean propagateTags?"],
            id="misspelt",
        ),
        pytest.param(
            "{propagateTags: SERVIEC}",
            [f'9:33: {HERE}.propagateTags: must be one of TASK_DEFINITION, SERVICE, NONE, not "SERVIEC"'],
            id="not one of the words",
        ),
        pytest.param(
            "{enableExecuteCommand: yes}",
            [f'9:40: {HERE}.enableExecuteCommand: must be true or false, not the text "yes"'],
            id="not a boolean",
        ),
        pytest.param(
            "{platformVersion: 1.4}",
            [
                f"9:35: {HERE}.platformVersion: must be text, not the number 1.4; "
                "put it in quotes if it is meant as text"
            ],
            id="not text",
        ),
        pytest.param(
            "{volumeConfigurations: [{name: data}, {name: scratch, managedEBSVolme: {roleArn: a}}]}",
            [
                f"9:71: {HERE}.volumeConfigurations[1].managedEBSVolme: "
                "is not a known key of TaskVolumeConfiguration; did you mean managedEBSVolume?"
            ],
            id="misspelt deep down",
        ),
        pytest.param(
            "{placementConstraints: {type: memberOf}}",
            [f"9:18: {HERE}.placementConstraints: must be a list, not a mapping"],
            id="not a list",
        ),
        pytest.param(
            "{volumeConfigurations: [{name: data, managedEBSVolume: {sizeInGiB: true}}]}",
            [
                f"9:54: {HERE}.volumeConfigurations[0].managedEBSVolume.roleArn: is required and missing",
                f"9:84: {HERE}.volumeConfigurations[0].managedEBSVolume.sizeInGiB: must be a whole number, not true",
            ],
            id="required and missing",
        ),
        pytest.param(
            "{volumeConfigurations: [{name: data, managedEBSVolume: "
            "{roleArn: a, tagSpecifications: [{resourceType: volume, tags: [{key: '', value: b}]}]}}]}",
            [
                f"9:141: {HERE}.volumeConfigurations[0].managedEBSVolume.tagSpecifications[0].tags[0].key: "
                "must have at least 1 character, not 0"
            ],
            id="too short",
        ),
        pytest.param(
            "{count: 3}",
            [
                f"9:18: {HERE}.count: is set by the controller: "
                "limit it with max_containers and task.max_tasks_per_launch"
            ],
            id="set by the controller",
        ),
        pytest.param(
            "{networkConfiguration: {}, launchType: EC2}",
            [
                f"9:18: {HERE}.networkConfiguration: is set by the controller: "
                "use task.subnets, task.security_groups and task.assign_public_ip",
                f"9:44: {HERE}.launchType: is set by the controller: use task.launch_type",
            ],
            id="two set by the controller",
        ),
        pytest.param(
            "{platformVersion: null}",
            [f"9:35: {HERE}.platformVersion: has no value: give it one, or remove the key"],
            id="no value",
        ),
    ],
)
def test_a_mistake_in_run_task_is_named(tmp_path: Path, line: str, expected: list[str]) -> None:
    """A parameter that RunTask does not take, or that the controller sets, is reported at its own place."""
    assert expected == problems(tmp_path, task(f"run_task: {line}"))


def test_the_controllers_parameters_exist(shape: object) -> None:
    """Every parameter that is refused because the controller sets it exists in RunTask."""
    assert set() == set(SET_BY_CONTROLLER) - set(shape.members)


def test_what_passes_satisfies_botocore(tmp_path: Path, shape: object) -> None:
    """The parameters of a valid configuration, the controller's and the user's, pass botocore's own check."""
    path = tmp_path / "config.yaml"
    path.write_text(
        task(
            "capacity_providers: [{provider: big-machines, weight: 1}]\n"
            "security_groups: [sg-0123456789abcdef0]\n"
            "tags: {team: content}\n"
            "run_task:\n"
            "  propagateTags: TASK_DEFINITION\n"
            "  enableECSManagedTags: true\n"
            "  placementStrategy: [{type: spread, field: 'attribute:ecs.availability-zone'}]\n"
            "  volumeConfigurations: [{name: data, managedEBSVolume: {sizeInGiB: 10, roleArn: role}}]\n"
        )
    )
    parameters = {"taskDefinition": "content-worker", **load(path).spec.scalers[0].task.run_task}
    assert ParamValidator().validate(parameters, shape).generate_report() == ""
