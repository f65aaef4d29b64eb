"""What a promise keeps and costs, and what hysteresis and cooldowns do: ``python -m tests.bench_promise``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

from controller.core.decision.policy import PerContainer, StartWithin
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import simulate
from tests.simulate.promises import (
    PROMISE,
    TRIALS,
    bound_paid,
    count_paid,
    find_p99,
    give_each_its_own,
    keep,
)
from tests.support.controller import scaler_spec

BASE = scaler_spec("main", "worker", demand=PerContainer(5), max_containers=1000)
DEFAULTS = ({"fall_after": 1, "dead_band": 0.2, "rise_after": 1, "activate_at": 1}, {"fall": 0.0, "launch": 30.0})
VARIANTS = (
    ("defaults", {}, {}),
    ("fall_after: 3", {"fall_after": 3}, {}),
    ("fall: 5m", {}, {"fall": 300.0}),
    ("fall: 5m, fall_after: 3", {"fall_after": 3}, {"fall": 300.0}),
    ("dead_band: 0", {"dead_band": 0.0}, {}),
    ("rise_after: 2", {"rise_after": 2}, {}),
    ("activate_at: 5", {"activate_at": 5}, {}),
    ("cooldown.launch: 60s", {}, {"launch": 60.0}),
)


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def compare_promises() -> None:
    """Print for each trial the p99 of a promise by whoever knows nothing, and what is paid beside others."""
    say(f"promise {PROMISE:g} s, nothing known; seconds paid a message beside one container each, and the bound")
    for trial in TRIALS:
        kept, each = keep(trial, StartWithin(PROMISE)), give_each_its_own(trial)
        paid = f"paid {count_paid(kept):6.1f}, one each {count_paid(each):6.1f}, bound {bound_paid(trial):5.1f}"
        say(f"{trial!s:62} p99 {find_p99(kept):4.0f} s  {paid}")


def compare_keys() -> None:
    """Print what hysteresis and cooldowns cost and buy where workers drain the queue."""
    trials = [trial for trial in TRIALS if not trial.takes_one]
    for name, hysteresis, cooldown in VARIANTS:
        rules = BASE.policy
        rules = replace(rules, hysteresis=replace(rules.hysteresis, **(DEFAULTS[0] | hysteresis)))
        spec = replace(BASE, policy=replace(rules, cooldown=replace(rules.cooldown, **(DEFAULTS[1] | cooldown))))
        runs = [simulate(spec, trial.scenario) for trial in trials]
        waits = mean(mean(run.waits) for run in runs)
        containers = sum(run.containers for run in runs)
        p99 = _average(find_p99, runs)
        paid = f"paid {_average(count_paid, runs):5.1f}  {containers} containers"
        say(f"{name:26} {paid}  wait {waits:4.0f}  p99 {p99:4.0f}")


def _average(measure: Callable[[SimulatedRun], float], runs: list[SimulatedRun]) -> float:
    return mean(measure(run) for run in runs)


if __name__ == "__main__":
    compare_promises()
    compare_keys()
