"""What a cron expression may be: five fields, minute, hour, day of the month, month and weekday.

APScheduler's reading of a crontab line is not cron's, and says nothing about it: ``1-5`` is Tuesday to Saturday there,
``0`` is Monday, and of a day of the month together with a weekday both have to hold, where cron takes either. So what
can be read in two ways is refused here, with what to write instead, and APScheduler is handed plain lists of numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from controller.config.wording import quote, suggest

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LAST = "last"
"""The last day of a month."""
_PART = re.compile(r"(?:\*|(?P<first>\d{1,2}|[a-z]{3})(?:-(?P<last>\d{1,2}|[a-z]{3}))?)(?:/(?P<step>\d{1,2}))?")
_WEEKDAY = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?")
_OF_THIS_MACHINE = frozenset({"localtime", "Factory", "posixrules"})


@dataclass(frozen=True, slots=True)
class _Field:
    """A field that is written in numbers."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    """Words for its numbers, from the lowest on."""


_NUMBERED = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
)


@dataclass(frozen=True, slots=True)
class Fields:
    """A cron expression as APScheduler takes it: lists of numbers, of weekdays, or ``*``."""

    minute: str
    hour: str
    day: str
    month: str
    day_of_week: str


def check_cron(text: str) -> str:
    """Return an expression with single spaces and small letters. Raises ValueError, which says what is wrong."""
    text = " ".join(text.lower().split())
    read_cron(text)
    return text


@lru_cache(maxsize=1024)
def read_cron(text: str) -> Fields:
    """Return the fields of an expression. Raises ValueError, which says what is wrong and what to write instead."""
    parts = text.split(" ")
    if len(parts) != len(_NUMBERED) + 1:
        raise ValueError(
            'must have five fields, minute, hour, day of the month, month and weekday, as "0 8 * * mon-fri" has: '
            f"{quote(text)} has {len(parts)}"
        )
    *numbered, weekday = parts
    minutes, hours, days, months = (_read_numbers(field, part) for field, part in zip(_NUMBERED, numbered, strict=True))
    weekdays = _read_weekdays(weekday)
    if numbered[2] != "*" and weekday != "*":
        raise ValueError(
            f"sets the day of the month ({quote(numbered[2])}) and the weekday ({quote(weekday)}), which some "
            f"schedulers "
            "read as either and some as both: set one of them to *, and add an entry for the other"
        )
    if _LAST not in days and not any(_LONGEST_MONTHS[int(month) - 1] >= int(day) for month in months for day in days):
        raise ValueError(f"never fires: no month {quote(numbered[3])} has a day {quote(numbered[2])}")
    return Fields(
        *(
            ("*" if part == "*" else ",".join(values))
            for part, values in zip(parts, (minutes, hours, days, months, weekdays), strict=True)
        )
    )


def _read_numbers(field: _Field, text: str) -> list[str]:
    """Return the numbers that a field stands for, in their order."""
    if text == _LAST and field.highest == max(_LONGEST_MONTHS):
        return [_LAST]
    found: set[int] = set()
    for part in text.split(","):
        found.update(_read_part(field, part))
    return [str(number) for number in sorted(found)]


def _read_part(field: _Field, part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"cannot read {quote(part)} as {field.name}: {_say_forms(field)}")
    first, last, step = match["first"], match["last"], match["step"]
    lowest = field.lowest if first is None else _read_number(field, first)
    highest = field.highest if first is None else lowest if last is None else _read_number(field, last)
    if highest < lowest:
        raise ValueError(f"has a range in {field.name} that ends before it begins: {quote(part)}; write two ranges")
    if step is None:
        return range(lowest, highest + 1)
    if first is not None and last is None:
        raise ValueError(f"has a step without a range in {field.name}: write {first}-{field.highest}/{step} for {part}")
    if int(step) == 0:
        raise ValueError(f"has a step of 0 in {field.name}: {quote(part)}")
    if int(step) > highest - lowest:
        raise ValueError(f"has a step in {field.name} that is never taken: write {lowest} for {part}")
    return range(lowest, highest + 1, int(step))


def _read_number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.lowest
    if not text.isdigit():
        raise ValueError(f"cannot read {quote(text)} as {field.name}: {_say_forms(field)}")
    number = int(text)
    if not field.lowest <= number <= field.highest:
        raise ValueError(f"must have a number from {field.lowest} to {field.highest} as {field.name}, not {number}")
    return number


def _say_forms(field: _Field) -> str:
    names = f", names from {field.names[0]} to {field.names[-1]}" if field.names else ""
    last = ", last" if field.highest == max(_LONGEST_MONTHS) else ""
    return (
        f"write *, numbers from {field.lowest} to {field.highest}{names}, ranges, lists, or */2 for every second{last}"
    )


def _read_weekdays(text: str) -> list[str]:
    """Return the weekdays that the last field stands for, in their order."""
    if text == "*":
        return list(WEEKDAYS)
    if re.search(r"\d", text):
        raise ValueError(
            f"must name weekdays, whose numbers mean other days to other schedulers: {_convert_weekdays(text)}"
        )
    found: set[str] = set()
    for part in text.split(","):
        match = _WEEKDAY.fullmatch(part)
        words = [word for word in match.groups() if word is not None] if match else [part]
        if unknown := next((word for word in words if word not in WEEKDAYS), None):
            raise ValueError(f"cannot read {quote(unknown)} as weekday: {suggest(unknown, WEEKDAYS)}")
        first, last = WEEKDAYS.index(words[0]), WEEKDAYS.index(words[-1])
        if last < first:
            listed = ",".join([*WEEKDAYS[: last + 1], *WEEKDAYS[first:]])
            raise ValueError(f"has a range of weekdays over the end of the week, {quote(part)}: write {listed}")
        found.update(WEEKDAYS[first : last + 1])
    return sorted(found, key=WEEKDAYS.index)


def _convert_weekdays(text: str) -> str:
    """Say how cron's numbers, in which 0 and 7 are Sunday, are written by name."""
    days: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"([0-7])(?:-([0-7]))?", part)
        if match is None:
            return f"write names from mon to sun, ranges such as mon-fri, or lists, not {quote(text)}"
        first, last = int(match[1]), int(match[2] or match[1])
        days.update((day - 1) % 7 for day in range(first, (last if last >= first else last + 7) + 1))
    return f"write {_name_days(sorted(days))} for cron's {text}"


def _name_days(days: list[int]) -> str:
    """Return weekdays as they are written: a range where they are one."""
    if len(days) == len(WEEKDAYS):
        return "*"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:  # noqa: PLR2004 - two are as short by name
        return f"{WEEKDAYS[days[0]]}-{WEEKDAYS[days[-1]]}"
    return ",".join(WEEKDAYS[day] for day in days)


def check_timezone(name: str) -> str:
    """Pass the name of a time zone on. Raises ValueError if there is none of that name."""
    try:
        if name not in _OF_THIS_MACHINE:
            ZoneInfo(name)
            return name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    known = available_timezones() - _OF_THIS_MACHINE
    if not known:
        raise ValueError("cannot be looked up: this machine has no time zones; install its package tzdata")
    raise ValueError(
        f"must be a time zone by its name in the IANA database, such as Asia/Tokyo: {_suggest(name, known)}"
    )


def _suggest(name: str, known: set[str]) -> str:
    """Return what is wrong with a name; the nearest known one, if there is one, rather than all six hundred."""
    told = suggest(name, known)
    return told if told.startswith("did you mean") else f"{quote(name)} is none"
