"""One run of the sandbox: everything set up, played, followed, taken down and summed up."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from controller.sandbox.aws import EmbeddedAws
from controller.sandbox.chaos import Chaos
from controller.sandbox.daemon import Daemon, free_port, write_configuration
from controller.sandbox.disruptions import plan_chaos
from controller.sandbox.invariants import LaunchWatch
from controller.sandbox.isolation import isolation
from controller.sandbox.keepers import Keepers
from controller.sandbox.live import view_for
from controller.sandbox.load import SETTLING, Load, plan_load
from controller.sandbox.memory import MemoryUse
from controller.sandbox.messages import MessageRecords
from controller.sandbox.process_group import ProcessGroup, SetupError
from controller.sandbox.run import Run
from controller.sandbox.runner import ContainerRunner
from controller.sandbox.scenario import Scenario, configuration
from controller.sandbox.stage import LOAD_CLIENT, WORKER_CLIENT, set_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from controller.sandbox.summary import Summary

CONTROLLER_PORT = 8080
"""The port that the written configuration gives a controller that is not ours."""
FIRST_MINUTE = 60.0
"""What a controller's memory is given to settle in a soak, seconds; in a short one a third of it."""
SOAK_SHARE = 0.25
"""How much of the chances of a fault a launch gets in a soak. Its first controller is never restarted, and keeps each
call in doubt for five minutes: with more of them it would do nothing but wait."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a run to end early."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user chooses for one run."""

    duration: float = 60.0
    """Seconds that the run takes, the time for the last work included."""
    seed: int = 1
    """Decides the bursts, the work and the start delays."""
    port: int = 0
    """The embedded AWS's port on loopback; 0 takes a free one."""
    aws_only: bool = False
    """Leave the controller to the user."""
    chaos: bool = False
    """Break what may break: calls of the controller, and the controller itself."""
    soak: bool = False
    """Chaos, but what is killed and restarted is a second controller, which runs beside the first in the second half;
    the memory of the first is watched."""

    @property
    def settling(self) -> float:
        """How long before its end a run is left in peace, so that all work can be done, seconds.

        A short run under chaos is broken for two thirds of its time.
        """
        return min(SETTLING, self.duration / 3) if self.chaos or self.soak else SETTLING


def play(options: Options, console: Console, scenario: Scenario | None = None) -> Summary:
    """Run the sandbox on ``console`` and return what it has shown.

    Raises ``SetupError`` if the port is taken, or this machine lacks what keepers need. Must be called in the main
    thread: it answers to signals.
    """
    scenario = scenario or Scenario()
    with ExitStack() as stack:
        stack.enter_context(isolation())
        interrupted = stack.enter_context(_interruption())
        directory = Path(tempfile.mkdtemp(prefix="ecsq-sandbox-"))
        cleaning = stack.enter_context(ExitStack())
        cleaning.callback(shutil.rmtree, directory)
        aws = stack.enter_context(_embedded_aws(options, scenario))
        group = stack.enter_context(ProcessGroup())
        keepers = Keepers(group, directory, poll=scenario.keeper_poll, timeout=scenario.keeper_timeout)
        daemons = _Daemons(group, directory, scenario, aws)
        daemon = _prepare(options, daemons, console)
        run = _assemble(options, scenario, aws, keepers, daemon)
        if daemon and (options.chaos or options.soak):
            _let_chaos_in(run, options, daemon, daemons)
        stack.callback(run.stop)
        run.start()
        with view_for(console) as view:
            run.follow(view, interrupted)
        summary = run.close(interrupted=interrupted.is_set())
        if summary.problems:
            cleaning.pop_all()
            return replace(summary, kept=str(directory))
        return summary


@dataclass(frozen=True, slots=True)
class _Daemons:
    """Makes controllers of a scenario, each with a configuration and a log of its own."""

    group: ProcessGroup
    directory: Path
    scenario: Scenario
    aws: EmbeddedAws

    def make(self, port: int, *, file: str = "config.yaml", log: str = "controller.log") -> Daemon:
        """Write a configuration and return the controller that reads it, not started."""
        path = self.directory / file
        write_configuration(
            path, configuration(self.scenario, endpoint_url=self.aws.url, region=self.aws.region, port=port)
        )
        return Daemon(self.group, configuration=path, log=self.directory / log, port=port)


def _embedded_aws(options: Options, scenario: Scenario) -> EmbeddedAws:
    try:
        return EmbeddedAws(
            port=options.port,
            listing_lag=scenario.listing_lag,
            start_delay=_start_delay(scenario, options.seed),
            seed=options.seed,
        )
    except OSError as error:
        raise SetupError(
            f"127.0.0.1:{options.port} cannot be listened on ({error.strerror}): choose another --port, or 0 for any"
        ) from error


def _prepare(options: Options, daemons: _Daemons, console: Console) -> Daemon | None:
    """Write the configuration, say what is where, and return the daemon to start; None to leave it to the user."""
    daemon = daemons.make(CONTROLLER_PORT if options.aws_only else free_port())
    console.print(f"embedded AWS   {daemons.aws.url}  (any credentials will do)", highlight=False, soft_wrap=True)
    console.print(f"configuration  {daemon.configuration}", highlight=False, soft_wrap=True)
    if options.aws_only:
        return None
    console.print(f"controller     {daemon.url}/status\n", highlight=False, soft_wrap=True)
    return daemon


def _let_chaos_in(run: Run, options: Options, daemon: Daemon, daemons: _Daemons) -> None:
    """Give ``run`` what breaks it, and what it is then judged by."""
    if options.soak:
        run.beside = daemons.make(free_port(), file="beside.yaml", log="beside.log")
        run.memory = MemoryUse(settles_at=min(FIRST_MINUTE, options.duration / 3))
    plan = plan_chaos(
        begins_at=options.duration / 2 if options.soak else 0.0,
        ends_at=options.duration - options.settling,
        slot=run.scenario.slot,
        seed=options.seed,
        launch_share=SOAK_SHARE if options.soak else 1.0,
    )
    run.chaos = Chaos(plan, aws=run.aws, scenario=run.scenario, seed=options.seed, victim=run.beside or daemon)
    run.watch = LaunchWatch()
    run.aws.journal.subscribe(run.watch.saw)


def _assemble(options: Options, scenario: Scenario, aws: EmbeddedAws, keepers: Keepers, daemon: Daemon | None) -> Run:
    urls = set_stage(aws, scenario)
    records = MessageRecords()
    bursts = plan_load(scenario, duration=options.duration, seed=options.seed, settling=options.settling)
    return Run(
        aws=aws,
        scenario=scenario,
        duration=options.duration,
        seed=options.seed,
        queue_urls=urls,
        records=records,
        runner=ContainerRunner(aws.ecs, sqs=aws.client("sqs", app=WORKER_CLIENT), records=records, keepers=keepers),
        load=Load(bursts, sqs=aws.client("sqs", app=LOAD_CLIENT), queue_urls=urls, records=records),
        daemon=daemon,
    )


def _start_delay(scenario: Scenario, seed: int) -> Callable[[str], float]:
    def draw(task_arn: str) -> float:
        return random.Random(f"{seed}:{task_arn}").uniform(*scenario.start_delay)  # noqa: S311 - repeatable

    return draw


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Give an event that a Ctrl-C sets, instead of an exception in the middle of anything."""
    interrupted = threading.Event()
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in SIGNALS}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
