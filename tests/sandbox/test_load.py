from itertools import pairwise

import pytest

from controller.sandbox.load import GAP, SETTLING, plan_load
from controller.sandbox.messages import Message
from controller.sandbox.scenario import DRAIN, SINGLE, Scenario

SCENARIO = Scenario()


def test_same_seed_same_load():
    """A seed repeats the bursts, messages and work times."""
    expected = plan_load(SCENARIO, duration=60, seed=7)

    assert expected == plan_load(SCENARIO, duration=60, seed=7)


def test_other_seed_other_load():
    """Another seed makes another load."""
    assert plan_load(SCENARIO, duration=60, seed=7) != plan_load(SCENARIO, duration=60, seed=8)


@pytest.mark.parametrize("duration", [1, 20, 60, 3600])
def test_every_queue_gets_a_burst_within_two_seconds(duration):
    """This holds for every run, however short."""
    early = {burst.queue for burst in plan_load(SCENARIO, duration=duration, seed=1) if burst.at < 2}

    assert early == {"drain", "single"}


@pytest.mark.parametrize("seed", range(20))
def test_a_minute_has_several_bursts_with_gaps_and_leaves_time_for_the_last(seed):
    """The gaps are within their limits, and the last burst comes early enough to be done in time."""
    bursts = plan_load(SCENARIO, duration=60, seed=seed)

    for queue in ("drain", "single"):
        times = [burst.at for burst in bursts if burst.queue == queue]
        assert len(times) >= 3
        assert all(GAP[0] - 0.01 <= later - earlier <= GAP[1] + 0.01 for earlier, later in pairwise(times))
        assert times[-1] <= 60 - SETTLING


def test_a_run_may_have_a_longer_time_without_bursts():
    """The last burst comes at least ``settling`` before the end."""
    assert max(burst.at for burst in plan_load(SCENARIO, duration=60, seed=1, settling=35)) <= 25


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("queue", [DRAIN, SINGLE], ids=lambda queue: queue.name)
def test_some_burst_wants_more_than_one_container_a_task(queue, seed):
    """Within a minute, every scaler has more messages than it may launch tasks at once."""
    bursts = [burst for burst in plan_load(SCENARIO, duration=60, seed=seed) if burst.queue == queue.name]

    assert max(len(burst.messages) for burst in bursts) > queue.limits["max_tasks_per_launch"]


def test_messages_are_unique_and_their_work_within_bounds():
    """Every message has its own id, and a work time within the limits of its queue."""
    messages = [message for burst in plan_load(SCENARIO, duration=600, seed=1) for message in burst.messages]

    assert len({message.id for message in messages}) == len(messages)
    assert all(1.0 <= message.seconds <= 6.0 for message in messages)


def test_a_message_survives_its_body():
    """A worker reads the message that was sent."""
    message = Message("drain-1-1", 2.5)

    assert Message.from_body(message.to_body(), "sqs-id") == message


@pytest.mark.parametrize("body", ["hello", "[1]", "{}", '{"id": 1, "seconds": "soon"}', "null"])
def test_a_message_of_the_users_own_is_a_second_of_work(body):
    """Any other body is a message with SQS's id."""
    assert Message.from_body(body, "sqs-id") == Message("sqs-id", 1.0)
