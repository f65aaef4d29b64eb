"""``ecsq schema``: the JSON Schema of the configuration, for editors."""

from __future__ import annotations

import click

from controller.cli.output import say_json
from controller.config import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the configuration.

    An editor with a YAML language server completes and checks by it: save it beside the configuration and begin that
    with the line "# yaml-language-server: $schema=ecsq.schema.json".
    """
    say_json(json_schema())
