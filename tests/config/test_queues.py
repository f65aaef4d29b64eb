"""Which queues a scaler has: one, or several that are added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.config import QueueSearch, load
from controller.config.queue_schema import MAX_SUMMED
from tests.config.files import LEAST, problems

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = "    queue: content-ingest\n"
ARN = "arn:aws:sqs:eu-west-1:{}:urgent"


def having(lines: str) -> str:
    """Return the shortest configuration with other lines in the place of its queue, in line 3 and after."""
    return LEAST.replace(QUEUE, "".join(f"    {line}\n" for line in lines.splitlines()))


def test_several_queues_are_one_scaler(tmp_path: Path) -> None:
    """In the order in which they are listed; one that is FIFO makes the scaler careful."""
    path = tmp_path / "config.yaml"
    path.write_text(having("queues: [urgent, normal.fifo]"))
    (spec,) = load(path).spec.scalers
    assert (("urgent", "normal.fifo"), "queues", True) == (spec.queues, spec.queue_key, spec.policy.is_fifo)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "", ["2:5: scalers[0].queue: is required and missing: name the queue, or several under queues"], id="none"
        ),
        pytest.param("queues: []", ["3:5: scalers[0].queues: must have at least 1 item, not 0"], id="empty"),
        pytest.param(
            "queue: one\nqueues: [two]",
            ["4:5: scalers[0].queues: cannot be combined with queue: keep one of the two"],
            id="both",
        ),
        pytest.param(
            "queues: [urgent, normal, urgent]",
            ['3:30: scalers[0].queues[2]: "urgent" is the same queue as queues[0]: remove one of the two'],
            id="twice",
        ),
        pytest.param(
            f"queues: [urgent, '{ARN.format('111122223333')}']",
            [
                '3:22: scalers[0].queues[1]: "arn:aws:sqs:eu-west-1:111122223333:urgent" may be the same queue as '
                "queues[0]: remove one of the two, or give both by their ARNs"
            ],
            id="perhaps-twice",
        ),
        pytest.param(
            "queues: [one, two words]",
            ['3:19: scalers[0].queues[1]: must be the name, the URL or the ARN of an SQS queue; this is "two words"'],
            id="no-name",
        ),
        pytest.param("queues: [5]", None, id="no-text"),
    ],
)
def test_a_mistake_in_queues_is_named(tmp_path: Path, lines: str, expected: list[str] | None) -> None:
    """With the place of the very item that is wrong."""
    found = problems(tmp_path, having(lines))
    assert found
    assert expected is None or expected == found


EACH = "queues: {prefix: tenant-, each: true}\n"
BUDGET = "budget: {max_containers: 9}\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "queues: {}",
            ["3:5: scalers[0].queues: must have prefix or tags, by which queues are looked for"],
            id="by-nothing",
        ),
        pytest.param(
            "queues: {prefix: a, tags: {team: video}}",
            ["3:5: scalers[0].queues: must have prefix or tags, not both"],
            id="by-both",
        ),
        pytest.param(
            "queues: tenant-",
            [
                "3:13: scalers[0].queues: must be a list of queues, or a mapping with prefix or tags, not the text "
                '"tenant-"'
            ],
            id="neither-list-nor-mapping",
        ),
        pytest.param(
            "queues: {prefix: 'tenant*'}",
            [
                "3:22: scalers[0].queues.prefix: must be the beginning of queues' names: 1 to 80 letters, digits, "
                'hyphens and underscores; this is "tenant*"'
            ],
            id="no-wildcards",
        ),
        pytest.param(
            "queues: {prefix: tenant-, each: yes}",
            ['3:37: scalers[0].queues.each: must be true or false, not the text "yes"'],
            id="each-is-no-text",
        ),
        pytest.param(
            "queues: {prefx: tenant-}",
            ["3:14: scalers[0].queues.prefx: is not a known key; did you mean prefix?"],
            id="misspelt",
        ),
        pytest.param(
            EACH,
            [
                "3:37: scalers[0].queues.each: needs a budget, since each queue found may have max_containers: set "
                "budget.max_containers"
            ],
            id="each-without-a-budget",
        ),
        pytest.param(
            f"{EACH}min_containers: 1",
            [
                "3:37: scalers[0].queues.each: needs a budget, since each queue found may have max_containers: set "
                "budget.max_containers",
                "4:21: scalers[0].min_containers: must be 0 with queues.each: as many would live for every queue that "
                "is found, with or without work",
            ],
            id="each-with-a-minimum",
        ),
        pytest.param(
            f"{EACH}schedule: [{{cron: 0 8 * * *, for: 1h, min_containers: 2}}]",
            [
                "3:37: scalers[0].queues.each: needs a budget, since each queue found may have max_containers: set "
                "budget.max_containers",
                "4:59: scalers[0].schedule[0].min_containers: must be 0 with queues.each: as many would live for "
                "every queue that is found, with or without work",
            ],
            id="each-with-a-minimum-in-a-window",
        ),
        pytest.param(
            "queues: [a, b]\nqueue_env: QUEUE_URL",
            [
                "4:16: scalers[0].queue_env: tells a worker its one queue, and here several are added up: set "
                "queues.each to true, or list the queues in task.environment"
            ],
            id="a-variable-for-several",
        ),
        pytest.param(
            "queue: a\nqueue_env: QUEUE=URL",
            [
                "4:16: scalers[0].queue_env: must be the name of a variable: not empty, and without =; "
                'this is "QUEUE=URL"'
            ],
            id="no-variable",
        ),
    ],
)
def test_a_mistake_in_a_search_is_named(tmp_path: Path, lines: str, expected: list[str]) -> None:
    """What is looked for has to be said in one way, and to have an end."""
    assert expected == problems(tmp_path, having(lines))


def test_a_variable_has_one_value(tmp_path: Path) -> None:
    """It is the queue's URL, or what the environment says."""
    text = having("queue: a\nqueue_env: QUEUE_URL") + "      environment: {QUEUE_URL: mine}\n"
    expected = '4:16: scalers[0].queue_env: "QUEUE_URL" is in task.environment, too: remove it from one of the two'
    assert [expected] == problems(tmp_path, text)


