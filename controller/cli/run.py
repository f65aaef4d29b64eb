"""``ecsq run``: the daemon."""

from __future__ import annotations

from pathlib import Path

import click

from controller.cli.options import config_option
from controller.cli.output import say
from controller.daemon.signals import Signals


@click.command("run")
@config_option
@click.option("--dry-run", is_flag=True, help="Read and decide, write nothing, say what would have been done.")
@click.option("--watch", is_flag=True, help="Reload when the configuration's content changes, as SIGHUP does.")
def command(config: Path, *, dry_run: bool, watch: bool) -> None:
    """Watch the queues and launch tasks, until SIGTERM or SIGINT. SIGHUP reloads the configuration."""
    signals = Signals()
    # Only now: they take a second or two, in which a signal would end the process as one that nobody answers.
    from controller.config import ConfigError  # noqa: PLC0415
    from controller.daemon.app import run  # noqa: PLC0415
    from controller.daemon.web import CannotListenError  # noqa: PLC0415

    try:
        run(config, signals, dry_run=dry_run, watch=watch)
    except (ConfigError, CannotListenError) as error:
        say(map(str, error.problems if isinstance(error, ConfigError) else [error]), err=True)
        raise SystemExit(1) from error
