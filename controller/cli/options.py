"""Options that several commands share."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from controller.core.address import Address, parse_address


class AddressType(click.ParamType[Address]):
    """Where a configuration is: a file, ``ssm:/NAME`` or ``s3://BUCKET/KEY``."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Return the address; a usage error says how it is written."""
        try:
            return parse_address(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Let the shell complete the names of files."""
        return [CompletionItem(incomplete, type="file")]


config_option = click.option(
    "--config",
    "config",
    type=AddressType(),
    envvar="ECSQ_CONFIG",
    default="config.yaml",
    show_default=True,
    show_envvar=True,
    metavar="FILE|ssm:/NAME|s3://BUCKET/KEY",
    help="The configuration.",
)
"""The configuration: --config, else the variable ECSQ_CONFIG, else config.yaml; passed as ``config: Address``."""
