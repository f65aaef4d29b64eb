"""``ecsq check``: is this configuration right? Asks AWS nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.options import config_option
from controller.cli.output import say
from controller.config import ConfigError, load
from controller.core.words import format_count

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Validate the configuration.

    Every error is printed as FILE:LINE:COL: key: what is wrong, and the exit code is 1. Warnings leave it at 0.
    AWS is asked nothing.
    """
    try:
        loaded = load(config)
    except ConfigError as error:
        say(map(str, error.problems), err=True)
        context.exit(1)
    warnings = (f"{warning.place}: warning: {warning.key}: {warning.message}" for warning in loaded.warnings)
    say(warnings, err=True)
    say([f"{config}: valid, {format_count(len(loaded.spec.scalers), 'scaler')}"])
