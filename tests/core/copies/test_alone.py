"""A single worker with a deadline: the one case in which a task of one worker is not the template itself."""

import pytest

from controller.core.copies.copies import count_copies, list_families
from controller.core.copies.copy_notes import describe_changes
from controller.core.copies.derive import derive, find_copies_limit, fingerprint_copies
from controller.core.copies.difference import compare_definitions
from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.template import CannotCopy, Template
from tests.core.copies.templates import (
    KEEPER_IMAGE,
    WITHOUT_DEADLINE,
    after,
    allowed,
    container,
    find_faults,
    template,
)

TWO_HOURS = KeeperSettings(KEEPER_IMAGE, deadline=7200)
WORKER = container(
    "worker",
    portMappings=[{"containerPort": 80}],
    logConfiguration={"logDriver": "syslog", "options": {"tag": "mine"}},
    stopTimeout=90,
)


def test_it_keeps_its_name_and_all_else() -> None:
    """There is nobody to share ports and streams with, so only who ends the task changes."""
    given = template(WORKER, container("log"))
    derived = derive(given, "worker", 1, TWO_HOURS, allowed())
    keeper, worker, log = derived["containerDefinitions"]
    assert [] == find_faults(derived)
    assert ("content-worker-x1", "1024", "2048") == (derived["family"], derived["cpu"], derived["memory"])
    assert {**WORKER, "essential": False, "dependsOn": after("ecsq-keeper", "START")}.items() <= worker.items()
    assert (True, "log") == (keeper["essential"], log["name"])


@pytest.mark.parametrize("k", [1, 3])
def test_the_keeper_is_told_the_deadline_and_whose_it_is(k: int) -> None:
    """It counts for the copies, and not for what runs after them."""
    given = template(container("worker", essential=False), container("upload", dependsOn=after("worker", "COMPLETE")))
    keeper = derive(given, "worker", k, TWO_HOURS, allowed())["containerDefinitions"][0]
    copies = "worker" if k == 1 else "worker-1 worker-2 worker-3"
    told = {each["name"]: each["value"] for each in keeper["environment"]}
    assert {"ECSQ_KEEPER_DEADLINE": "7200", "ECSQ_KEEPER_COPIES": copies} == told
    assert [*copies.split(), "upload"] == keeper["command"][2:]


def test_without_a_deadline_it_is_the_template_itself() -> None:
    """Nothing is derived for it, and no keeper is told of a deadline."""
    with pytest.raises(CannotCopy, match="one worker a task runs the template itself"):
        derive(template(), "worker", 1, WITHOUT_DEADLINE, allowed())
    assert "environment" not in derive(template(), "worker", 2, WITHOUT_DEADLINE, allowed())["containerDefinitions"][0]


def test_each_deadline_is_a_revision_of_its_own() -> None:
    """What ran with another one is not taken for it."""
    prints = {fingerprint_copies(template(), "worker", 2, KeeperSettings("i", each)) for each in (None, 60, 61)}
    assert 3 == len(prints)


OBSTACLES = [
    (template(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}), "use a Linux template"),
    (template(networkMode="none"), "use awsvpc, bridge or host"),
    (template(container("worker", restartPolicy={"enabled": True})), "remove it"),
    (template(*(container(name) for name in ("worker", *"abcdefghi"))), "a task can hold 10 containers"),
]


@pytest.mark.parametrize(("given", "said"), OBSTACLES, ids=["Windows", "no network", "restarts", "no room"])
def test_what_cannot_have_a_keeper_cannot_have_a_deadline(given: Template, said: str) -> None:
    """Running it without one would not be what was asked for."""
    with pytest.raises(CannotCopy, match=f"{said}.*remove task.deadline"):
        find_copies_limit(given, "worker", TWO_HOURS, allowed())
    assert 1 == find_copies_limit(given, "worker", WITHOUT_DEADLINE, allowed())[0]


@pytest.mark.parametrize(
    "given",
    [
        template(container("worker", firelensConfiguration={"type": "fluentbit"})),
        template(container("worker"), container("side", dependsOn=after("worker", "HEALTHY"))),
    ],
    ids=["a log router", "somebody waits for its health"],
)
def test_what_forbids_a_second_worker_is_no_obstacle(given: Template) -> None:
    """A single one keeps its name and its meaning."""
    assert 1 == find_copies_limit(given, "worker", TWO_HOURS, allowed())[0]
    assert [] == find_faults(derive(given, "worker", 1, TWO_HOURS, allowed()))


def test_its_family_is_known_again() -> None:
    """Its tasks are told from those of others, and their history is read where there may be some."""
    counted = [
        count_copies("worker", family) for family in ("worker", "worker-x1", "worker-x9", "worker-x10", "x1", "9")
    ]
    assert [1, 1, 9, None, None, None] == counted
    assert ("worker", "worker-x2") == list_families("worker:3", 2, kept_alone=False)
    assert ("worker", "worker-x1", "worker-x2") == list_families("worker:3", 2, kept_alone=True)


def test_the_reader_of_a_plan_is_told() -> None:
    """When it ends, and with how much notice; and the difference names the keeper."""
    given = template(WORKER)
    first, deadline = describe_changes(given, "worker", 1, TWO_HOURS)
    assert "worker is no longer essential; ecsq-keeper keeps the task running until it has ended" == first
    assert "2h after the start of the last worker ecsq-keeper ends the task: " in deadline
    assert deadline.endswith("whoever still runs gets SIGTERM, and 90 s, its stopTimeout, until SIGKILL")
    assert "30 s, as it has no stopTimeout" in " ".join(describe_changes(template(), "worker", 2, TWO_HOURS))
    derived = derive(given, "worker", 1, TWO_HOURS, allowed())
    lines = compare_definitions({**given.definition, "tags": []}, derived, "worker", 1)
    assert {"@@ container ecsq-keeper, new @@", "@@ container worker @@", "-essential: true"} <= set(lines)
