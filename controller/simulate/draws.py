"""Draws: how long something takes, once it is not always the same. Written ``45s``, ``30s..90s``, ``exp(45s)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt
from random import Random

from controller.config.durations import parse_argument
from controller.core.words import format_span

FORMS = "write it as 45s, 30s..90s, exp(45s) or lognormal(45s, 1.5)"

_CALL = re.compile(r"(?P<name>[a-z]+)\(\s*(?P<mean>[0-9a-z]+)\s*(?:,\s*(?P<shape>[0-9.]+)\s*)?\)")


@dataclass(frozen=True, slots=True)
class Draw:
    """A duration that is drawn anew each time."""

    text: str
    """As it was written."""
    mean: float
    """The mean of what is drawn, seconds."""
    take: Callable[[Random], float]
    """Returns the next duration, seconds."""

    def __str__(self) -> str:
        return self.text


def always(seconds: float) -> Draw:
    """Return a draw that gives the same duration each time."""
    return Draw(format_span(seconds), seconds, lambda _: seconds)


def between(least: float, most: float) -> Draw:
    """Return a draw in which every duration between two is as likely as any other."""
    text = f"{format_span(least)}..{format_span(most)}"
    return Draw(text, (least + most) / 2, lambda source: source.uniform(least, most))


def exponential(mean: float) -> Draw:
    """Return a draw from the exponential distribution: many short ones, few long ones."""
    return Draw(f"exp({format_span(mean)})", mean, lambda source: source.expovariate(1 / mean) if mean else 0.0)


def lognormal(mean: float, spread: float) -> Draw:
    """Return a draw from the lognormal distribution; ``spread`` is its standard deviation over its mean."""
    sigma = sqrt(log(1 + spread * spread))
    mu = log(mean) - sigma * sigma / 2 if mean else 0.0
    text = f"lognormal({format_span(mean)}, {spread:g})"
    return Draw(text, mean, lambda source: exp(source.gauss(mu, sigma)) if mean else 0.0)


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
        return exponential(mean)
    if call["name"] == "lognormal" and shape is not None and float(shape) > 0:
        return lognormal(mean, float(shape))
    raise ValueError(f"{call[0]!r} is no distribution")
