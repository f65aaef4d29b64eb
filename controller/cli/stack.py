"""``ecsq stack``: the CloudFormation template for exactly this configuration."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote

import click

from controller.cli.needs import (
    Needs,
    at_option,
    find_dead_letter_queues,
    find_home,
    list_roles,
    policies_option,
    read_needs,
    read_templates,
)
from controller.cli.options import config_option
from controller.cli.output import say, say_safe
from controller.config import ServerSpec
from controller.config.parameter import choose_tier
from controller.config.stack import (
    LONGEST,
    Account,
    Plan,
    StackError,
    WorkerRoles,
    build_template,
    list_rights,
    name_secrets,
    pack,
    write_template,
)
from controller.core.address import Address, Parameter
from controller.core.words import format_count

ROLES_PARAMETER = "WorkerRoles"
_ASKED_FOR_HEALTH = frozenset({"0.0.0.0", "::", "127.0.0.1", "localhost"})  # noqa: S104 - compared, not listened on
"""The hosts that answer at 127.0.0.1."""
BODY_BYTES = 51_200
"""Of a template that is passed as it is; what is longer goes through a bucket (CloudFormation quotas)."""
OBJECT_BYTES = 1 << 20
"""Of a template in a bucket."""


@click.command("stack")
@config_option
@at_option
@click.option(
    "--offline",
    is_flag=True,
    help="Do not ask AWS: the roles of the workers' task definitions become the parameter WorkerRoles.",
)
@policies_option
def command(config: Address, at: Address | None, *, offline: bool, policies: int) -> None:
    """Print a CloudFormation template: all that the controller needs on AWS for exactly this configuration.

    It never holds the configuration itself, only where it is: a later deployment would undo what was edited since.
    The roles of the workers' task definitions and the dead-letter queues are looked up with your rights; nothing is
    written.
    """
    needs = read_needs(config, at)
    _check_server(config, needs.spec.server)
    account, place = Account.of_deployment(needs.spec.aws.region), LONGEST
    dead_letter_queues: tuple[str, ...] = ()
    if offline:
        runs_own = any(scaler.task_access.role_arn is None for scaler in needs.spec.scalers)
        roles = WorkerRoles(parameter=ROLES_PARAMETER if runs_own else None)
    else:
        templates = read_templates(needs.spec)
        place = find_home(needs.spec, templates) or LONGEST
        roles = WorkerRoles(tuple(map(account.role, list_roles(templates))))
        dead_letter_queues = find_dead_letter_queues(needs.spec)
    try:
        rights = list_rights(
            needs.spec,
            account,
            roles,
            needs.address,
            dead_letter_queues=dead_letter_queues,
            runs_in=Account.of_deployment(None),
        )
        template = build_template(Plan(needs.spec, needs.address, pack(rights, policies, place), roles))
    except StackError as error:
        raise click.ClickException(f"{config}: {error}") from error
    text = write_template(template, _explain(needs, roles))
    _judge_size(len(text.encode()))
    say_safe(text.splitlines())


def _check_server(config: Address, server: ServerSpec) -> None:
    if server.port == 0:
        raise click.ClickException(
            f"{config}: server.port is 0, which means any free port: a service needs one that is known"
        )
    if server.host not in _ASKED_FOR_HEALTH:
        raise click.ClickException(
            f"{config}: server.host is {server.host}, where the task's health check, which asks 127.0.0.1, gets no "
            "answer: set it to 0.0.0.0 or ::"
        )


def _judge_size(size: int) -> None:
    if size > OBJECT_BYTES:
        raise click.ClickException(
            f"the template has {size:,} bytes, and CloudFormation takes {OBJECT_BYTES:,} at most: divide the "
            "configuration among controllers of different names"
        )
    if size > BODY_BYTES:
        say(
            [
                f"The template has {size:,} bytes. Above {BODY_BYTES:,} it goes through a bucket of yours: "
                "add --s3-bucket BUCKET to aws cloudformation deploy."
            ],
            err=True,
        )


def _explain(needs: Needs, roles: WorkerRoles) -> list[str]:
    """Return what stands above the template: what it is for, and the commands that use it."""
    name, count = needs.spec.name, format_count(len(needs.spec.scalers), "scaler")
    more = f" {roles.parameter}=ARN,..." if roles.parameter else ""
    secrets = " ".join(f"{parameter}=ARN" for parameter in name_secrets(needs.spec).values())
    return [
        f"The controller {name} with {count}, by ecsq stack. Print it again for a new queue, family or cluster.",
        "",
        f"  {_say_upload(needs)}",
        f"  aws cloudformation deploy --stack-name {name} --template-file stack.yaml --capabilities CAPABILITY_IAM \\",
        f"    --parameter-overrides Image=REGISTRY/REPOSITORY:TAG Vpc=vpc-... Subnets=subnet-...,subnet-...{more}"
        + (" \\" if secrets else ""),
        *([f"      {secrets}"] if secrets else []),
        "",
        f"Who may write {needs.address} may run any image with the workers' roles.",
    ]


def _say_upload(needs: Needs) -> str:
    source = quote(str(needs.read_from)) if needs.read_from != needs.address else "config.yaml"
    if isinstance(needs.address, Parameter):
        tier = choose_tier(needs.content)
        return (
            f"aws ssm put-parameter --name {needs.address.name} --type String --tier {tier} --overwrite "
            f"--value file://{source}"
        )
    command = f"aws s3 cp {source} {quote(str(replace(needs.address, version=None)))}"
    if needs.address.version is None:
        return command
    return f"{command}   # makes another version: print the stack for that one"
