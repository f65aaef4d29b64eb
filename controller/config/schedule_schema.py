"""The keys of a scaler's ``schedule``. Rules about several of them are in schedule_rules.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from controller.config.cron import check_cron, check_timezone
from controller.config.durations import require_between
from controller.config.fields import Count, CountOrZero, Duration, PollInterval, PromiseTime, Section
from controller.config.wording import describe
from controller.core.moments import parse_moment

MAX_WINDOWS = 50
CHANGED = ("min_containers", "max_containers", "paused", "start_within", "poll_interval")
"""The keys that change something while a window is in force."""


def parse_until(value: object) -> float | None:
    """Return the seconds since the epoch that a date, or a date with a time, stands for. Raises ValueError."""
    if value is None:
        return None
    if not isinstance(value, str) or value[:1].isdigit() is False or "-" not in value:
        raise ValueError(f"must be a date, such as 2026-12-24T09:00, not {describe(value)}")
    try:
        return parse_moment(value)
    except ValueError:
        raise ValueError(
            f"must be a date, such as 2026-12-24 or 2026-12-24T09:00, in UTC unless it carries an offset such as "
            f"+09:00, "
            f"not {describe(value)}"
        ) from None


class Window(Section):
    """A time window: while it is in force, and none before it is, its settings are the scaler's."""

    model_config = ConfigDict(title="Window", json_schema_extra={"anyOf": [{"required": [key]} for key in CHANGED]})

    cron: Annotated[str, AfterValidator(check_cron)]
    """When it begins: minute, hour, day of the month, month and weekday. Weekdays by name; one of the two day fields
    has to be ``*``."""
    lasts: Annotated[Duration, AfterValidator(require_between("1m", "8784h"))] = Field(alias="for")
    """How long it lasts from then on (1m to 8784h)."""
    timezone: Annotated[str, AfterValidator(check_timezone)] = "UTC"
    """The time zone of cron, by its name in the IANA database."""
    until: Annotated[float | None, BeforeValidator(parse_until), WithJsonSchema({"type": ["string", "null"]})] = None
    """When the entry expires, for what is temporary: a date and time, in UTC unless it carries an offset."""
    min_containers: CountOrZero | None = None
    """min_containers while it is in force."""
    max_containers: Count | None = None
    """max_containers while it is in force."""
    paused: bool | None = None
    """Whether the scaler is paused while it is in force."""
    start_within: PromiseTime | None = None
    """demand.start_within while it is in force. Needs demand.start_within."""
    poll_interval: PollInterval | None = None
    """poll_interval while it is in force."""
