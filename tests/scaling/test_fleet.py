from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError
from controller.aws.tasks import SupersededError, Tasks
from controller.clock import Clock
from controller.core.decision.model import Fleet
from controller.core.decision.stopped import StopOutcome
from controller.core.decision.task import LiveTask
from controller.sandbox.aws import Disturbance, EmbeddedAws
from controller.scaling.clusters import COUNTED_FOR, Clusters
from controller.scaling.fleet import FAILURE_STANDS, Cluster
from controller.scaling.look import LookWanted
from tests.core.decision.builders import BREAKER
from tests.support.aws import create_cluster, eventually, register_template, run_tasks
from tests.support.clock import ManualClock
from tests.support.controller import CONTROLLER, SCALER, clients_of, metrics_of_nothing, scaler_spec, series_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.telemetry.metrics import Metrics

THREADS = 8
START = 1_000_000.0
"""Where the tests' clock stands at first."""
POLL = 10.0


@dataclass(frozen=True, slots=True)
class Watch:
    """A cluster on the test's clock, what watches it, and what that has counted."""

    aws: EmbeddedAws
    name: str
    template: str
    cluster: Cluster
    metrics: Metrics

    def run(self, tasks: int = 1, scaler: str = SCALER) -> list[str]:
        """Start tasks as the controller would."""
        return run_tasks(self.aws, self.name, self.template, tasks, startedBy=CONTROLLER, group=scaler)

    def enrol(self, scaler: str) -> None:
        """Watch for another scaler too, of the same template."""
        spec = scaler_spec(self.name, self.template, name=scaler, container="worker")
        self.cluster.roster.enrol(spec, series_of(self.metrics, scaler))

    def listings(self) -> int:
        """Return how many listings were taken."""
        return self.aws.journal.count("ecs", "ListTasks")

    def look(self, began_after: float) -> None:
        """Make sure that the cluster was listed then or later. Raises AwsError."""
        self.cluster.list_anew(began_after)
        self.cluster.refresh(began_after)

    def live(self, scaler: str = SCALER) -> list[str]:
        """Return the tasks of a scaler that count as live."""
        return sorted(task.arn for task in self.cluster.tasks_of(scaler))

    def stopped(self, outcome: str) -> float | None:
        """Return how many tasks were counted as ended so."""
        labels = {"scaler": SCALER, "outcome": outcome}
        return self.metrics.registry.get_sample_value("ecsq_tasks_stopped_total", labels)

    def started(self) -> tuple[float | None, float | None]:
        """Return how many starts were counted, and how many seconds they took together."""
        sample = self.metrics.registry.get_sample_value
        name, labels = "ecsq_task_start_duration_seconds", {"scaler": SCALER}
        return sample(f"{name}_count", labels), sample(f"{name}_sum", labels)


def on(clock: ManualClock) -> Clock:
    """Return the watcher's clock: the one that the test moves."""
    return Clock(now=clock, elapsed=clock, pause=lambda _: False)


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[EmbeddedAws, ManualClock]]:
    """One AWS for the module, and the clock that it goes by."""
    clock = ManualClock(START)
    with EmbeddedAws(region="eu-west-1", clock=clock) as aws:
        yield aws, clock


@pytest.fixture
def clock(own: tuple[EmbeddedAws, ManualClock]) -> ManualClock:
    """Give the clock of ECS and of the watcher."""
    own[1].now = START
    return own[1]


@pytest.fixture
def watch(own: tuple[EmbeddedAws, ManualClock], clock: ManualClock) -> Watch:
    """Give a cluster that is watched for one scaler."""
    aws, _ = own
    aws.reset()
    name, metrics = create_cluster(aws), metrics_of_nothing()
    cluster = Cluster(Tasks(clients_of(aws), name, CONTROLLER), on(clock))
    template = register_template(aws)
    cluster.roster.enrol(scaler_spec(name, template, container="worker"), series_of(metrics))
    return Watch(aws, name, template, cluster, metrics)


def launched(arn: str, workers: int = 1) -> LiveTask:
    """Return a task as a launch enters it."""
    return LiveTask(arn=arn, scaler=SCALER, running=0, starting=workers, created_at=START)


