"""Derived definitions run by the real keeper on the embedded ECS: their tasks live as long as the template's would."""

from controller.core.copies.copies import KEEPER
from controller.core.copies.derive import derive
from controller.core.copies.keeper import OVERDUE, KeeperSettings
from controller.core.copies.template import Template
from controller.sandbox.aws import METADATA
from tests.core.copies.templates import WITHOUT_DEADLINE, after, allowed
from tests.support.aws import container, eventually


def run_copies(stand, *containers: dict) -> str:
    """Register these containers, run a task with two copies of their ``worker`` alone, and return its ARN."""
    template = stand.register(*containers)
    described = stand.ecs.describe_task_definition(taskDefinition=template)["taskDefinition"]
    definition = derive(Template.from_description(described), "worker", 2, WITHOUT_DEADLINE, allowed())
    return stand.run(*definition["containerDefinitions"])


def test_a_single_worker_that_hangs_is_ended_at_its_deadline(stand):
    """The keeper ends itself, ECS the worker, and the message comes back; nobody has called StopTask."""
    stand.send(3600.0)
    described = stand.ecs.describe_task_definition(taskDefinition=stand.register(stand.worker()))["taskDefinition"]
    settings = KeeperSettings("busybox", deadline=1)
    definition = derive(Template.from_description(described), "worker", 1, settings, allowed())

    arn = stand.run(*definition["containerDefinitions"])

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn)[KEEPER] == OVERDUE
    assert eventually(lambda: [kill.container for kill in stand.runner.kills] == ["worker"])
    assert (stand.runner.failures, stand.aws.journal.count("ecs", "StopTask")) == ([], 0)


def statuses(stand, arn: str) -> dict[str, str]:
    return {view.name: view.status for view in stand.aws.ecs.task(arn).containers}


def asked(stand) -> int:
    return stand.aws.journal.count(METADATA, "")


def test_a_task_that_does_not_end_with_its_worker_outlives_the_copies(stand):
    """An essential server goes on after all workers, and ECS stops the task when the server exits."""
    arn = run_copies(stand, stand.worker(essential=False), container("server"))
    assert eventually(lambda: statuses(stand, arn)["worker-1"] == statuses(stand, arn)["worker-2"] == "STOPPED")
    enough = asked(stand) + 5
    assert eventually(lambda: asked(stand) >= enough)
    assert {"server": "RUNNING", KEEPER: "RUNNING"}.items() <= statuses(stand, arn).items()

    stand.aws.ecs.exit_container(arn, "server", 0)

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn)["server"] == 0


def test_the_keeper_does_not_start_before_the_copies(stand):
    """It starts with them, however long a download before them takes, so it does not miss them."""
    arn = run_copies(
        stand,
        stand.worker(dependsOn=after("server", "START")),
        container("server", dependsOn=after("download", "SUCCESS")),
        container("download", essential=False),
    )
    assert eventually(lambda: statuses(stand, arn)["download"] == "RUNNING")
    assert {KEEPER: "PENDING", "worker-1": "PENDING"}.items() <= statuses(stand, arn).items()

    stand.aws.ecs.exit_container(arn, "download", 0)

    assert eventually(lambda: stand.stopped(arn))
    assert {KEEPER: 0, "worker-1": 0, "worker-2": 0}.items() <= stand.exit_codes(arn).items()


def test_a_container_after_the_worker_runs_before_the_task_ends(stand):
    """The keeper waits for an uploader, which waits for all copies."""
    stand.send(0.05, 0.3)
    arn = run_copies(
        stand,
        stand.worker(behaviour="single", essential=False),
        container("agent"),
        container("upload", essential=False, dependsOn=after("worker", "COMPLETE")),
    )
    assert eventually(lambda: statuses(stand, arn)["upload"] == "RUNNING")
    assert statuses(stand, arn)[KEEPER] == "RUNNING"
    assert stand.totals() == (2, 2, 0)
