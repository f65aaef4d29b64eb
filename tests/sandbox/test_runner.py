import pytest

from controller.core.copies.copies import KEEPER, copy_names
from controller.sandbox.census import Census, take_census
from controller.sandbox.messages import Mishap
from controller.sandbox.siblings import Siblings, count_siblings
from controller.sandbox.stage import count_messages
from tests.sandbox.stand import Stand, copies
from tests.support.aws import eventually


def test_a_drain_worker_does_everything_and_exits(stand):
    """It takes messages until none is left and exits with 0, and its task stops."""
    stand.send(0.01, 0.02, 0.03)
    arn = stand.run(stand.worker())

    assert eventually(lambda: stand.stopped(arn))
    assert stand.totals() == (3, 3, 0)
    assert stand.exit_codes(arn) == {"worker": 0}


def test_a_one_message_worker_does_one(stand):
    """It takes a single message, however many wait, and exits with 0."""
    stand.send(0.01, 0.01, 0.01)
    arn = stand.run(stand.worker(behaviour="single"))

    assert eventually(lambda: stand.stopped(arn))
    assert stand.totals() == (3, 1, 0)
    assert stand.exit_codes(arn) == {"worker": 0}


def test_a_worker_without_a_message_exits_at_once(stand):
    """With an empty queue it exits with 0."""
    arn = stand.run(stand.worker(behaviour="single"))

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn) == {"worker": 0}


@pytest.mark.parametrize("behaviour", ["drain", "single"])
def test_copies_end_one_by_one_and_the_keeper_last(stand, behaviour):
    """No copy is cut off by a sibling that ends earlier, and the task stops when all have ended."""
    stand.send(0.05, 0.4, 0.8)
    arn = stand.run(*copies(stand, 3, behaviour))

    assert eventually(lambda: stand.stopped(arn))
    assert stand.totals() == (3, 3, 0)
    assert stand.exit_codes(arn) == {KEEPER: 0, "worker-1": 0, "worker-2": 0, "worker-3": 0}
    assert stand.runner.kills == []


def test_an_essential_exit_kills_the_siblings_in_the_middle_of_their_work(stand):
    """Copies without a keeper kill each other, which is noted, and their message returns to the queue."""
    stand.send(0.1, 0.8)
    arn = stand.run(stand.worker("worker-1", "single"), stand.worker("worker-2", "single"))

    assert eventually(lambda: stand.runner.kills)
    (kill,) = stand.runner.kills
    assert (kill.task, kill.queue, kill.stop_code, kill.message) == (
        arn,
        stand.name,
        "EssentialContainerExited",
        f"{stand.name}-1",
    )
    assert stand.totals() == (2, 1, 0)
    assert eventually(lambda: "Messages" in stand.sqs.receive_message(QueueUrl=stand.url))


def test_a_worker_that_ends_by_itself_when_ecs_has_stopped_it_was_killed(aws, keepers):
    """It ended after its container was stopped in ECS, even though the runner had not seen that yet."""
    stand = Stand(aws, keepers)
    stand.send(0.3)
    arn = stand.run(stand.worker())
    stand.runner.look()
    assert eventually(lambda: stand.records.count().waits)
    aws.ecs.interrupt(arn)

    assert eventually(lambda: stand.runner.kills)
    (kill,) = stand.runner.kills
    assert (kill.task, kill.container, kill.stop_code, kill.message) == (arn, "worker", "SpotInterruption", None)
    assert stand.totals() == (1, 1, 0)


def test_a_sidecar_ends_with_its_worker_and_is_no_kill(stand):
    """A container that is no worker runs until its task stops, which is not noted as a kill."""
    stand.send(0.05)
    arn = stand.run(stand.worker(behaviour="single"), {"name": "router", "image": "router", "essential": False})

    assert eventually(lambda: stand.stopped(arn))
    assert stand.exit_codes(arn) == {"worker": 0, "router": 137}
    assert stand.runner.kills == []


