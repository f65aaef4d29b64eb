"""The command ``ecsq``: one file a command. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from controller.cli.output import ending_well

COMMANDS = {
    "run": "Run the daemon: watch the queues and launch tasks.",
    "check": "Validate the configuration.",
    "plan": "Decide once, explain each step, and launch nothing.",
    "status": "Show what a running daemon last decided, and why.",
    "schema": "Print the JSON Schema of the configuration.",
    "simulate": "Say what a configuration would do, and what it would cost.",
    "stack": "Print the CloudFormation template for a configuration.",
    "iam": "Print the controller's IAM policy alone.",
    "sandbox": "Try everything on this machine, without AWS.",
}
"""The commands, with what ``ecsq --help`` and a shell say of each: neither has to import them for that."""


class _Commands(click.Group):
    """The commands, each imported when it is asked for: ``check`` needs no boto3, ``run`` no sandbox."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [CompletionItem(name, help=does) for name, does in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

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
@click.version_option(package_name="ecs-queue-controller", prog_name="ecsq")
def main() -> None:
    """Run queue work on Amazon ECS: watch SQS queues, launch worker tasks, never stop one."""
