"""``ecsq run``: the daemon."""

from __future__ import annotations

import os
from pathlib import Path

import click

from controller.cli.options import config_option
from controller.cli.output import say
from controller.core.sharding import AUTO, LookedUp, Peers, read_numbers
from controller.daemon.signals import Signals

METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""The variable with the address of the task's metadata, which ECS sets in every container."""


class _Shard(click.ParamType[Peers | LookedUp]):
    """With whom to share: ``auto``, or a number of a number."""

    name = f"{AUTO}|I/N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Peers | LookedUp:
        if value == AUTO:
            if uri := os.environ.get(METADATA_VARIABLE):
                return LookedUp(uri)
            self.fail(f"{AUTO} needs an ECS task, and {METADATA_VARIABLE} is not set: write 1/3, 2/3, ...", param, ctx)
        try:
            return read_numbers(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("run")
@config_option
@click.option("--dry-run", is_flag=True, help="Read and decide, write nothing, say what would have been done.")
@click.option("--watch", is_flag=True, help="Reload when the configuration's content changes, as SIGHUP does.")
@click.option(
    "--shard",
    type=_Shard(),
    envvar="ECSQ_SHARD",
    show_envvar=True,
    help=f"Share the scalers with other controllers: with those of the same ECS service ({AUTO}), or as the I-th of N.",
)
def command(config: Path, *, dry_run: bool, watch: bool, shard: Peers | LookedUp | None) -> None:
    """Watch the queues and launch tasks, until SIGTERM or SIGINT. SIGHUP reloads the configuration."""
    signals = Signals()
    # Only now: they take a second or two, in which a signal would end the process as one that nobody answers.
    from controller.config import ConfigError  # noqa: PLC0415
    from controller.daemon.process import run  # noqa: PLC0415
    from controller.daemon.web import CannotListenError  # noqa: PLC0415

    try:
        run(config, signals, shard, dry_run=dry_run, watch=watch)
    except (ConfigError, CannotListenError) as error:
        say(map(str, error.problems if isinstance(error, ConfigError) else [error]), err=True)
        raise SystemExit(1) from error
