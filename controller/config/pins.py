"""What a deployment holds fast of a configuration, in the environment of its task.

A controller's name and its consistency window are a protocol between controllers: slots and tokens stand on them
(ADR 0001). A rolling restart would let two controllers with different ones run at once, so no edit may change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.config.durations import parse_argument
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.config.loading import Loaded
    from controller.config.problems import Problem

NAME_VARIABLE = "ECSQ_NAME"
WINDOW_VARIABLE = "ECSQ_CONSISTENCY_WINDOW"
_WAY_OUT = "put it back, or stop every controller of this name, print the stack again (ecsq stack) and deploy it"


class PinError(Exception):
    """A variable holds nothing that could be agreed with; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What a configuration has to agree with; None: whatever it says."""

    name: str | None = None
    consistency_window: float | None = None
    """Seconds."""


def read_pins(environment: Mapping[str, str]) -> Pins:
    """Return what the environment holds fast; an empty variable holds nothing. Raises PinError."""
    window = environment.get(WINDOW_VARIABLE)
    try:
        return Pins(environment.get(NAME_VARIABLE) or None, parse_argument(window) if window else None)
    except ValueError as error:
        raise PinError(f"{WINDOW_VARIABLE}: {error}") from error


def find_disagreements(loaded: Loaded, pins: Pins) -> Iterator[Problem]:
    """Yield what a configuration says otherwise, with its place and the way to change it."""
    spec = loaded.spec
    if pins.name not in {None, spec.name}:
        yield loaded.locate("name", f"is {spec.name}, but {NAME_VARIABLE} says {pins.name}: {_WAY_OUT}")
    window = spec.aws.consistency_window
    if pins.consistency_window not in {None, window}:
        said = format_duration(pins.consistency_window or 0)
        message = f"is {format_duration(window)}, but {WINDOW_VARIABLE} says {said}: {_WAY_OUT}"
        yield loaded.locate("aws.consistency_window", message)
