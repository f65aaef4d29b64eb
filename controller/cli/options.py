"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    envvar="ECSQ_CONFIG",
    default="config.yaml",
    show_default=True,
    show_envvar=True,
    metavar="FILE",
    help="The configuration.",
)
"""The configuration file: --config, else the variable ECSQ_CONFIG, else config.yaml; passed as ``config: Path``."""
