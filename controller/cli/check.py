"""``ecsq check``: is this configuration right? Asks AWS nothing but the configuration itself, if it is there."""

from __future__ import annotations

from pathlib import Path

import click

from controller.cli.configuration import load_content_or_exit, read_or_exit
from controller.cli.options import config_option
from controller.cli.output import say
from controller.config.parameter import find_refused
from controller.core.address import Address
from controller.core.words import format_count


@click.command("check")
@config_option
def command(config: Address) -> None:
    """Validate the configuration.

    Every error is printed as FILE:LINE:COL: key: what is wrong, and the exit code is 1. Warnings leave it at 0.
    AWS is asked nothing, but for a configuration that is kept there.
    """
    content = read_or_exit(config)
    loaded = load_content_or_exit(content, config)
    say((f"{each.place}: warning: {each.key}: {each.message}" for each in loaded.warnings), err=True)
    refused = find_refused(content, config)
    if refused is not None and isinstance(config, Path):
        say([f"{refused.place}: warning: {refused.message}"], err=True)
    say([f"{config}: valid, {format_count(len(loaded.spec.scalers), 'scaler')}"])
