"""``ecsq run``: the daemon."""

from __future__ import annotations

import os

import click

from controller.cli.options import config_option
from controller.cli.output import say
from controller.core.address import Address
from controller.core.sharding import AUTO, LookedUp, Peers, read_numbers
from controller.daemon.signals import Signals

METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""The variable with the address of the task's metadata, which ECS sets in every container."""
_MOST_PORTS = 65_535


class _Shard(click.ParamType[Peers | LookedUp]):
    """With whom to share: ``auto``, or a number of a number."""

    name = f"{AUTO}|I/N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Peers | LookedUp:
        if value == AUTO:
            if uri := os.environ.get(METADATA_VARIABLE):
                return LookedUp(uri)
            self.fail(
                f"{AUTO} works in ECS tasks only, where {METADATA_VARIABLE} is set: write 1/3, 2/3, ...", param, ctx
            )
        try:
            return read_numbers(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("run")
@config_option
@click.option(
    "--dry-run", is_flag=True, help="Read and decide, but launch nothing, and say what would have been launched."
)
@click.option("--watch", is_flag=True, help="Reload when the configuration's content changes, as SIGHUP does.")
@click.option("--alive", is_flag=True, help="Log a line every minute as long as it runs, for alarms on the log.")
@click.option(
    "--shard",
    type=_Shard(),
    envvar="ECSQ_SHARD",
    show_envvar=True,
    help=f"Share the scalers with other controllers: with those of the same ECS service ({AUTO}), or as the I-th of N.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where /healthz and /readyz are served until a configuration in AWS has been read; from then on its key "
    "server decides.",
)
def command(
    config: Address, listen: str, shard: Peers | LookedUp | None, *, dry_run: bool, watch: bool, alive: bool
) -> None:
    """Watch the queues and launch tasks, until SIGTERM or SIGINT. SIGHUP reloads the configuration.

    The variables ECSQ_NAME and ECSQ_CONSISTENCY_WINDOW, which ecsq stack sets, fix what must not change while
    controllers are replaced one by one: a configuration that says otherwise is refused.
    """
    signals = Signals()
    host, port = _split(listen)
    # Only now: they take a second or two, in which a signal would end the process as one that nobody answers.
    from controller.cli.configuration import open_address  # noqa: PLC0415
    from controller.config import ConfigError, ServerSpec  # noqa: PLC0415
    from controller.config.pins import PinError, read_pins  # noqa: PLC0415
    from controller.daemon.process import RunOptions, run  # noqa: PLC0415
    from controller.daemon.web import CannotListenError  # noqa: PLC0415

    try:
        options = RunOptions(dry_run, watch, alive, ServerSpec(host, port), read_pins(os.environ), shard)
        run(open_address(config), signals, options)
    except (ConfigError, CannotListenError, PinError) as error:
        say(map(str, error.problems if isinstance(error, ConfigError) else [error]), err=True)
        raise SystemExit(1) from error


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MOST_PORTS:
        raise click.BadParameter(f"{listen!r} is not an address: write it as HOST:PORT", param_hint="--listen")
    return host.strip("[]"), int(port)
