from __future__ import annotations

import pytest

from controller.daemon.contact import REACHED_WITHIN, READ_WITHIN, Contact
from tests.support.clock import ManualClock

LOOKS = 10.0


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that the test moves."""
    return ManualClock(1000.0)


@pytest.fixture
def contact(clock: ManualClock) -> Contact:
    """Give the contact of a controller that has just started."""
    return Contact(clock.handed_in())


def test_one_that_is_not_answered_any_more_is_cut_off(clock: ManualClock, contact: Contact) -> None:
    """After three minutes; with the next answer it is not."""
    for _ in range(3):
        contact.note_request("sqs", "GetQueueAttributes", "network_error", 5.0)
        clock.now += REACHED_WITHIN / 3
    assert contact.find_cut_off(LOOKS) is None
    clock.now += 1
    assert "neither SQS nor ECS has answered for 3m1s" == contact.find_cut_off(LOOKS)
    contact.note_request("ecs", "ListTasks", "success", 0.1)
    assert contact.find_cut_off(LOOKS) is None


@pytest.mark.parametrize("outcome", ["success", "throttled", "client_error", "server_error"])
def test_any_answer_is_contact(clock: ManualClock, contact: Contact, outcome: str) -> None:
    """A controller that is refused, or whose AWS has trouble, is not mended by a restart."""
    clock.now += REACHED_WITHIN + 1
    contact.note_request("sqs", "GetQueueAttributes", outcome, 0.1)
    assert contact.find_cut_off(LOOKS) is None


def test_an_answer_of_who_keeps_the_configuration_is_no_contact(clock: ManualClock, contact: Contact) -> None:
    """Queues and tasks are reached another way."""
    clock.now += REACHED_WITHIN + 1
    contact.note_request("ssm", "GetParameter", "success", 0.1)
    assert "neither SQS nor ECS has answered for 3m1s" == contact.find_cut_off(LOOKS)


def test_who_asks_seldom_is_given_time_for_two_polls(clock: ManualClock, contact: Contact) -> None:
    """And one that has nothing to ask for is not cut off."""
    clock.now += 1000
    said = [contact.find_cut_off(asks_every) for asks_every in (None, 600.0, 400.0)]
    assert [None, None, "neither SQS nor ECS has answered for 16m40s"] == said


def test_one_that_cannot_read_its_configuration_is_of_no_use(clock: ManualClock, contact: Contact) -> None:
    """After five minutes, whether the file is gone or the look at it hangs; a read ends that."""
    contact.expect_reads()
    clock.now += READ_WITHIN
    assert contact.find_cut_off(None) is None
    clock.now += 1
    assert "the configuration could not be read for 5m1s" == contact.find_cut_off(None)
    contact.note_read()
    assert contact.find_cut_off(None) is None


def test_a_configuration_that_nobody_looks_at_is_not_missed(clock: ManualClock, contact: Contact) -> None:
    """Without --watch it is read when somebody asks for it."""
    clock.now += 10 * READ_WITHIN
    assert contact.find_cut_off(None) is None