def test_who_needs_to_know_more_is_told_which_look_to_have_taken(watch: Watch) -> None:
    """The cluster asks AWS for nothing by itself; after the look it knows."""
    watch.run(3)
    with pytest.raises(LookWanted) as caught:
        watch.cluster.refresh(START)
    assert 0 == watch.listings()
    caught.value.look.take()
    watch.cluster.refresh(START)
    assert (1, 3) == (watch.listings(), len(watch.live()))


def test_how_tasks_ended_is_a_look_too(watch: Watch) -> None:
    """Each family is read once."""
    with pytest.raises(LookWanted) as caught:
        watch.cluster.read_history(["one", "two"])
    caught.value.look.take()
    watch.cluster.read_history(["two", "one"])
    assert 2 == watch.listings()


def test_a_history_that_cannot_be_read_is_told_once(watch: Watch) -> None:
    """Then it is tried again."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400, code="AccessDeniedException"))
    for expected in (LookWanted, AwsError, LookWanted):
        with pytest.raises(expected) as caught:
            watch.cluster.read_history(["one"])
        if isinstance(caught.value, LookWanted):
            caught.value.look.take()
    watch.cluster.read_history(["one"])


def test_a_fault_of_ours_in_a_look_is_told_as_well(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a look that breaks."""

    def breaks(*_: object) -> None:
        raise LookupError("nowhere")

    monkeypatch.setattr(watch.cluster.roster, "note", breaks)
    with pytest.raises(AwsError, match=r"reading the tasks of its cluster broke: LookupError\('nowhere'\)"):
        watch.look(START)


def test_a_failure_is_not_remembered_longer_than_a_listing(watch: Watch, clock: ManualClock) -> None:
    """Who wants to know what is so later than the failure gets another try."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400))
    with pytest.raises(AwsError):
        watch.look(START)
    clock.now += POLL
    watch.look(clock.now)
    assert 2 == watch.listings()


def test_a_failure_stands_for_no_longer_than_a_poll(watch: Watch, clock: ManualClock) -> None:
    """A listing of many tasks serves for longer; whoever asks for one as old as that gets another try all the same."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400, code="ClientException"))
    watch.cluster.list_anew(START)
    clock.now += FAILURE_STANDS
    with pytest.raises(AwsError):
        watch.cluster.refresh(clock.now - 60)
    clock.now += 1
    watch.look(clock.now - 60)
    assert watch.cluster.is_listed


def test_what_was_seen_before_a_failure_stays_known(watch: Watch, clock: ManualClock) -> None:
    """A failed listing is unknown, not empty; a listing old enough for who asks still serves."""
    watch.run(2)
    watch.look(START)
    clock.now += POLL
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", times=None, status=400))
    with pytest.raises(AwsError):
        watch.look(clock.now)
    assert 2 == len(watch.live())
    watch.look(START)


@pytest.mark.parametrize(
    ("passed", "oldest", "listings"), [(9.0, 10.0, 1), (10.0, 10.0, 1), (10.1, 10.0, 2), (0.0, 0.0, 1)]
)
def test_a_listing_serves_until_it_is_too_old(
    watch: Watch, clock: ManualClock, passed: float, oldest: float, listings: int
) -> None:
    """Its age is counted from when it began."""
    watch.look(clock.now)
    clock.now += passed
    watch.look(clock.now - oldest)
    assert listings == watch.listings()


def test_a_listing_knows_when_it_began(watch: Watch, clock: ManualClock) -> None:
    """However long it took: what ECS started meanwhile may be missing in it."""

    def tick(_: object) -> bool:
        clock.now += 3
        return False

    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "slow", where=tick))
    watch.look(START)
    assert (START + 3, START) == (clock.now, watch.cluster.fleet_of(SCALER).listed_at)


def test_a_listing_from_the_future_does_not_serve(watch: Watch, clock: ManualClock) -> None:
    """When the clock stepped back, how old a listing is cannot be told: the cluster is listed anew."""
    watch.look(clock.now)
    clock.now -= 3600
    watch.look(clock.now - POLL)
    assert (2, clock.now) == (watch.listings(), watch.cluster.fleet_of(SCALER).listed_at)


