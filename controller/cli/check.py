"""``ecsq check``: is this configuration right? Asks AWS nothing but a configuration that is there, unless told to."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import click

from controller.cli.configuration import load_content_or_exit, read_or_exit
from controller.cli.options import config_option
from controller.cli.output import say
from controller.clock import machine_clock
from controller.config import Loaded, Problem
from controller.config.parameter import find_refused
from controller.core.address import Address
from controller.core.words import format_count


@click.command("check")
@config_option
@click.option("--online", is_flag=True, help="Also ask AWS whether everything that it names exists and fits.")
@click.pass_context
def command(context: click.Context, config: Address, *, online: bool) -> None:
    """Validate the configuration.

    Every error is printed as FILE:LINE:COL: key: what is wrong, and the exit code is 1. Warnings leave it at 0.
    AWS is not asked, except for a configuration that is kept there. With --online queues, clusters and task
    definitions are read as well; nothing is written.
    """
    content = read_or_exit(config)
    loaded = load_content_or_exit(content, config)
    say((f"{each.place}: warning: {each.key}: {each.message}" for each in _find_warnings(loaded)), err=True)
    refused = find_refused(content, config)
    if refused is not None and isinstance(config, Path):
        say([f"{refused.place}: warning: {refused.message}"], err=True)
    if online and not _ask_aws(loaded):
        context.exit(1)
    say([f"{config}: valid, {format_count(len(loaded.spec.scalers), 'scaler')}"])


def _find_warnings(loaded: Loaded) -> list[Problem]:
    now = machine_clock(Event()).now()
    return sorted([*loaded.warnings, *loaded.warn_of_time(now)], key=lambda each: (each.line, each.column))


def _ask_aws(loaded: Loaded) -> bool:
    """Say what AWS knows against the configuration; False: some of it cannot work."""
    from controller.cli.online import examine  # noqa: PLC0415 - boto3 is slow to import

    found = examine(loaded)
    say((f"{warning.place}: warning: {warning.key}: {warning.message}" for warning in found.warnings), err=True)
    say(map(str, found.problems), err=True)
    return not found.problems
