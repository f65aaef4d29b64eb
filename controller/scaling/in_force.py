"""What of a scaler's configuration is in force: its own settings, or those of a window of its schedule."""

from __future__ import annotations

from typing import Any

from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.decision.explain_schedule import tell_schedule
from controller.core.decision.policy import Policy
from controller.core.decision.timetable import find_entry
from controller.telemetry.series import Series


class InForce:
    """The settings of one scaler that count now, and which counted at its last decision."""

    __slots__ = ("_clock", "_decided_in", "_series", "_spec")

    def __init__(self, spec: ScalerSpec, series: Series, clock: Clock) -> None:
        self._spec = spec
        self._series = series
        self._clock = clock
        self._decided_in: int | None = None
        """The entry of the schedule that was in force at the last decision; None: none was."""

    def configure(self, spec: ScalerSpec) -> None:
        """Take a configuration."""
        self._spec = spec
        self.show()

    @property
    def policy(self) -> Policy:
        """The policy in force now."""
        return self._spec.at(self._clock.now()).policy

    @property
    def has_changed(self) -> bool:
        """Whether another window is in force than at the last decision, or none any more."""
        return self._find_entry() != self._decided_in

    def note_decision(self, spec: ScalerSpec, at: float) -> ScalerSpec:
        """Return the configuration that a decision was taken on as it was at that time, and remember its window."""
        if not spec.schedule:
            self._decided_in = None
            return spec
        self._decided_in = find_entry(spec.schedule, at)
        self.show()
        return spec.at(at)

    def show(self) -> None:
        """Show the policy in force in the metrics."""
        is_in_window = self._find_entry() is not None if self._spec.schedule else None
        self._series.show_configuration(self.policy, is_in_window=is_in_window)

    def tell(self) -> dict[str, Any] | None:
        """Return which window is in force, and which comes next, as plain values; None: there is no schedule."""
        return tell_schedule(self._spec.schedule, self._clock.now())

    def _find_entry(self) -> int | None:
        # Asked at every poll of an idle queue, of which most have no schedule.
        return find_entry(self._spec.schedule, self._clock.now()) if self._spec.schedule else None
