import pytest

from controller.core.copies import KEEPER, copy_names
from controller.sandbox.census import Census, take_census
from controller.sandbox.messages import Mishap
from controller.sandbox.siblings import Siblings, siblings
from controller.sandbox.stage import message_counts
from tests.sandbox.bench import copies
from tests.support.aws import eventually


def test_a_drain_worker_does_everything_and_exits(bench):
    """It takes message after message until none is left, then exits 0, and its task stops."""
    bench.send(0.01, 0.02, 0.03)
    arn = bench.run(bench.worker())

    assert eventually(lambda: bench.stopped(arn))
    assert bench.totals() == (3, 3, 0)
    assert bench.exit_codes(arn) == {"worker": 0}


def test_a_one_message_worker_does_one(bench):
    """It takes a single message, however many wait, and exits 0."""
    bench.send(0.01, 0.01, 0.01)
    arn = bench.run(bench.worker(behaviour="single"))

    assert eventually(lambda: bench.stopped(arn))
    assert bench.totals() == (3, 1, 0)
    assert bench.exit_codes(arn) == {"worker": 0}


def test_a_worker_without_a_message_exits_at_once(bench):
    """An empty queue is no error."""
    arn = bench.run(bench.worker(behaviour="single"))

    assert eventually(lambda: bench.stopped(arn))
    assert bench.exit_codes(arn) == {"worker": 0}


@pytest.mark.parametrize("behaviour", ["drain", "single"])
def test_copies_end_one_by_one_and_the_keeper_last(bench, behaviour):
    """Nobody is cut off by a sibling that was sooner done; the task stops when all are."""
    bench.send(0.05, 0.4, 0.8)
    arn = bench.run(*copies(bench, 3, behaviour))

    assert eventually(lambda: bench.stopped(arn))
    assert bench.totals() == (3, 3, 0)
    assert bench.exit_codes(arn) == {KEEPER: 0, "worker-1": 0, "worker-2": 0, "worker-3": 0}
    assert bench.runner.kills == []


def test_an_essential_exit_kills_the_siblings_in_the_middle_of_their_work(bench):
    """What plain copies without a keeper do to each other is noticed, and the work is taken up again."""
    bench.send(0.1, 0.8)
    arn = bench.run(bench.worker("worker-1", "single"), bench.worker("worker-2", "single"))

    assert eventually(lambda: bench.runner.kills)
    (kill,) = bench.runner.kills
    assert (kill.task, kill.queue, kill.stop_code, kill.message) == (
        arn,
        bench.name,
        "EssentialContainerExited",
        f"{bench.name}-1",
    )
    assert bench.totals() == (2, 1, 0)
    assert eventually(lambda: "Messages" in bench.sqs.receive_message(QueueUrl=bench.url))


def test_a_sidecar_ends_with_its_worker_and_is_no_kill(bench):
    """A container that is no worker runs until its task stops, and nobody misses it."""
    bench.send(0.05)
    arn = bench.run(bench.worker(behaviour="single"), {"name": "router", "image": "router", "essential": False})

    assert eventually(lambda: bench.stopped(arn))
    assert bench.exit_codes(arn) == {"worker": 0, "router": 137}
    assert bench.runner.kills == []


def test_a_worker_that_crashes_exits_with_1_and_is_reported(bench):
    """A worker's own error is its exit code and a line, and other workers go on."""
    bench.send(0.01)
    crashed = bench.run(bench.worker("crashes", url=f"{bench.url}-gone"))
    good = bench.run(bench.worker())

    assert eventually(lambda: bench.stopped(crashed) and bench.stopped(good))
    assert bench.exit_codes(crashed) == {"crashes": 1}
    (failure,) = bench.runner.failures
    assert failure.startswith("crashes: ")
    assert "does not exist" in failure
    assert bench.totals() == (1, 1, 0)


@pytest.mark.parametrize(
    ("mishap", "failed", "hung"), [(Mishap.FAILS, 1, 0), (Mishap.HANGS, 0, 1)], ids=["fails", "hangs"]
)
def test_a_worker_that_fails_or_hangs_cuts_nobody_off(bench, mishap, failed, hung):
    """It exits with 1, its message comes back and is done by another, and the siblings end by themselves."""
    bench.send(0.1, 0.1, 0.1, mishap=mishap)
    router = {"name": "router", "image": "router", "essential": True}
    arn = bench.run(router, *copies(bench, 3, "single"))

    assert eventually(lambda: bench.stopped(arn))
    assert sorted(bench.exit_codes(arn)[name] for name in copy_names("worker", 3)) == [0, 0, 1]
    assert siblings(bench.aws.ecs.tasks(), bench.runner.misfortunes) == Siblings(
        failed=failed, hung=hung, ended=2, cut_off=0, sidecars=1, sidecars_stopped=1
    )
    assert (bench.runner.kills, bench.runner.failures) == ([], [])
    assert eventually(lambda: message_counts(bench.sqs, bench.url)[0] == 1)
    bench.run(bench.worker())
    assert eventually(lambda: bench.totals() == (3, 3, 0))


def test_siblings_that_are_cut_off_are_counted(bench):
    """Plain copies without a keeper: the one that fails takes the other along, and the summary would say so."""
    bench.send(0.2, 60.0, mishap=Mishap.FAILS)
    arn = bench.run(bench.worker("worker-1", "single"), bench.worker("worker-2", "single"))

    assert eventually(lambda: bench.stopped(arn))
    told = siblings(bench.aws.ecs.tasks(), bench.runner.misfortunes)
    assert (told.failed, told.ended, told.cut_off) == (1, 0, 1)


def test_a_sidecar_that_ends_before_its_task_is_a_problem(bench):
    """A log router runs until ECS stops it: one that exits by itself loses lines."""
    bench.send(0.4)
    arn = bench.run(bench.worker(), {"name": "router", "image": "router", "essential": False})
    assert eventually(lambda: bench.aws.ecs.exit_container(arn, "router", 0))
    assert eventually(lambda: bench.stopped(arn))

    told = siblings(bench.aws.ecs.tasks(), ())

    assert (told.sidecars, told.sidecars_stopped) == (1, 0)
    assert list(told.problems) == ["1 of 1 sidecars did not run until ECS stopped them with their task."]


def test_stopping_the_runner_kills_nobody(bench):
    """Work under way when the sandbox ends is left undone: that is no kill, and the queue still has it."""
    bench.send(60.0)
    bench.run(bench.worker())
    assert eventually(lambda: bench.records.totals().waits)

    bench.runner.stop()

    assert bench.runner.running == 0
    assert bench.runner.kills == []
    assert bench.totals() == (1, 0, 0)


def test_the_census_counts_what_lives_and_what_was_launched(bench):
    """Live containers by state, and every launch by its size; a stopped task lives no more."""
    bench.send(0.01, 60.0, 60.0)
    arn = bench.run(bench.worker(behaviour="single"))
    assert eventually(lambda: bench.stopped(arn))
    bench.run(*copies(bench, 2, "single"))
    assert eventually(lambda: bench.runner.running == 3)

    census = take_census(bench.aws.ecs.tasks())[bench.name]

    assert census == Census(running=2, starting=0, live_tasks=1, launched=((1, 1), (1, 2)))
    assert (census.launched_tasks, census.launched_containers) == (2, 3)
