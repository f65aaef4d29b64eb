import pytest

from controller.config import load
from controller.core.copies.derive import copies_limit
from controller.core.copies.template import Template
from controller.core.decision.policy import PerContainer, Steps
from controller.sandbox.daemon import write_configuration
from controller.sandbox.load import plan_load
from controller.sandbox.log_router import LOG_ROUTER
from controller.sandbox.messages import Mishap
from controller.sandbox.presets import PRESETS
from controller.sandbox.scenario import WORKER_CONTAINER, configuration
from controller.sandbox.stage import set_stage

every_preset = pytest.mark.parametrize("scenario", PRESETS.values(), ids=PRESETS)


def loaded(scenario, tmp_path):
    path = tmp_path / "config.yaml"
    write_configuration(
        path, configuration(scenario, endpoint_url="http://127.0.0.1:4566", region="us-east-1", port=8080)
    )
    return load(path)


@every_preset
def test_the_written_configuration_is_valid_and_without_warnings(scenario, tmp_path):
    """The daemon gets a configuration that `ecsq check` has nothing to say about."""
    assert loaded(scenario, tmp_path).warnings == ()


@every_preset
def test_both_kinds_of_worker_are_scaled_as_suits_them(scenario, tmp_path):
    """Workers that drain are asked for in steps, one-message workers one by one; both may share tasks."""
    drain, single = loaded(scenario, tmp_path).spec.scalers

    assert isinstance(drain.policy.demand, Steps)
    assert single.policy.demand == PerContainer(messages_per_container=1)
    for scaler in (drain, single):
        assert scaler.policy.max_containers > scaler.packing.max_tasks_per_launch
        assert scaler.packing.max_containers_per_task > 1


@every_preset
def test_work_ends_before_its_message_comes_back(scenario):
    """A message whose worker is alive is never given to a second one."""
    assert max(queue.work_seconds[1] for queue in scenario.queues) < scenario.visibility_timeout


def test_a_task_of_the_sidecar_preset_holds_eight_workers(aws, tmp_path):
    """Its template is one that ECS takes, and that leaves room for the log router and the keeper beside eight."""
    set_stage(aws, PRESETS["sidecar"])
    spec = loaded(PRESETS["sidecar"], tmp_path).spec.scalers[0]
    described = aws.client("ecs").describe_task_definition(taskDefinition=spec.task.definition)["taskDefinition"]
    registrable = aws.client("ecs").meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    allowed = dict.fromkeys(registrable.members)

    most, _ = copies_limit(Template.described(described), spec.task.container, spec.task.keeper_image, allowed)

    assert (8, 8) == (most, spec.packing.max_containers_per_task)
    assert [LOG_ROUTER, WORKER_CONTAINER] == [each["name"] for each in described["containerDefinitions"]]


def test_only_the_first_burst_brings_mishaps_and_only_where_there_are_to_be_some():
    """One message each, wherever the seed puts it; nothing else of the load changes by it."""
    bursts = plan_load(PRESETS["sidecar"], duration=60, seed=1)
    mishaps = {
        (burst.queue, message.mishap) for burst in bursts for message in burst.messages if message.mishap is not None
    }

    assert mishaps == {("drain", Mishap.FAILS), ("single", Mishap.HANGS)}
    assert {burst.at < 2 for burst in bursts if any(message.mishap for message in burst.messages)} == {True}
    basic = plan_load(PRESETS["basic"], duration=60, seed=1)
    assert not any(message.mishap for burst in basic for message in burst.messages)
