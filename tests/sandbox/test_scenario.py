import pytest

from controller.config import load
from controller.core.copies.derive import find_copies_limit
from controller.core.copies.template import Template
from controller.core.decision.policy import PerContainer, StartWithin, Steps
from controller.sandbox.daemon import write_configuration
from controller.sandbox.load import plan_load
from controller.sandbox.log_router import LOG_ROUTER
from controller.sandbox.messages import Mishap
from controller.sandbox.presets import PRESETS
from controller.sandbox.scenario import WORKER_CONTAINER, build_configuration
from controller.sandbox.stage import set_stage

every_preset = pytest.mark.parametrize("scenario", PRESETS.values(), ids=PRESETS)


def loaded(scenario, tmp_path):
    path = tmp_path / "config.yaml"
    write_configuration(
        path, build_configuration(scenario, endpoint_url="http://127.0.0.1:4566", region="us-east-1", port=8080)
    )
    return load(path)


@every_preset
def test_the_written_configuration_is_valid_and_hardly_warned_of(scenario, tmp_path):
    """The daemon's own loader accepts it, and warns of nothing but a promise that is short, as all is here."""
    keys = {warning.key for warning in loaded(scenario, tmp_path).warnings}
    assert keys <= {"scalers[0].demand.start_within"}


@every_preset
def test_each_kind_of_worker_has_a_suitable_demand(scenario, tmp_path):
    """Draining workers have a promise or steps, those of one message a container each, and all may share tasks."""
    drain, single = loaded(scenario, tmp_path).spec.scalers

    assert isinstance(drain.policy.demand, StartWithin | Steps)
    assert single.policy.demand == PerContainer(messages_per_container=1)
    for scaler in (drain, single):
        assert scaler.policy.max_containers > scaler.packing.max_tasks_per_launch
        assert scaler.packing.max_containers_per_task > 1


@every_preset
def test_work_ends_before_its_message_comes_back(scenario):
    """A message is not received again while its worker is still at work."""
    assert max(queue.work_seconds[1] for queue in scenario.queues) < scenario.visibility_timeout


def test_a_task_of_the_sidecar_preset_holds_eight_workers(aws, tmp_path):
    """ECS accepts its template, and it has room for eight workers beside the log router and the keeper."""
    set_stage(aws, PRESETS["sidecar"])
    spec = loaded(PRESETS["sidecar"], tmp_path).spec.scalers[0]
    described = aws.client("ecs").describe_task_definition(taskDefinition=spec.task.definition)["taskDefinition"]
    registrable = aws.client("ecs").meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    allowed = dict.fromkeys(registrable.members)

    most, _ = find_copies_limit(Template.from_description(described), spec.task.container, spec.task.keeper, allowed)

    assert (8, 8) == (most, spec.packing.max_containers_per_task)
    assert [LOG_ROUTER, WORKER_CONTAINER] == [each["name"] for each in described["containerDefinitions"]]


def test_only_the_first_burst_has_mishaps():
    """Each mishap of a preset is on one message of the first burst; a preset without mishaps has none."""
    bursts = plan_load(PRESETS["sidecar"], duration=60, seed=1)
    mishaps = {
        (burst.queue, message.mishap) for burst in bursts for message in burst.messages if message.mishap is not None
    }

    assert mishaps == {("drain", Mishap.FAILS), ("single", Mishap.HANGS)}
    assert {burst.at < 2 for burst in bursts if any(message.mishap for message in burst.messages)} == {True}
    basic = plan_load(PRESETS["basic"], duration=60, seed=1)
    assert not any(message.mishap for burst in basic for message in burst.messages)