def test_a_failure_from_the_future_is_forgotten(watch: Watch, clock: ManualClock) -> None:
    """A clock that stepped back does not leave the controller blind until it has caught up."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400))
    with pytest.raises(AwsError):
        watch.look(clock.now)
    clock.now -= 3600
    watch.look(clock.now - POLL)
    assert 2 == watch.listings()


def test_a_launched_task_lives_before_any_listing_shows_it(watch: Watch) -> None:
    """It counts at once, without a listing, with the containers that it was launched with."""
    watch.cluster.enter([launched("a", 3), launched("b", 3)])
    seen = watch.cluster.fleet_of(SCALER)
    assert (["a", "b"], 6, 2) == (watch.live(), seen.live, seen.starting_tasks)
    assert 0 == watch.listings()


def test_a_launched_task_stays_live_while_the_listing_lags(watch: Watch) -> None:
    """It is described by its ARN, so the description counts and not the listing."""
    (arn,) = watch.run()
    watch.aws.ecs.hide(arn, 3600)
    watch.cluster.enter([launched(arn)])
    watch.look(START)
    assert [arn] == watch.live()
    assert (0, 1) == (len(watch.cluster.fleet_of(SCALER).starting), watch.cluster.fleet_of(SCALER).running)


def test_an_answer_that_comes_late_does_not_bring_a_task_back_to_its_start(watch: Watch) -> None:
    """A listing may have seen it RUNNING before the answer was entered."""
    (arn,) = watch.run()
    watch.look(START)
    watch.cluster.enter([launched(arn, 5)])
    assert Fleet(START, 1, (), 1, 0, START, START, 0.0, began=(START,)) == watch.cluster.fleet_of(SCALER)


def test_a_task_described_as_stopped_is_gone_and_counted_once(watch: Watch, clock: ManualClock) -> None:
    """Though a listing that lags shows it again and again."""
    (arn,) = watch.run()
    watch.look(START)
    watch.aws.ecs.listing_lag = 1000.0
    clock.now += 1
    watch.aws.ecs.exit_container(arn, "worker", 0)
    for _ in range(3):
        clock.now += POLL
        watch.look(clock.now)
    assert ([], 1, 0) == (watch.live(), watch.stopped("succeeded"), watch.stopped("failed"))


@pytest.mark.parametrize(
    ("code", "outcome"), [(0, "succeeded"), (1, "failed"), (None, "interrupted")], ids=["success", "failure", "spot"]
)
def test_stops_are_counted_by_outcome(watch: Watch, clock: ManualClock, code: int | None, outcome: str) -> None:
    """As the descriptions tell."""
    (arn,) = watch.run()
    watch.look(START)
    if code is None:
        watch.aws.ecs.interrupt(arn)
    else:
        watch.aws.ecs.exit_container(arn, "worker", code)
    clock.now += POLL
    watch.look(clock.now)
    counts = {name: watch.stopped(name) for name in [outcome.value for outcome in StopOutcome]}
    assert dict.fromkeys(counts, 0.0) | {outcome: 1.0} == counts


def test_a_missing_task_lives_for_five_minutes(watch: Watch, clock: ManualClock) -> None:
    """ECS has been seen to say so of a task just started; after that it is given up, once."""
    (arn,) = watch.run()
    watch.cluster.enter([launched(arn)])
    watch.aws.ecs.forget(arn)
    seen = []
    for passed in (0.0, 299.0, 300.0, 310.0):
        clock.now = START + passed
        watch.look(clock.now)
        seen.append((len(watch.live()), watch.stopped("unknown")))
    assert [(1, 0), (1, 0), (0, 1), (0, 1)] == seen


def test_a_start_is_counted_once_with_how_long_it_took(watch: Watch, clock: ManualClock) -> None:
    """From RunTask to RUNNING; later polls that see it run add nothing."""
    watch.aws.ecs.timing.start_delay = 42.0
    (arn,) = watch.run()
    watch.cluster.enter([launched(arn)])
    for _ in range(8):
        clock.now += POLL
        watch.look(clock.now)
    assert (1.0, 42.0) == watch.started()
    assert 42.0 == watch.cluster.fleet_of(SCALER).start_delay


def test_a_start_is_counted_though_the_task_has_ended_since(watch: Watch, clock: ManualClock) -> None:
    """A worker that is done within a poll is never seen to run, and its start took as long as any."""
    watch.aws.ecs.timing.start_delay = 4.0
    (arn,) = watch.run()
    watch.cluster.enter([launched(arn)])
    clock.now += 5
    watch.aws.ecs.exit_container(arn, "worker", 0)
    for _ in range(2):
        clock.now += POLL
        watch.look(clock.now)
    assert ((1.0, 4.0), 1.0) == (watch.started(), watch.stopped("succeeded"))
    assert 4.0 == watch.cluster.fleet_of(SCALER).start_delay


def test_a_task_that_ran_before_is_not_counted_but_tells_how_long_starts_take(watch: Watch, clock: ManualClock) -> None:
    """After a restart: the process before has counted it."""
    watch.aws.ecs.timing.start_delay = 42.0
    watch.run()
    clock.now += 60
    watch.look(clock.now)
    assert ((None, None), 42.0) == (watch.started(), watch.cluster.fleet_of(SCALER).start_delay)


def test_the_start_delay_is_the_median_of_the_last_starts(watch: Watch, clock: ManualClock) -> None:
    """One slow start does not move it far, and old ones are forgotten."""
    delays = []
    for delay, tasks in ((10.0, 3), (300.0, 1), (50.0, 20)):
        watch.aws.ecs.timing.start_delay = delay
        watch.run(tasks)
        clock.now += 400
        watch.look(clock.now)
        delays.append(watch.cluster.fleet_of(SCALER).start_delay)
    assert [10.0, 10.0, 50.0] == delays


def test_a_start_delay_that_was_told_is_not_measured_anew(watch: Watch, clock: ManualClock) -> None:
    """A running daemon has seen more starts than whoever looks once."""
    watch.aws.ecs.timing.start_delay = 42.0
    watch.cluster.roster.tell_start_delay(SCALER, 7.0)
    watch.run()
    clock.now += 60
    watch.look(clock.now)
    assert (1, 7.0) == (watch.cluster.fleet_of(SCALER).running, watch.cluster.fleet_of(SCALER).start_delay)


def test_a_scaler_is_idle_once_a_listing_showed_nothing_of_it(watch: Watch) -> None:
    """Before the first listing nobody knows; another scaler's tasks do not count; an own launch does."""
    watch.run(scaler="thumbnails")
    idle = [watch.cluster.is_idle(SCALER)]
    watch.look(START)
    idle += [watch.cluster.is_idle(SCALER), watch.cluster.is_idle("thumbnails")]
    watch.cluster.enter([launched("a")])
    assert [False, True, False, False] == [*idle, watch.cluster.is_idle(SCALER)]


