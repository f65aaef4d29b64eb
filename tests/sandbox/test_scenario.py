from controller.config import load
from controller.core.model import PerContainer, Steps
from controller.sandbox.daemon import write_configuration
from controller.sandbox.scenario import Scenario, configuration

SCENARIO = Scenario()


def loaded(tmp_path):
    path = tmp_path / "config.yaml"
    write_configuration(
        path, configuration(SCENARIO, endpoint_url="http://127.0.0.1:4566", region="us-east-1", port=8080)
    )
    return load(path)


def test_the_written_configuration_is_valid_and_without_warnings(tmp_path):
    """The daemon gets a configuration that `ecsq check` has nothing to say about."""
    assert loaded(tmp_path).warnings == ()


def test_both_kinds_of_worker_are_scaled_as_suits_them(tmp_path):
    """Workers that drain are asked for in steps, one-message workers one by one; both may share tasks."""
    drain, single = loaded(tmp_path).spec.scalers

    assert isinstance(drain.policy.demand, Steps)
    assert single.policy.demand == PerContainer(messages_per_container=1)
    for scaler in (drain, single):
        assert scaler.policy.max_containers > scaler.packing.max_tasks_per_launch
        assert scaler.packing.max_containers_per_task > 1


def test_work_ends_before_its_message_comes_back():
    """A message whose worker is alive is never given to a second one."""
    assert max(queue.work_seconds[1] for queue in SCENARIO.queues) < SCENARIO.visibility_timeout
