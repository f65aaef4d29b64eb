"""Plays new schedules for as long as asked: ``python -m tests.proof --minutes 10``. What breaks is shrunk and shown."""

from __future__ import annotations

import argparse
import time

from hypothesis import Phase

from tests.proof.machine import Launches, play
from tests.proof.quiet import listen_for_broken_reconciles

AT_ONCE = 500
"""Schedules of one seed."""


class Counted(Launches):
    """The machine, and a count of what it went through."""

    schedules = launches = strays = 0

    def teardown(self) -> None:
        Counted.schedules += 1
        if hasattr(self, "world"):
            Counted.launches += len(self.world.promises.launches)
            Counted.strays += len(self.world.promises.strays)
        super().teardown()


def main() -> None:
    """Play seeds from the first on, and say how many schedules that were."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="the first of the seeds (1)")
    given = parser.parse_args()
    listen_for_broken_reconciles()
    began, seed = time.monotonic(), given.seed
    while time.monotonic() - began < given.minutes * 60:
        play(Counted, AT_ONCE, seed=seed, phases=[Phase.generate, Phase.shrink])
        seconds, seed = time.monotonic() - began, seed + 1
        print(  # noqa: T201 - what this command is for
            f"{Counted.schedules} schedules, {Counted.schedules / seconds:.0f} a second: {Counted.launches} launches, "
            f"{Counted.strays} strays, no promise broken; next seed {seed}",
            flush=True,
        )


if __name__ == "__main__":
    main()
