"""``ecsq sandbox``: everything on this machine, and the real daemon on it."""

from __future__ import annotations

from typing import Any

import click

from controller.cli.extras import explain_missing
from controller.config.durations import parse_argument
from controller.sandbox.presets import PRESETS

OPTIONAL = frozenset({"flask", "moto", "rich", "werkzeug"})
"""The packages that the sandbox needs and the daemon does not; moto alone comes without its server's two."""

DURATION = 60.0
SOAK = 600.0
"""How long a run and a soak take unless the user says otherwise, seconds."""


class Duration(click.ParamType[float]):
    """A duration of the configuration's form, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; a usage error says what is wrong."""
        try:
            seconds = parse_argument(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("must be above 0", param, ctx)
        return seconds


@click.command("sandbox")
@click.option("--duration", type=Duration(), help="How long it runs.  [default: 60s; 10m with --soak]")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Another number gives other bursts, work and delays.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the embedded AWS on 127.0.0.1.  [default: any free one]",
)
@click.option(
    "--aws-only",
    is_flag=True,
    help="Start no controller: use the embedded AWS with your own. A container takes the messages of the queue that "
    "its variable QUEUE_URL names until there are none; without that variable, the only container of a task "
    "definition takes those of the queue that has its scaler's name. Any other container does nothing and never ends.",
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="basic",
    show_default=True,
    help="basic: templates with a worker alone. sidecar: with a log router beside it, up to eight workers a task; one "
    "drain worker fails and one single worker hangs.",
)
@click.option("--chaos", is_flag=True, help="Break calls to AWS, and kill and restart the controller, at random.")
@click.option(
    "--soak",
    is_flag=True,
    help="Chaos for ten minutes, with a second controller beside the first, which is not killed.",
)
@click.option(
    "--linger",
    type=Duration(),
    help="How long the controller and its page go on after the summary.  [default: not at all]",
)
def command(
    *, duration: float | None, aws_only: bool, preset: str, chaos: bool, soak: bool, linger: float | None, **others: Any
) -> None:
    """Try the controller on this machine: an embedded AWS, workers, bursts of messages, and the real daemon.

    Ends by itself with a summary: at the latest 30 s after the duration, sooner if all work is done. Exit code 1
    if a message was lost or not done in time, a worker was killed in the middle of its work, a keeper failed, or a
    task outlived its workers.

    With --chaos also if containers exceeded their maximum at any moment, or if a slot started more than its largest
    plan; with --soak also if the first controller holds over 5 MiB more at the end than after its first minute.
    In the last 20 s, or in the last third of a run that is shorter than a minute, nothing is broken or killed.
    """
    if aws_only and (chaos or soak or linger):
        raise click.UsageError("--chaos, --soak and --linger need the sandbox's own controller: leave --aws-only out")
    duration = duration or (SOAK if soak else DURATION)
    try:
        from rich.console import Console  # noqa: PLC0415 - optional, and slow to import

        from controller.sandbox.play import Options, play  # noqa: PLC0415
        from controller.sandbox.process_group import SetupError  # noqa: PLC0415
        from controller.sandbox.summary import render  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise explain_missing(error, "the sandbox", "sandbox", OPTIONAL) from error
    try:
        options = Options(duration, aws_only=aws_only, chaos=chaos, soak=soak, linger=linger or 0.0, **others)
        summary = play(options, Console(), PRESETS[preset], lambda found: click.echo(f"\n{render(found)}"))
    except SetupError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(summary.exit_code)
