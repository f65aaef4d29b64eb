"""Draws: how long something takes, once it is not always the same. Written ``45s``, ``30s..90s``, ``exp(45s)``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from random import Random

from controller.config.durations import parse_argument
from controller.core.words import format_span

FORMS = "write it as 45s, 30s..90s, exp(45s) or lognormal(45s, 1.5)"

_CALL = re.compile(r"(?P<name>[a-z]+)\(\s*(?P<mean>[0-9a-z]+)\s*(?:,\s*(?P<shape>[0-9]+(?:\.[0-9]+)?)\s*)?\)")


class Kind(StrEnum):
    """The distribution that a duration is drawn from."""

    ALWAYS = "always"
    BETWEEN = "between"
    EXPONENTIAL = "exp"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True, slots=True)
class Draw:
    """A duration that is drawn anew each time."""

    kind: Kind
    mean: float
    """The mean of what is drawn, seconds."""
    shape: float = 0.0
    """Of a range how far its ends are from the mean, seconds; of lognormal its standard deviation over its mean."""

    def take(self, source: Random) -> float:
        """Return the next duration, seconds."""
        if self.kind is Kind.ALWAYS or self.mean == 0:
            return self.mean
        if self.kind is Kind.BETWEEN:
            return source.uniform(self.mean - self.shape, self.mean + self.shape)
        if self.kind is Kind.EXPONENTIAL:
            return source.expovariate(1 / self.mean)
        variance = log(1 + self.shape * self.shape)
        return exp(source.gauss(log(self.mean) - variance / 2, sqrt(variance)))

    @property
    def least(self) -> float:
        """The shortest duration that can be drawn, seconds."""
        if self.kind is Kind.ALWAYS:
            return self.mean
        return self.mean - self.shape if self.kind is Kind.BETWEEN else 0.0

    def __str__(self) -> str:
        if self.kind is Kind.BETWEEN:
            return f"{format_span(self.least)}..{format_span(self.mean + self.shape)}"
        if self.kind is Kind.EXPONENTIAL:
            return f"exp({format_span(self.mean)})"
        if self.kind is Kind.LOGNORMAL:
            return f"lognormal({format_span(self.mean)}, {self.shape:g})"
        return format_span(self.mean)


def always(seconds: float) -> Draw:
    """Return a draw that gives the same duration each time."""
    return Draw(Kind.ALWAYS, seconds)


def between(least: float, most: float) -> Draw:
    """Return a draw in which every duration between two is as likely as any other."""
    return Draw(Kind.BETWEEN, (least + most) / 2, (most - least) / 2)


def parse_draw(text: str) -> Draw:
    """Return the draw that is written so. Raises ValueError, which says how to write one."""
    written = text.strip()
    try:
        if ".." in written:
            return _parse_range(*(parse_argument(part.strip()) for part in written.split("..", 1)))
        call = _CALL.fullmatch(written)
        return always(parse_argument(written)) if call is None else _parse_call(call)
    except ValueError as error:
        raise ValueError(f"{error}; {FORMS}") from error


def _parse_range(least: float, most: float) -> Draw:
    if least > most:
        raise ValueError("the shorter duration of a range comes first")
    return between(least, most)


def _parse_call(call: re.Match[str]) -> Draw:
    mean, shape = parse_argument(call["mean"]), call["shape"]
    if call["name"] == "exp" and shape is None:
        return Draw(Kind.EXPONENTIAL, mean)
    if call["name"] == "lognormal" and shape is not None and float(shape) > 0:
        return Draw(Kind.LOGNORMAL, mean, float(shape))
    raise ValueError(f"{call[0]!r} is not a distribution")
