"""One run of the sandbox: sets everything up, follows it to its end, takes it down and sums it up."""

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

from controller.clock import machine_clock
from controller.core.words import format_duration
from controller.sandbox.aws import EmbeddedAws
from controller.sandbox.chaos import Chaos
from controller.sandbox.daemon import Daemon, find_free_port, write_configuration
from controller.sandbox.disruptions import plan_chaos
from controller.sandbox.invariants import LaunchWatch
from controller.sandbox.isolation import isolate
from controller.sandbox.keepers import Keepers
from controller.sandbox.live import choose_view
from controller.sandbox.load import SETTLING, Load, plan_load
from controller.sandbox.memory import MemoryUse
from controller.sandbox.messages import MessageRecords
from controller.sandbox.process_group import ProcessGroup, SetupError
from controller.sandbox.run import Run
from controller.sandbox.runner import ContainerRunner
from controller.sandbox.scenario import Scenario, build_configuration
from controller.sandbox.stage import LOAD_CLIENT, WORKER_CLIENT, set_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from controller.clock import Clock
    from controller.sandbox.summary import Summary

CONTROLLER_PORT = 8080
"""The port in the configuration for a controller that the user starts."""
FIRST_MINUTE = 60.0
"""When the memory of a controller has settled in a soak, seconds after the start; in a short soak after a third."""
SOAK_SHARE = 0.25
"""The factor on the chances that a launch is disturbed in a soak. There the first controller is never restarted, and it
keeps each call in doubt for five minutes, so with more disturbances it would do nothing but wait."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run early."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a user for one run."""

    duration: float = 60.0
    """How long the run takes, seconds, including the time for the last work."""
    seed: int = 1
    """The seed of the bursts, the work, the start delays and the chaos."""
    port: int = 0
    """The port of the embedded AWS on loopback; 0 for a free one."""
    aws_only: bool = False
    """Whether the user starts the controller."""
    chaos: bool = False
    """Whether calls of the controller are disturbed, and the controller itself is killed and restarted."""
    soak: bool = False
    """As chaos, but a second controller is killed and restarted, which runs beside the first in the second half. The
    memory of the first is watched."""
    linger: float = 0.0
    """How long the controller goes on after the summary, with its pages, seconds."""

    @property
    def settling(self) -> float:
        """How long before the end nothing is sent or broken any more, so that all work can be done, seconds.

        A short run under chaos has disturbances for two thirds of its time.
        """
        return min(SETTLING, self.duration / 3) if self.chaos or self.soak else SETTLING