def test_a_worker_that_crashes_exits_with_1_and_is_reported(stand):
    """Its error is noted as a failure, and other workers go on."""
    stand.send(0.01)
    crashed = stand.run(stand.worker("crashes", queue="gone"))
    good = stand.run(stand.worker())

    assert eventually(lambda: stand.stopped(crashed) and stand.stopped(good))
    assert stand.exit_codes(crashed) == {"crashes": 1}
    (failure,) = stand.runner.failures
    assert failure.startswith(f"crashes of task {crashed.rpartition('/')[2]}: ")
    assert "there is no queue 'gone'" in failure
    assert stand.totals() == (1, 1, 0)


@pytest.mark.parametrize(
    ("mishap", "failed", "hung"), [(Mishap.FAILS, 1, 0), (Mishap.HANGS, 0, 1)], ids=["fails", "hangs"]
)
def test_a_worker_that_fails_or_hangs_does_not_cut_off_its_siblings(stand, mishap, failed, hung):
    """It exits with 1, another worker does its message, and the siblings end by themselves."""
    stand.send(0.1, 0.1, 0.1, mishap=mishap)
    router = {"name": "router", "image": "router", "essential": True}
    arn = stand.run(router, *copies(stand, 3, "single"))

    assert eventually(lambda: stand.stopped(arn))
    assert sorted(stand.exit_codes(arn)[name] for name in copy_names("worker", 3)) == [0, 0, 1]
    assert count_siblings(stand.aws.ecs.tasks(), stand.runner.misfortunes) == Siblings(
        failed=failed, hung=hung, ended=2, cut_off=0, sidecars=1, sidecars_stopped=1
    )
    assert (stand.runner.kills, stand.runner.failures) == ([], [])
    assert eventually(lambda: count_messages(stand.sqs, stand.url)[0] == 1)
    stand.run(stand.worker())
    assert eventually(lambda: stand.totals() == (3, 3, 0))


def test_siblings_that_are_cut_off_are_counted(stand):
    """Without a keeper, a copy that fails cuts off the other."""
    stand.send(0.2, 60.0, mishap=Mishap.FAILS)
    arn = stand.run(stand.worker("worker-1", "single"), stand.worker("worker-2", "single"))

    assert eventually(lambda: stand.stopped(arn))
    told = count_siblings(stand.aws.ecs.tasks(), stand.runner.misfortunes)
    assert (told.failed, told.ended, told.cut_off) == (1, 0, 1)


def test_a_sidecar_that_ends_before_its_task_is_a_problem(stand):
    """A log router that exits by itself loses lines, so the run reports it."""
    stand.send(0.4)
    arn = stand.run(stand.worker(), {"name": "router", "image": "router", "essential": False})
    assert eventually(lambda: stand.aws.ecs.exit_container(arn, "router", 0))
    assert eventually(lambda: stand.stopped(arn))

    told = count_siblings(stand.aws.ecs.tasks(), ())

    assert (told.sidecars, told.sidecars_stopped) == (1, 0)
    assert list(told.problems) == ["1 of 1 sidecars did not run until ECS stopped them with their task."]


def test_stopping_the_runner_kills_nobody(stand):
    """Workers that are ended with the sandbox do not count as killed, and their messages stay in the queue."""
    stand.send(60.0, 60.0)
    arn = stand.run(*copies(stand, 2, "single"))
    assert eventually(lambda: len(stand.records.count().waits) == 2)

    stand.runner.stop()

    assert stand.runner.running == 0
    assert (stand.runner.kills, stand.runner.failures) == ([], [])
    assert stand.totals() == (2, 0, 0)
    assert not stand.stopped(arn)


def test_the_census_counts_what_lives_and_what_was_launched(stand):
    """It counts live containers by state, and all launched tasks by size, including stopped ones."""
    stand.send(0.01, 60.0, 60.0)
    arn = stand.run(stand.worker(behaviour="single"))
    assert eventually(lambda: stand.stopped(arn))
    stand.run(*copies(stand, 2, "single"))
    assert eventually(lambda: stand.runner.running == 3)

    census = take_census(stand.aws.ecs.tasks())[stand.name]

    assert census == Census(running=2, starting=0, live_tasks=1, launched=((1, 1), (1, 2)))
    assert (census.launched_tasks, census.launched_containers) == (2, 3)
