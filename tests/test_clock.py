from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from controller.clock import Clock, StepWatch


@dataclass(slots=True)
class Two:
    """A wall clock and one that never steps; between two readings of the latter ``pauses`` may pass."""

    wall: float = 1e9
    elapsed: float = 100.0
    pauses: list[float] = field(default_factory=list)

    def read_elapsed(self) -> float:
        """Give the one that never steps, and let the next pause pass."""
        told, pause = self.elapsed, self.pauses.pop(0) if self.pauses else 0.0
        self.wall, self.elapsed = self.wall + pause, self.elapsed + pause
        return told

    def watch(self) -> StepWatch:
        """Begin to watch."""
        return StepWatch(Clock(now=lambda: self.wall, elapsed=self.read_elapsed, pause=lambda _: False))


@pytest.mark.parametrize("step", [-3600.0, -1.0, 1.0, 86_400.0])
def test_a_step_is_noticed_once(step: float) -> None:
    """By how much, whether back or forward; time that passes on both clocks is none."""
    two = Two()
    watch = two.watch()
    two.wall, two.elapsed = two.wall + 50 + step, two.elapsed + 50
    assert [pytest.approx(step), None] == [watch.look(), watch.look()]


def test_a_clock_that_is_set_right_bit_by_bit_does_not_step() -> None:
    """A machine's time service moves it by less than a second at a time."""
    two = Two()
    watch = two.watch()
    for _ in range(100):
        two.wall += 0.5
        assert watch.look() is None


def test_a_busy_moment_is_no_step() -> None:
    """Between the readings of the two clocks a second may pass; a true step is then noticed by the next look."""
    two = Two()
    watch = two.watch()
    two.wall += 60
    two.pauses = [2.0]
    assert [None, pytest.approx(60)] == [watch.look(), watch.look()]