def test_scalers_share_a_cluster_without_sharing_tasks(watch: Watch) -> None:
    """One listing tells of both, each sees its own."""
    own, other = watch.run(2), watch.run(3, "thumbnails")
    watch.enrol("thumbnails")
    watch.look(START)
    assert (sorted(own), sorted(other)) == (watch.live(), watch.live("thumbnails"))
    assert (2, 3) == (watch.cluster.fleet_of(SCALER).live, watch.cluster.fleet_of("thumbnails").live)
    assert 1 == watch.listings()


def test_a_task_that_runs_is_a_good_sign_once(watch: Watch, clock: ManualClock) -> None:
    """Not at every look from then on, or it would vouch for ever for what fails beside it; its end is another."""
    (arn,) = watch.run()
    told = []
    for age in (BREAKER.within - 1, BREAKER.within, BREAKER.within + POLL, 3600):
        clock.now = START + age
        watch.look(clock.now)
        told.append([sign.at - START for sign in watch.cluster.take_signs(SCALER)])
    watch.aws.ecs.exit_container(arn, "worker", 0)
    clock.now += POLL
    watch.look(clock.now)
    told.append([sign.at - START for sign in watch.cluster.take_signs(SCALER)])
    assert [[], [BREAKER.within], [], [], [3600]] == told


