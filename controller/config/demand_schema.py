"""The keys of ``demand``, and what each may be. Rules about several of them are in rules.py."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from controller.config.durations import parse_seconds
from controller.config.fields import SECONDS, Count, PromiseTime, Seconds, Section


class DemandStep(Section):
    """One step of a demand staircase."""

    model_config = ConfigDict(title="Step")

    backlog: Count
    """The backlog, in messages, from which this step holds."""
    containers: Count
    """The number of containers that it asks for."""


class FirstPace(Section):
    """How long one message occupies a container until it was learned."""

    at_first: Seconds
    """Seconds, or a duration."""


class GivenPace(FirstPace):
    """How long one message occupies a container, as it is written: believed unless it is seen to be longer."""


def _read_pace(value: Any) -> Any:
    """Return what seconds stand for, and pass a section on. Raises ValueError for what is neither."""
    if value is None or isinstance(value, dict | FirstPace):
        return value
    return GivenPace.model_construct(at_first=parse_seconds(value))


class Demand(Section):
    """How many containers a backlog asks for: exactly one of start_within, steps and messages_per_container."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["start_within"]},
                {"required": ["steps"]},
                {"required": ["messages_per_container"]},
            ],
            "dependentRequired": {"seconds_per_message": ["start_within"]},
        }
    )

    start_within: PromiseTime | None = None
    """A promise: every message is taken within this time of its arrival, as far as max_containers allows."""
    seconds_per_message: Annotated[FirstPace, BeforeValidator(_read_pace), SECONDS] | None = None
    """How long one message occupies a container: believed if it is given in seconds, learned if it is left out, and
    with at_first, what is assumed until it was learned. Needs start_within."""
    steps: Annotated[list[DemandStep], Field(min_length=1, max_length=1000)] | None = None
    """The highest step that the backlog reaches counts. Both numbers must rise from step to step."""
    messages_per_container: Count | None = None
    """One container for this many messages, rounded up. Use 1 for workers that take one message and exit."""
