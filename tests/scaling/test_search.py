"""Which queues there are: all pages, without dead-letter queues, or what was known before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws import queue_search
from controller.aws.traits import TraitsKnown
from controller.config import QueueSearch
from controller.core.queue_names import name_queue
from controller.sandbox.aws import Disturbance
from controller.scaling import search as search_module
from controller.scaling.search import Searches, search_with
from tests.support.aws import create_queue
from tests.support.controller import clients_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

BY_NAME = QueueSearch("tenant-", (), each=True)
READ = "GetQueueAttributes"
BY_TAGS = QueueSearch(None, (("team", "video"),), each=True)


@pytest.fixture
def searches(aws: EmbeddedAws, clock: ManualClock) -> Searches:
    """Give what looks for queues, with nothing known."""
    clients = clients_of(aws, clock=clock.handed_in())
    return search_with(clients, TraitsKnown(clients.clock))


def create(aws: EmbeddedAws, name: str, dead: str | None = None) -> None:
    """Create a queue with the tag that is looked for, and perhaps with a dead-letter queue, which is there."""
    attributes = {}
    if dead is not None:
        arn = f"arn:aws:sqs:{aws.region}:123456789012:{dead}"
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    queue = create_queue(aws, name, **attributes)
    aws.client("sqs").tag_queue(QueueUrl=queue.url, Tags={"team": "video"})


def names(searches: Searches, search: QueueSearch) -> list[str] | None:
    """Return the names of what is known."""
    known = searches.found[search].queues
    return None if known is None else [name_queue(queue) for queue in known]


def disturb(aws: EmbeddedAws, operation: str, status: int, code: str, where: Callable[[Any], bool]) -> None:
    """Let some calls of an operation fail, each time."""
    aws.disturbances.add(Disturbance("*", operation, "error", status=status, code=code, times=None, where=where))


@pytest.mark.parametrize("search", [BY_NAME, BY_TAGS], ids=["by-name", "by-tags"])
def test_all_pages_are_read_and_dead_letter_queues_left_out(
    aws: EmbeddedAws, searches: Searches, search: QueueSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of their names, so that every controller has them in the same."""
    monkeypatch.setattr(queue_search, "PAGE", 2)
    monkeypatch.setattr(queue_search, "TAGGED_PAGE", 2)
    create(aws, "tenant-dead")
    for number in (3, 1, 2):
        create(aws, f"tenant-{number}", dead="tenant-dead")
    assert searches.look([search])
    assert ["tenant-1", "tenant-2", "tenant-3"] == names(searches, search)
    assert not searches.look([search])


def test_a_known_queue_costs_nothing_but_the_listing(aws: EmbeddedAws, searches: Searches, clock: ManualClock) -> None:
    """How it is set up is read when it is new, and after an hour, unless its polls have told."""
    create(aws, "tenant-1")
    searches.look([BY_NAME])
    aws.journal.clear()
    clock.now += 60
    searches.look([BY_NAME])
    assert ["ListQueues"] == [call.operation for call in aws.journal.calls("sqs")]


@pytest.mark.parametrize("search", [BY_NAME, BY_TAGS], ids=["by-name", "by-tags"])
def test_a_page_that_fails_leaves_what_is_known(
    aws: EmbeddedAws, searches: Searches, search: QueueSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing new is taken and nothing goes, until a whole listing has come; why is told."""
    monkeypatch.setattr(queue_search, "PAGE", 1)
    monkeypatch.setattr(queue_search, "TAGGED_PAGE", 1)
    create(aws, "tenant-2")
    searches.look([search])
    create(aws, "tenant-1")
    create(aws, "tenant-3")
    for operation, token in (("ListQueues", "NextToken"), ("GetResources", "PaginationToken")):
        disturb(aws, operation, 500, "InternalError", lambda asked, token=token: token in asked)  # type: ignore[misc]
    assert searches.look([search])
    assert ["tenant-2"] == names(searches, search)
    problem = searches.found[search].problem
    assert problem is not None
    assert "InternalError" in problem
    assert problem.endswith("; the queues that are known stay, and no new one is taken")
    aws.disturbances.clear()
    searches.look([search])
    assert ["tenant-1", "tenant-2", "tenant-3"] == names(searches, search)
    assert searches.found[search].problem is None


def test_without_a_listing_nothing_is_known(aws: EmbeddedAws, searches: Searches) -> None:
    """Not even that there is none."""
    disturb(aws, "ListQueues", 403, "AccessDenied", lambda _: True)
    searches.look([BY_NAME])
    known = searches.found[BY_NAME]
    assert None is known.queues
    assert "sqs:ListQueues" in str(known.problem)


def test_there_is_an_end_to_how_many_are_taken(
    aws: EmbeddedAws, searches: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is an error that says so, and those that were known stay."""
    monkeypatch.setattr(search_module, "MAX_FOUND", 2)
    for number in range(2):
        create(aws, f"tenant-{number}")
    searches.look([BY_NAME])
    create(aws, "tenant-2")
    searches.look([BY_NAME])
    assert ["tenant-0", "tenant-1"] == names(searches, BY_NAME)
    assert 'queues named "tenant-...": there are more than 2' in str(searches.found[BY_NAME].problem)


def test_nothing_new_is_taken_while_it_may_be_for_dead_letters(aws: EmbeddedAws, searches: Searches) -> None:
    """A queue that cannot be read just now may have another new one for its dead letters."""
    create(aws, "tenant-dead")
    create(aws, "tenant-1", dead="tenant-dead")
    disturb(aws, READ, 500, "InternalError", lambda asked: asked["QueueUrl"].endswith("tenant-1"))
    searches.look([BY_NAME])
    assert None is names(searches, BY_NAME)
    assert 'queue "http' in str(searches.found[BY_NAME].problem)
    aws.disturbances.clear()
    searches.look([BY_NAME])
    assert ["tenant-1"] == names(searches, BY_NAME)


def test_a_queue_that_a_person_has_to_mend_holds_nobody_else(aws: EmbeddedAws, searches: Searches) -> None:
    """It is taken like the others, so that its own scaler tells what is wrong with it."""
    create(aws, "tenant-1")
    create(aws, "tenant-2")
    disturb(aws, READ, 403, "AccessDenied", lambda asked: asked["QueueUrl"].endswith("tenant-1"))
    searches.look([BY_NAME])
    assert (["tenant-1", "tenant-2"], None) == (names(searches, BY_NAME), searches.found[BY_NAME].problem)


def test_a_queue_that_goes_between_listing_and_reading_is_not_there(aws: EmbeddedAws, searches: Searches) -> None:
    """SQS may list what it no longer has."""
    create(aws, "tenant-1")
    create(aws, "tenant-2")
    gone = "AWS.SimpleQueueService.NonExistentQueue"
    disturb(aws, READ, 400, gone, lambda asked: asked["QueueUrl"].endswith("tenant-2"))
    searches.look([BY_NAME])
    assert ["tenant-1"] == names(searches, BY_NAME)


def test_a_queue_that_becomes_one_for_dead_letters_goes(
    aws: EmbeddedAws, searches: Searches, clock: ManualClock
) -> None:
    """As soon as the policy that names it is read again, which is an hour later at most."""
    for name in ("tenant-1", "tenant-dead"):
        create(aws, name)
    searches.look([BY_NAME])
    url = aws.client("sqs").get_queue_url(QueueName="tenant-1")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{aws.region}:123456789012:tenant-dead", "maxReceiveCount": 3}
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    clock.now += 3600
    searches.look([BY_NAME])
    assert ["tenant-1"] == names(searches, BY_NAME)
