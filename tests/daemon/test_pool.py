"""The pool of threads that reconcile."""

from __future__ import annotations

from threading import Event, Thread, Timer
from typing import TYPE_CHECKING

import pytest

from controller.daemon.pool import WORKERS, Pool
from controller.daemon.progress import Progress
from controller.scaling.line import Pause
from controller.scaling.lister import Listers
from tests.support.aws import eventually
from tests.support.clock import MACHINE_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.scaling.reconcile import Steps

SOON = 20.0


class Later:
    """Keeps what is to be called later, and calls it when the test says so."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, action: Callable[[], None]) -> None:
        """Keep something."""
        self.kept.append((seconds, action))

    def call_all(self) -> None:
        """Let the time come for all that is kept."""
        for _, action in self.kept:
            Timer(0.0, action).start()


@pytest.fixture
def later() -> Later:
    """Keep what is to be called later."""
    return Later()


@pytest.fixture
def pool(later: Later) -> Iterator[Pool]:
    """Give a pool."""
    made = Pool(Listers(MACHINE_CLOCK), Progress(MACHINE_CLOCK, longest=60.0), later)
    yield made
    made.stop()


def waits(seconds: float, told: list[str]) -> Steps:
    """Wait once, and then tell."""
    told.append("began")
    yield Pause(seconds)
    told.append("went on")
    return None


def test_what_waits_takes_no_thread(pool: Pool, later: Later) -> None:
    """However many wait, the next one is run at once; when their time has come, all of them go on."""
    told: list[str] = []
    ended: list[float | None] = []
    for number in range(2 * WORKERS):
        pool.run(f"waits-{number}", waits(5.0, told), ended.append)
    eventually(lambda: len(later.kept) == 2 * WORKERS, within=SOON)
    assert {5.0} == {seconds for seconds, _ in later.kept}
    for number in range(2 * WORKERS):
        pool.run(f"at-once-{number}", iter(()), ended.append)  # type: ignore[arg-type]
    eventually(lambda: len(ended) == 2 * WORKERS, within=SOON)
    assert 0 == told.count("went on")
    later.call_all()
    eventually(lambda: len(ended) == 4 * WORKERS, within=SOON)
    assert 2 * WORKERS == told.count("went on")


def test_the_end_says_when_to_look_again(pool: Pool) -> None:
    """As the reconcile returns it."""
    ended: list[float | None] = []

    def looks_again() -> Steps:
        yield from ()
        return 7.0

    pool.run("one", looks_again(), ended.append)
    eventually(lambda: ended, within=SOON)
    assert [7.0] == ended


def test_one_that_breaks_ends_and_does_not_end_the_others(pool: Pool) -> None:
    """It records its own faults; what breaks even so is told in the log."""
    ended: list[float | None] = []

    def breaks() -> Steps:
        raise LookupError("nowhere")
        yield

    pool.run("broken", breaks(), ended.append)
    pool.run("whole", iter(()), ended.append)  # type: ignore[arg-type]
    eventually(lambda: len(ended) == 2, within=SOON)
    assert [None, None] == ended


def test_a_stop_lets_what_waits_record_how_far_it_has_come(pool: Pool, later: Later) -> None:
    """Each is asked to go on once, without its time having come, and then is ended."""
    told: list[str] = []
    closed = Event()

    def waits_twice() -> Steps:
        try:
            yield Pause(1.0)
            told.append("saw the stop")
            yield Pause(1.0)
        finally:
            closed.set()
        return None

    pool.run("one", waits_twice(), lambda _: None)
    eventually(lambda: later.kept, within=SOON)
    pool.stop()
    assert (["saw the stop"], True) == (told, closed.is_set())


def test_a_stop_does_the_same_for_what_waits_for_a_thread_again(pool: Pool, later: Later) -> None:
    """Its time has come, and all threads are at work: what of it has left is to be recorded all the same."""
    told: list[str] = []
    goes_on = Event()

    def works() -> Steps:
        goes_on.wait(SOON)
        yield from ()
        return None

    pool.run("one", waits(1.0, told), lambda _: None)
    eventually(lambda: later.kept, within=SOON)
    for number in range(WORKERS):
        pool.run(f"works-{number}", works(), lambda _: None)
    later.kept[0][1]()
    stopping = Thread(target=pool.stop)
    stopping.start()
    eventually(lambda: pool._stopping, within=SOON)
    goes_on.set()
    stopping.join(SOON)
    assert ["began", "went on"] == told


def test_a_stop_does_so_for_each_of_two_with_one_name(pool: Pool, later: Later) -> None:
    """A scaler was removed while its reconcile waited, and has come back: what the first one sent is told as well."""
    told: list[str] = []
    for _ in range(2):
        pool.run("one", waits(1.0, told), lambda _: None)
    eventually(lambda: len(later.kept) == 2, within=SOON)
    pool.stop()
    assert 2 == told.count("went on")


def test_what_cannot_be_waited_for_ends_the_reconcile() -> None:
    """As when no thread can be started for a look: its scaler is polled again, and reconciled anew."""
    ended: list[float | None] = []
    closed = Event()

    def never(_seconds: float, _action: object) -> None:
        raise RuntimeError("can't start new thread")

    def waits_in_vain() -> Steps:
        try:
            yield Pause(1.0)
        finally:
            closed.set()
        return None

    pool = Pool(Listers(MACHINE_CLOCK), Progress(MACHINE_CLOCK, longest=60.0), never)
    pool.run("one", waits_in_vain(), ended.append)
    eventually(lambda: ended, within=SOON)
    assert ([None], True) == (ended, closed.is_set())
    pool.stop()