def test_a_search_as_it_is_built(tmp_path: Path) -> None:
    """Its queues are not known yet, and why is said."""
    path = tmp_path / "config.yaml"
    path.write_text(BUDGET + having(f"{EACH}queue_env: QUEUE_URL"))
    loaded = load(path)
    (spec,) = loaded.spec.scalers
    assert ((), QueueSearch("tenant-", (), each=True), "QUEUE_URL") == (spec.queues, spec.search, spec.queue_env)
    assert "its queues have not been looked for yet" == spec.unfound
    path.write_text(having("queues: {tags: {team: video, stage: prod}}"))
    (by_tags,) = load(path).spec.scalers
    assert QueueSearch(None, (("stage", "prod"), ("team", "video")), each=False) == by_tags.search
    assert "queues tagged stage=prod, team=video" == str(by_tags.search)


def test_two_that_look_for_the_same_are_warned_of(tmp_path: Path) -> None:
    """The first has all of them."""
    path = tmp_path / "config.yaml"
    again = having(EACH).removeprefix("scalers:\n").replace("name: content-ingest", "name: two")
    path.write_text(BUDGET + having("queues: {prefix: tenant-}") + again)
    (warning,) = load(path).warnings
    assert warning.key == "scalers[1].queues"
    assert warning.message.startswith("looks for the same queues as scalers[0] (content-ingest)")


def test_two_accounts_may_have_queues_of_the_same_name(tmp_path: Path) -> None:
    """They are no duplicates: their ARNs tell them apart."""
    arns = [ARN.format(account) for account in ("111122223333", "444455556666")]
    assert [] == problems(tmp_path, having(f"queues: [{', '.join(arns)}]"))


def test_there_is_an_end_to_how_many_are_added_up(tmp_path: Path) -> None:
    """Each costs a request a poll."""
    names = ", ".join(f"q{number}" for number in range(MAX_SUMMED + 1))
    (found,) = problems(tmp_path, having(f"queues: [{names}]"))
    assert "must have at most 100 items, not 101" in found


def test_a_queue_of_two_scalers_is_warned_of_wherever_it_stands(tmp_path: Path) -> None:
    """Both would launch for its messages."""
    path = tmp_path / "config.yaml"
    other = having("queues: [urgent, normal]").removeprefix("scalers:\n").replace("name: content-ingest", "name: two")
    path.write_text(having("queue: normal") + other)
    (warning,) = load(path).warnings
    assert ("scalers[1].queues", "normal is also the queue of scalers[0] (content-ingest)") == (
        warning.key,
        warning.message.partition(":")[0],
    )


def test_another_region_is_found_in_a_list(tmp_path: Path) -> None:
    """A controller works in one region, whatever the item is given as."""
    text = "aws: {region: eu-central-1}\n" + having(f"queues: [one, '{ARN.format('111122223333')}']")
    (found,) = problems(tmp_path, text)
    assert found.startswith("4:19: scalers[0].queues[1]: is in eu-west-1, but aws.region is eu-central-1")