def test_a_dismissed_scalers_tasks_finish_uncounted(watch: Watch, clock: ManualClock) -> None:
    """Nobody is left to count for, and nothing breaks."""
    (arn,) = watch.run()
    watch.look(START)
    watch.cluster.roster.dismiss(SCALER)
    watch.aws.ecs.exit_container(arn, "worker", 0)
    clock.now += POLL
    watch.look(clock.now)
    assert ([], 0.0) == (watch.live(), watch.stopped("succeeded"))


def test_launches_are_not_lost_to_a_listing_under_way(watch: Watch) -> None:
    """A task that is entered while a listing is taken lives on, though that listing cannot know it."""
    (arn,) = watch.run()
    watch.aws.ecs.hide(arn, 3600)
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "slow_answer", delay=5.0))
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(watch.look, START)
        eventually(lambda: watch.listings() == 1)
        watch.cluster.enter([launched(arn)])
        watch.aws.disturbances.release()
        listing.result(10)
    assert [arn] == watch.live()


def test_a_cluster_is_watched_once_by_whatever_threads_ask(watch: Watch, clock: ManualClock) -> None:
    """Every scaler of a cluster gets the same one, another cluster another."""
    clusters = Clusters(lambda name: Cluster(Tasks(clients_of(watch.aws), name, CONTROLLER), on(clock)), clock)
    with ThreadPoolExecutor(THREADS) as pool:
        given = list(pool.map(lambda _: clusters.of("one"), range(THREADS)))
    assert 1 == len({id(cluster) for cluster in given})
    assert clusters.of("one") is not clusters.of("two")


def test_a_cluster_that_nobody_uses_is_forgotten(watch: Watch, clock: ManualClock) -> None:
    """Who uses it again finds it unlisted, as after a restart; the others stay as they are."""
    clusters = Clusters(lambda name: Cluster(Tasks(clients_of(watch.aws), name, CONTROLLER), on(clock)), clock)
    stays, goes = clusters.of("one"), clusters.of(watch.name)
    goes.list_anew(START)
    clusters.keep({"one"})
    assert stays is clusters.of("one")
    assert goes is not clusters.of(watch.name)
    assert not clusters.of(watch.name).is_listed


def test_what_other_scalers_have_is_counted(watch: Watch, clock: ManualClock) -> None:
    """Those of other controllers as well, which are listed like our own; anew after each listing and each launch."""
    clusters = Clusters(lambda name: Cluster(Tasks(clients_of(watch.aws), name, CONTROLLER), on(clock)), clock)
    cluster, own = clusters.of(watch.name), (SCALER,)
    watch.run(2)
    watch.run(3, "elsewhere")
    cluster.list_anew(START)
    assert [5, 3, 3, 0] == [clusters.count_beside(names) for names in ((), own, own, (SCALER, "elsewhere"))]
    assert 3 == clusters.count_beside(own)
    watch.run(1, "elsewhere")
    clock.now += 1
    cluster.list_anew(clock.now)
    assert 4 == clusters.count_beside(own)
    cluster.enter([replace(launched("late", 2), scaler="elsewhere")])
    assert 6 == clusters.count_beside(own)


def test_what_others_have_is_counted_once(watch: Watch, clock: ManualClock) -> None:
    """Though of two scalers the one gives the name of their cluster and the other its ARN."""
    clusters = Clusters(lambda name: Cluster(Tasks(clients_of(watch.aws), name, CONTROLLER), on(clock)), clock)
    arn = watch.run(3, "elsewhere")[0].rpartition("/")[0].replace(":task/", ":cluster/")
    for name in (watch.name, arn):
        clusters.of(name).list_anew(START)
    assert 3 == clusters.count_beside((SCALER,))


