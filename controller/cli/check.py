"""``ecsq check``: is this configuration right? Asks AWS nothing, unless it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.options import config_option
from controller.cli.output import say
from controller.config import ConfigError, Loaded, load
from controller.core.words import format_count

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check")
@config_option
@click.option("--online", is_flag=True, help="Ask AWS as well: whether all that it names is there and fits.")
@click.pass_context
def command(context: click.Context, config: Path, *, online: bool) -> None:
    """Validate the configuration.

    Every error is printed as FILE:LINE:COL: key: what is wrong, and the exit code is 1. Warnings leave it at 0.
    AWS is asked nothing, but with --online: then queues, clusters and templates are read, and nothing is written.
    """
    try:
        loaded = load(config)
    except ConfigError as error:
        say(map(str, error.problems), err=True)
        context.exit(1)
    warnings = (f"{warning.place}: warning: {warning.key}: {warning.message}" for warning in loaded.warnings)
    say(warnings, err=True)
    if online and not _ask_aws(loaded):
        context.exit(1)
    say([f"{config}: valid, {format_count(len(loaded.spec.scalers), 'scaler')}"])


def _ask_aws(loaded: Loaded) -> bool:
    """Say what AWS knows against the configuration; False: some of it cannot work."""
    from controller.cli.online import examine  # noqa: PLC0415 - boto3 is slow to import

    found = examine(loaded)
    say((f"{warning.place}: warning: {warning.key}: {warning.message}" for warning in found.warnings), err=True)
    say(map(str, found.problems), err=True)
    return not found.problems
