"""Is the simulation true? ``make fidelity`` runs the sandbox beside it and prints both; asserts nothing.

First the same: a run of each queue, simulated from its messages and the starts of its tasks alone, launch by launch.
Then a prediction: one key of the scaler is changed, what would happen is said from the plan of the load, and then run;
the medians of the seeds stand beside each other.
"""

from __future__ import annotations

import sys
from statistics import median
from typing import Any

from controller.core.words import format_clock
from tests.support.recorded import QUEUES, describe, record
from tests.support.replayed import count_by_slot, count_simulated_by_slot, predict, replay, spec_of

DURATION = 60.0
SEEDS = (1, 2, 3, 4, 5)
CHANGED: dict[str, Any] = {"max_containers": 4}
"""The key that is changed for the prediction, of the queue whose workers drain."""


def say(line: str = "") -> None:
    print(line, flush=True)  # noqa: T201 - it prints, as a program does


def compare_launches(queue: str) -> None:
    """Print a run's launches beside those of its simulation, and what was seen where they differ."""
    recording = record(queue, DURATION, 1)
    spec, run = spec_of(recording), replay(recording, QUEUES[queue].worker)
    real, simulated = count_by_slot(recording), count_simulated_by_slot(spec, run)
    say(f"{queue}: {len(recording['sends'])} messages, {len(recording['polls'])} polls")
    say("  slot         sandbox  simulated")
    for slot in sorted({*real, *simulated}):
        here, there = real.get(slot, 0), simulated.get(slot, 0)
        say(f"  {slot}  {here:7}  {there:9}{'' if here == there else '   differs'}")
        if here != there:
            explain(slot, spec, run)
    say(f"  median wait  {median(recording['waits']):7.2f}  {median(run.waits):9.2f}\n")


def explain(slot: int, spec: Any, run: Any) -> None:
    """Print what the simulated polls of a slot have seen: the sandbox's counts were others at these moments."""
    for poll in run.polls:
        if count_slot(spec, poll.at) == slot:
            say(f"      {format_clock(poll.at)} {poll.reason}: {poll.visible} visible, {poll.in_flight} in flight, "
                f"{poll.running} running, {poll.starting} starting, desired {poll.desired}")  # fmt: skip


def count_slot(spec: Any, at: float) -> int:
    from controller.core.decision.slots import slot_at  # noqa: PLC0415

    return slot_at(spec.policy.slots, at).number


def compare_prediction() -> None:
    """Print what was predicted of a changed key beside what came of it."""
    say(f"drain with {CHANGED}: what was predicted, and what came of it")
    say("  seed   containers        tasks        median wait          p95 wait")
    rows = []
    for seed in SEEDS:
        recording = record("drain", DURATION, seed, **CHANGED)
        began = recording["sends"][0][0] - 0.5
        run = predict(spec_of(recording), describe("drain", **CHANGED), DURATION, seed, began)
        waits, real = sorted(run.waits), recording["waits"]
        row = (
            run.containers, sum(count_by_slot(recording).values()), len(run.tasks), len(recording["tasks"]),
            median(waits), median(real), waits[int(len(waits) * 0.95)], real[int(len(real) * 0.95)],
        )  # fmt: skip
        rows.append(row)
        say("  {:4}  {:4} {:6}     {:4} {:6}     {:6.2f} {:7.2f}     {:6.2f} {:7.2f}".format(seed, *row))
    middle = [median(each) for each in zip(*rows, strict=True)]
    off = [f"{(there / here - 1) * 100:+.1f} %" for here, there in zip(middle[::2], middle[1::2], strict=True)]
    say(f"  medians apart: containers {off[0]}, tasks {off[1]}, median wait {off[2]}, p95 {off[3]}")


def main() -> None:
    for queue in QUEUES:
        compare_launches(queue)
    if "--short" not in sys.argv:
        compare_prediction()


if __name__ == "__main__":
    main()