def test_what_others_had_long_ago_is_not_counted(watch: Watch, clock: ManualClock) -> None:
    """Where all scalers are idle no listing tells of the end of it."""
    clusters = Clusters(lambda name: Cluster(Tasks(clients_of(watch.aws), name, CONTROLLER), on(clock)), clock)
    watch.run(3, "elsewhere")
    clusters.of(watch.name).list_anew(START)
    clock.now += COUNTED_FOR
    assert 3 == clusters.count_beside((SCALER,))
    clock.now += 1
    assert 0 == clusters.count_beside((SCALER,))


def test_a_scaler_that_comes_later_learns_how_its_tasks_ended(watch: Watch) -> None:
    """Though the history of its family was read before; whoever has read it learns nothing twice."""
    watch.enrol("before")
    watch.aws.ecs.fail_starts(3)
    for scaler in ("before", "later", "later"):
        watch.run(1, scaler)
    family = watch.template.partition(":")[0]
    watch.cluster.recall([family])
    assert (1, 0) == tuple(len(watch.cluster.take_signs(name)) for name in ("before", "later"))
    watch.enrol("later")
    watch.cluster.greet("later", [family, "another"])
    for _ in range(2):
        watch.cluster.recall([family])
    assert (0, 2) == tuple(len(watch.cluster.take_signs(name)) for name in ("before", "later"))


def test_each_that_is_told_of_a_failure_raises_its_own(watch: Watch) -> None:
    """One exception raised by many threads would collect the traces of all of them."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", status=400, code="AccessDeniedException"))
    raised = []
    for _ in range(3):
        with pytest.raises(AwsError, match="AccessDeniedException") as caught:
            watch.look(START)
        raised.append(caught.value)
    assert 1 == watch.listings()
    assert 3 == len({id(error) for error in raised})
    assert 1 == len({(error.fault, str(error), error.key) for error in raised})


def test_who_waited_for_a_listing_that_failed_late_tries_no_other(watch: Watch, clock: ManualClock) -> None:
    """They came while it was under way, so what became of it answers them as well."""
    watch.aws.disturbances.add(Disturbance("ecs", "ListTasks", "slow", delay=60.0))
    watch.aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "error", times=None))
    watch.run()
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(watch.cluster.list_anew, START)
        eventually(watch.aws.disturbances.count_hits)
        clock.now += 5.0
        watch.aws.disturbances.release()
        listing.result(10)
    watch.cluster.list_anew(START + 4.0)
    with pytest.raises(AwsError):
        watch.cluster.refresh(START + 4.0)
    assert 1 == watch.listings()


def test_a_task_that_runs_alone_is_described_once(watch: Watch, clock: ManualClock) -> None:
    """It runs for as long as it is listed; its end is looked for once it is not."""
    first, second = watch.run(2)
    for _ in range(3):
        clock.now += POLL
        watch.look(clock.now)
    assert (1, sorted([first, second])) == (watch.aws.journal.count("ecs", "DescribeTasks"), watch.live())
    watch.aws.ecs.exit_container(first, "worker", 0)
    clock.now += POLL
    watch.look(clock.now)
    assert (2, [second], 1.0) == (
        watch.aws.journal.count("ecs", "DescribeTasks"),
        watch.live(),
        watch.stopped("succeeded"),
    )


def test_a_spared_task_proves_that_it_works(watch: Watch, clock: ManualClock) -> None:
    """By the listing it has run for long enough to be a good sign for the breaker."""
    watch.run()
    watch.look(clock.now)
    assert [] == watch.cluster.take_signs(SCALER)
    clock.now += BREAKER.within
    watch.look(clock.now)
    assert [True] == [sign.good for sign in watch.cluster.take_signs(SCALER)]
    assert 1 == watch.aws.journal.count("ecs", "DescribeTasks")


def test_a_listing_that_is_needed_no_more_is_given_up(watch: Watch) -> None:
    """What was known stays, and no failure is remembered."""
    watch.run(2)
    watch.look(START)
    with pytest.raises(SupersededError):
        watch.cluster.list_anew(START + 1, lambda: False)
    assert 2 == len(watch.live())
    with pytest.raises(LookWanted):
        watch.cluster.refresh(START + 1)
