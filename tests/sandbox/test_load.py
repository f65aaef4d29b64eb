from itertools import pairwise

import pytest

from controller.sandbox.load import GAP, SETTLING, plan_load
from controller.sandbox.messages import Message
from controller.sandbox.scenario import DRAIN, SINGLE, Scenario

SCENARIO = Scenario()


def test_same_seed_same_load():
    """A seed repeats a run: the same bursts, messages and work times."""
    expected = plan_load(SCENARIO, duration=60, seed=7)

    assert expected == plan_load(SCENARIO, duration=60, seed=7)


def test_other_seed_other_load():
    """Another seed plays something else."""
    assert plan_load(SCENARIO, duration=60, seed=7) != plan_load(SCENARIO, duration=60, seed=8)


@pytest.mark.parametrize("duration", [1, 20, 60, 3600])
def test_every_queue_gets_a_burst_within_two_seconds(duration):
    """However short the run, it feels alive at once, on every queue."""
    early = {burst.queue for burst in plan_load(SCENARIO, duration=duration, seed=1) if burst.at < 2}

    assert early == {"drain", "single"}


@pytest.mark.parametrize("seed", range(20))
def test_a_minute_has_several_bursts_with_gaps_and_leaves_time_for_the_last(seed):
    """Bursts come with gaps between them, and the last one early enough to be done in time."""
    bursts = plan_load(SCENARIO, duration=60, seed=seed)

    for queue in ("drain", "single"):
        times = [burst.at for burst in bursts if burst.queue == queue]
        assert len(times) >= 3
        assert all(GAP[0] - 0.01 <= later - earlier <= GAP[1] + 0.01 for earlier, later in pairwise(times))
        assert times[-1] <= 60 - SETTLING


def test_a_run_may_be_left_alone_for_longer():
    """The last burst comes so long before the end as is asked for."""
    assert max(burst.at for burst in plan_load(SCENARIO, duration=60, seed=1, settling=35)) <= 25


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("queue", [DRAIN, SINGLE], ids=lambda queue: queue.name)
def test_some_burst_wants_more_than_one_container_a_task(queue, seed):
    """Within a minute every scaler sees more work than its tasks can take with one container each."""
    bursts = [burst for burst in plan_load(SCENARIO, duration=60, seed=seed) if burst.queue == queue.name]

    assert max(len(burst.messages) for burst in bursts) > queue.limits["max_tasks_per_launch"]


def test_messages_are_unique_and_their_work_within_bounds():
    """Every message can be told from every other, and works as long as its queue says."""
    messages = [message for burst in plan_load(SCENARIO, duration=600, seed=1) for message in burst.messages]

    assert len({message.id for message in messages}) == len(messages)
    assert all(1.0 <= message.seconds <= 6.0 for message in messages)


def test_a_message_survives_its_body():
    """What is sent is what a worker reads."""
    message = Message("drain-1-1", 2.5)

    assert Message.read(message.body(), "sqs-id") == message


@pytest.mark.parametrize("body", ["hello", "[1]", "{}", '{"id": 1, "seconds": "soon"}', "null"])
def test_a_message_of_the_users_own_is_a_second_of_work(body):
    """Whoever puts other messages into the queue sees them done too."""
    assert Message.read(body, "sqs-id") == Message("sqs-id", 1.0)