def play(
    options: Options,
    console: Console,
    scenario: Scenario | None = None,
    tell: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Run the sandbox, show it on ``console``, and return its summary; ``tell`` has it before the controller lingers.

    Raises ``SetupError`` if the port is taken, or if this machine lacks a tool that keepers need. Must be called in the
    main thread, because it handles signals.
    """
    scenario = scenario or Scenario()
    with ExitStack() as stack:
        stack.enter_context(isolate())
        interrupted = stack.enter_context(_catch_signals())
        clock = machine_clock(interrupted)
        directory = Path(tempfile.mkdtemp(prefix="ecsq-sandbox-"))
        cleaning = stack.enter_context(ExitStack())
        cleaning.callback(shutil.rmtree, directory)
        aws = stack.enter_context(_make_aws(options, scenario, clock))
        group = stack.enter_context(ProcessGroup())
        keepers = Keepers(group, directory, poll=scenario.keeper_poll, timeout=scenario.keeper_timeout)
        daemons = _Daemons(group, directory, scenario, aws, clock)
        daemon = _prepare(options, daemons, console)
        run = _assemble(options, scenario, aws, keepers, daemon, clock)
        if daemon and (options.chaos or options.soak):
            _add_chaos(run, options, daemon, daemons)
        stack.callback(run.stop)
        run.start()
        with choose_view(console) as view:
            run.follow(view)
        lingers = options.linger > 0 and daemon is not None and not interrupted.is_set()
        summary = run.close(interrupted=interrupted.is_set(), lingers=lingers)
        if summary.problems:
            cleaning.pop_all()
            summary = replace(summary, kept=str(directory))
        tell(summary)
        return _linger(options, run, summary, console) if lingers else summary


def _linger(options: Options, run: Run, summary: Summary, console: Console) -> Summary:
    """Let the controller and its pages go on for a while, or until a signal, and add to the summary how it ended."""
    where = f", with its page at {run.daemon.url}/" if run.daemon else ""
    said = f"\nThe controller goes on for {format_duration(options.linger)}{where}; Ctrl-C ends it."
    console.print(said, highlight=False, soft_wrap=True)
    run.clock.pause(options.linger)
    problems = run.stop()
    for problem in problems:
        console.print(problem, highlight=False, soft_wrap=True)
    return replace(summary, failures=(*summary.failures, *problems))


@dataclass(frozen=True, slots=True)
class _Daemons:
    """Makes the controllers of a scenario, each with its own configuration and log."""

    group: ProcessGroup
    directory: Path
    scenario: Scenario
    aws: EmbeddedAws
    clock: Clock

    def make(self, port: int, *, file: str = "config.yaml", log: str = "controller.log") -> Daemon:
        """Write a configuration, and return the controller that reads it, not started yet."""
        path = self.directory / file
        write_configuration(
            path, build_configuration(self.scenario, endpoint_url=self.aws.url, region=self.aws.region, port=port)
        )
        return Daemon(self.group, configuration=path, log=self.directory / log, port=port, clock=self.clock)


def _make_aws(options: Options, scenario: Scenario, clock: Clock) -> EmbeddedAws:
    try:
        return EmbeddedAws(
            port=options.port,
            listing_lag=scenario.listing_lag,
            start_delay=_make_start_delay(scenario, options.seed),
            seed=options.seed,
            clock=clock.now,
        )
    except OSError as error:
        raise SetupError(
            f"127.0.0.1:{options.port} cannot be listened on ({error.strerror}): choose another --port, or 0 for any"
        ) from error


def _prepare(options: Options, daemons: _Daemons, console: Console) -> Daemon | None:
    """Write the configuration, print all addresses, and return the daemon to start; None if the user starts one."""
    daemon = daemons.make(CONTROLLER_PORT if options.aws_only else find_free_port())
    console.print(f"embedded AWS   {daemons.aws.url}  (any credentials will do)", highlight=False, soft_wrap=True)
    console.print(f"configuration  {daemon.configuration}", highlight=False, soft_wrap=True)
    if options.aws_only:
        return None
    console.print(f"page           {daemon.url}/", highlight=False, soft_wrap=True)
    console.print(f"controller     {daemon.url}/status\n", highlight=False, soft_wrap=True)
    return daemon


def _add_chaos(run: Run, options: Options, daemon: Daemon, daemons: _Daemons) -> None:
    """Add chaos to ``run``, and the means to judge it."""
    if options.soak:
        run.beside = daemons.make(find_free_port(), file="beside.yaml", log="beside.log")
        run.memory = MemoryUse(settles_at=min(FIRST_MINUTE, options.duration / 3))
    plan = plan_chaos(
        begins_at=options.duration / 2 if options.soak else 0.0,
        ends_at=options.duration - options.settling,
        slot=run.scenario.slot,
        seed=options.seed,
        launch_share=SOAK_SHARE if options.soak else 1.0,
    )
    run.chaos = Chaos(
        plan,
        aws=run.aws,
        scenario=run.scenario,
        seed=options.seed,
        victim=run.beside or daemon,
        clock=run.clock,
    )
    run.watch = LaunchWatch()
    run.aws.journal.subscribe(run.watch.record)


def _assemble(
    options: Options, scenario: Scenario, aws: EmbeddedAws, keepers: Keepers, daemon: Daemon | None, clock: Clock
) -> Run:
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
        runner=ContainerRunner(
            aws.ecs, sqs=aws.client("sqs", app=WORKER_CLIENT), records=records, keepers=keepers, clock=clock
        ),
        load=Load(bursts, sqs=aws.client("sqs", app=LOAD_CLIENT), queue_urls=urls, records=records, clock=clock),
        daemon=daemon,
        clock=clock,
    )


def _make_start_delay(scenario: Scenario, seed: int) -> Callable[[str], float]:
    def draw(task_arn: str) -> float:
        return random.Random(f"{seed}:{task_arn}").uniform(*scenario.start_delay)  # noqa: S311 - repeatable

    return draw


@contextmanager
def _catch_signals() -> Iterator[threading.Event]:
    """Yield an event that a signal sets, instead of an exception anywhere in the run."""
    interrupted = threading.Event()
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in SIGNALS}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
