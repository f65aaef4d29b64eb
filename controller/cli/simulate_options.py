"""The options of ``ecsq simulate``."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import click

from controller.cli.options import AddressType
from controller.config.durations import parse_argument
from controller.simulate.draws import parse_draw
from controller.simulate.edits import split_values
from controller.simulate.expectations import parse_expectation
from controller.simulate.prices import PRICED_ON, TARIFFS, Shape, make_shape
from controller.simulate.shapes import parse_period

DEFAULT_WORK = "exp(60s)"


class Converted(click.ParamType[Any]):
    """A text of the command line, as a function reads it."""

    def __init__(self, name: str, convert: Callable[[str], Any]) -> None:
        self.name = name
        self._convert = convert

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the text says; a usage error says what is wrong with it."""
        try:
            return self._convert(str(value)) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _parse_size(text: str) -> Shape:
    cpu, slash, memory = text.partition("/")
    if not slash or not (cpu + memory).isascii() or not (cpu.isdigit() and memory.isdigit()):
        raise ValueError("write it as CPU units and MiB: 256/512")
    return make_shape(int(cpu), int(memory))


def _parse_dollars(text: str) -> float:
    try:
        dollars = float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not 0 <= dollars < inf:
        raise ValueError(f"{text} dollars: must be 0 or more")
    return dollars


def _parse_variation(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals or not key or not values:
        raise ValueError("write it as KEY=VALUE,VALUE: max_containers=20,40")
    return key.strip(), split_values(values)


DOLLARS = Converted("dollars", _parse_dollars)
DRAW = Converted("duration", parse_draw)
PERIOD = Converted("period", parse_period)
SECONDS = Converted("duration", parse_argument)

OPTIONS = (
    click.option("--scaler", metavar="NAME", help="The scaler; may be left out if there is only one."),
    click.option(
        "--file", metavar="FILE", help="Arrivals: rows under a header time,count or time,seconds; may be gzipped."
    ),
    click.option("--arrivals", metavar="TEXT", help='Arrivals in words: "burst 500 every 2h, poisson 3/min".'),
    click.option("--log", metavar="FILE", help="Arrivals from the counts in a daemon's log of JSON lines."),
    click.option("--status", metavar="URL", help="Arrivals from the last decisions of the daemon at URL."),
    click.option("--prometheus", metavar="URL", help="Arrivals from ecsq_queue_messages, as far back as --for says."),
    click.option("--cloudwatch", metavar="PERIOD", help="Arrivals and work from the queue's own metrics: 7d."),
    click.option(
        "--for",
        "lasts",
        type=PERIOD,
        default="1d",
        show_default=True,
        metavar="PERIOD",
        help="For how long --arrivals come, or how far back --prometheus goes.",
    ),
    click.option(
        "--spread",
        is_flag=True,
        help="Let a row's messages arrive evenly until the next row, as suits counts of a period.",
    ),
    click.option(
        "--work",
        type=DRAW,
        metavar="DRAW",
        help="How long a message takes: 45s, 30s..90s, exp(45s) or "
        f"lognormal(45s, 1.5).  [default: seconds_per_message of the scaler, else {DEFAULT_WORK}]",
    ),
    click.option(
        "--worker",
        type=click.Choice(["drains", "one"]),
        default="drains",
        show_default=True,
        help="Whether a worker goes on until the queue is empty, or takes one message.",
    ),
    click.option(
        "--start",
        type=DRAW,
        default="30s..90s",
        show_default=True,
        metavar="DRAW",
        help="From RunTask until a worker runs.",
    ),
    click.option(
        "--last-poll",
        type=SECONDS,
        default="20s",
        show_default=True,
        metavar="DURATION",
        help="How long a worker waits for a message before it exits.",
    ),
    click.option(
        "--stale",
        type=SECONDS,
        default="5s",
        show_default=True,
        metavar="DURATION",
        help="How old the counts that SQS shows may be.",
    ),
    click.option(
        "--size",
        type=Converted("size", _parse_size),
        default="256/512",
        show_default=True,
        metavar="CPU/MIB",
        help="The size of the template, a task with one worker.",
    ),
    click.option(
        "--arch",
        type=click.Choice(list(TARIFFS)),
        default="x86",
        show_default=True,
        help=f"The processor architecture whose prices are used, as of {PRICED_ON}.",
    ),
    click.option(
        "--price",
        type=(DOLLARS, DOLLARS),
        metavar="VCPU GB",
        help="Prices of your own: dollars an hour for a vCPU and for a GB.",
    ),
    click.option(
        "--goal",
        type=PERIOD,
        metavar="DURATION",
        help="The time within which a message is to be taken.  [default: the scaler's start_within, else 5m]",
    ),
    click.option(
        "--target",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many messages the other systems plan for each task.  [default: messages_per_container, else 5]",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=1,
        show_default=True,
        help="Another number draws other arrivals, work and starts.",
    ),
    click.option(
        "--against",
        type=AddressType(),
        multiple=True,
        metavar="FILE",
        help="Another configuration to compare with; may be repeated.",
    ),
    click.option("--alone", is_flag=True, help="Simulate this configuration only, and compare it with nothing."),
    click.option("--explore", is_flag=True, help="Try each number of the scaler at half and at double."),
    click.option(
        "--vary",
        type=Converted("variation", _parse_variation),
        multiple=True,
        metavar="KEY=V,V",
        help="Try a key of the scaler at these values, lists and mappings as YAML or JSON; may be repeated.",
    ),
    click.option(
        "--expect",
        type=Converted("expectation", parse_expectation),
        multiple=True,
        metavar="LINE",
        help='End with 1 unless this holds: "wait_p99 <= 5m", "cost <= 1.1 * old".',
    ),
    click.option(
        "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a report with pictures."
    ),
    click.option(
        "--png", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write only the pictures."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
    click.option("--markdown", is_flag=True, help="Print a table in Markdown, for a pull request."),
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        help="How many processes work at a time.  [default: one for each processor]",
    ),
)


def simulation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with all options; each is passed under its own name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
