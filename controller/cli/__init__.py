"""The command ``ecsq``: one file a command. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from controller.cli.output import ending_well

COMMANDS = ("run", "check", "plan", "status", "schema", "simulate", "stack", "iam", "sandbox")


class _Commands(click.Group):
    """The commands, each imported when it is asked for: ``check`` needs no boto3, ``run`` no sandbox."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with ending_well():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with ending_well():
            return super().invoke(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"controller.cli.{cmd_name}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("ecs-queue-controller"), prog_name="ecsq")
def main() -> None:
    """Run queue work on Amazon ECS: watch SQS queues, launch worker tasks, never stop one."""
