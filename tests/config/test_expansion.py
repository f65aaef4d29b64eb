"""Which scalers a configuration comes to, by the queues that were found."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import QueueSearch
from controller.config.expansion import FoundQueues, expand, make_departing, name_scaler
from controller.config.formats import NAME
from tests.core.decision.builders import NOW
from tests.core.decision.windows import window
from tests.support.controller import scaler_spec

if TYPE_CHECKING:
    from controller.config import ScalerSpec

BASE = "https://sqs.eu-west-1.amazonaws.com/111122223333"
EACH = QueueSearch("tenant-", (), each=True)
ALL = QueueSearch(None, (("team", "video"),), each=False)
names = st.from_regex(NAME, fullmatch=True)
queues = st.from_regex(r"[A-Za-z0-9_-]{1,75}(\.fifo)?", fullmatch=True)


def looking(name: str, search: QueueSearch) -> ScalerSpec:
    """Return a scaler of a configuration that looks for its queues."""
    spec = scaler_spec("main", "worker", name=name)
    return replace(spec, queues=(), search=search, unfound="not yet", queue_key="queues")


def found(*queues: str) -> FoundQueues:
    """Return what was found."""
    return FoundQueues(tuple(f"{BASE}/{queue}" for queue in queues))


def test_a_scaler_for_each_queue() -> None:
    """With all that the block says, a name of its own, and so slots and tokens of its own."""
    block = looking("video", EACH)
    one, two = expand([block], {EACH: found("tenant-a", "tenant-b.fifo")})
    assert ("video.tenant-a", "video.tenant-b.fifo") == (one.name, two.name)
    assert ((f"{BASE}/tenant-a",), "video.tenant-a") == (one.queues, one.policy.slots.scaler)
    assert [(False, "video"), (True, "video")] == [(each.policy.is_fifo, each.found_by) for each in (one, two)]
    assert (None, None, block.task) == (one.unfound, one.search, one.task)


def test_one_scaler_for_all() -> None:
    """It is itself, and knows its queues; a FIFO queue among them makes it careful."""
    block = looking("video", ALL)
    (spec,) = expand([block], {ALL: found("a", "b.fifo")})
    assert ("video", (f"{BASE}/a", f"{BASE}/b.fifo"), None) == (spec.name, spec.queues, spec.unfound)
    assert spec.policy.is_fifo


def test_what_is_not_known_is_not_none() -> None:
    """A sum of queues that were not found is unknown, with the reason; found to be none, it is zero."""
    block = looking("video", ALL)
    (never,) = expand([block], {})
    (failed,) = expand([block], {ALL: FoundQueues(None, "throttled")})
    (empty,) = expand([block], {ALL: found()})
    assert [("not yet", ()), ("throttled", ()), (None, ())] == [
        (each.unfound, each.queues) for each in (never, failed, empty)
    ]
    assert () == expand([looking("each", EACH)], {})


def test_a_problem_later_changes_nothing() -> None:
    """The queues that are known go on as they were."""
    block = looking("video", ALL)
    known = found("a")
    assert expand([block], {ALL: known}) == expand([block], {ALL: replace(known, problem="throttled")})


@pytest.mark.parametrize("given", ["tenant-a", f"{BASE}/tenant-a", "arn:aws:sqs:eu-west-1:111122223333:tenant-a"])
def test_a_queue_that_somebody_names_is_theirs(given: str) -> None:
    """So one tenant can have settings of its own; wherever in the file they stand."""
    own = scaler_spec("main", "worker", name="large", queue=given)
    running = expand([looking("video", EACH), own], {EACH: found("tenant-a", "tenant-b")})
    assert ["video.tenant-b", "large"] == [each.name for each in running]
    assert running[1] is own


def test_a_queue_of_another_account_is_another_one() -> None:
    """Though it has the same name."""
    own = scaler_spec("main", "worker", name="large", queue="arn:aws:sqs:eu-west-1:444455556666:tenant-a")
    running = expand([own, looking("video", EACH)], {EACH: found("tenant-a")})
    assert ["large", "video.tenant-a"] == [each.name for each in running]


def test_of_two_that_find_a_queue_the_first_has_it() -> None:
    """Its messages must not be worked for twice."""
    running = expand([looking("all", ALL), looking("video", EACH)], {ALL: found("tenant-a"), EACH: found("tenant-a")})
    assert [("all", 1)] == [(each.name, len(each.queues)) for each in running]


@given(names, queues, names, queues)
def test_names_are_never_shared(block: str, queue: str, other_block: str, other_queue: str) -> None:
    """Two scalers that were found have one name only if they are the same; and none has a name of a configuration."""
    one, other = name_scaler(block, queue), name_scaler(other_block, other_queue)
    assert (one == other) == ((block, queue) == (other_block, other_queue))
    assert not re.match(NAME, one)


def test_a_scaler_without_its_queue_launches_nothing() -> None:
    """It holds nothing to wait for, and no minimum, not in a window of its schedule either."""
    spec = scaler_spec("main", "worker", min_containers=3)
    spec = replace(spec, found_by="video", schedule=(window(NOW, min_containers=2),))
    departing = make_departing(spec)
    assert ((), 0, spec.name) == (departing.queues, departing.at(NOW).policy.min_containers, departing.name)
    assert departing == make_departing(departing)
