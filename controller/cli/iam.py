"""``ecsq iam``: the controller's policy alone, for exactly this configuration."""

from __future__ import annotations

import re

import click

from controller.cli.needs import (
    at_option,
    find_dead_letter_queues,
    find_home,
    list_roles,
    policies_option,
    read_needs,
    read_templates,
)
from controller.cli.options import config_option
from controller.cli.output import say, say_json
from controller.cli.role import Given, describe_role
from controller.config import ControllerSpec, formats
from controller.config.regions import partition_of
from controller.config.stack import (
    Account,
    StackError,
    WorkerRoles,
    list_assumed_roles,
    list_rights,
    pack,
    render_policy,
)
from controller.core.address import Address


class Matching(click.ParamType[str]):
    """A text in one of the configuration's forms; any other would make a policy that allows nothing, or too much."""

    name = "text"

    def __init__(self, form: str) -> None:
        self._form = form

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; a usage error says what it must be."""
        if not re.fullmatch(self._form, str(value)):
            self.fail(f"{value!r} {formats.WORDS[self._form]}", param, ctx)
        return str(value)


@click.command("iam")
@config_option
@at_option
@click.option(
    "--offline", is_flag=True, help="Do not ask AWS: use the account, the region and the roles that you name."
)
@click.option(
    "--account", type=Matching(formats.ACCOUNT), metavar="ID", help="With --offline: the account's id, twelve digits."
)
@click.option(
    "--region",
    type=Matching(formats.REGION),
    metavar="REGION",
    help="With --offline: the region.  [default: aws.region of the configuration]",
)
@click.option(
    "--role",
    "roles",
    type=Matching(formats.ROLE),
    multiple=True,
    metavar="ARN",
    help="With --offline: a role of the workers; may be repeated.",
)
@click.option(
    "--dead-letter-queue",
    "dead_letter_queues",
    type=Matching(formats.QUEUE),
    multiple=True,
    metavar="ARN",
    help="With --offline: a dead-letter queue; may be repeated.",
)
@click.option(
    "--shared-in",
    type=Matching(formats.CLUSTER),
    metavar="CLUSTER",
    help="For controllers that share the scalers: the cluster of their service, where they look for each other.",
)
@click.option(
    "--assumed",
    type=str,
    metavar="ARN",
    help="Instead: the policies of a role in another account, which scalers name; asks AWS nothing. --role and "
    "--dead-letter-queue are then of that account.",
)
@click.option(
    "--task-role",
    type=Matching(formats.ROLE),
    metavar="ARN",
    help="With --assumed: who may assume it, the controller's task role.  [default: anybody in --account]",
)
@policies_option
def command(  # noqa: PLR0913 - one for each option
    config: Address,
    at: Address | None,
    account: str | None,
    region: str | None,
    roles: tuple[str, ...],
    dead_letter_queues: tuple[str, ...],
    shared_in: str | None,
    *,
    assumed: str | None,
    task_role: str | None,
    offline: bool,
    policies: int,
) -> None:
    """Print the controller's policy as JSON, for those who bring their own tooling.

    It is one policy document, or a list of them where one would exceed IAM's 6,144 characters; attach each as a managed
    policy. Account, region, the workers' roles and the dead-letter queues are looked up with your rights; nothing is
    written. With --assumed it is what a role in another account needs: its trust policy, and its policies.
    """
    needs = read_needs(config, at)
    given = Given(account, region, roles, dead_letter_queues, task_role, policies)
    if assumed is not None:
        say_json(describe_role(needs.spec, config, assumed, given))
        return
    if task_role is not None:
        raise click.UsageError("--task-role goes with --assumed")
    place, named, dead_letters = _find_place(needs.spec, config, given, offline=offline)
    try:
        workers = WorkerRoles(tuple(map(place.role, named)))
        rights = list_rights(needs.spec, place, workers, needs.address, shared_in, dead_letters)
        documents = [render_policy(each) for each in pack(rights, policies, place)]
    except StackError as error:
        raise click.ClickException(f"{config}: {error}") from error
    say_json(documents[0] if len(documents) == 1 else documents)
    others = list_assumed_roles(needs.spec)
    say((f"note: {each} needs policies of its own: add --assumed {each}" for each in others), err=True)


def _find_place(
    spec: ControllerSpec, config: Address, given: Given, *, offline: bool
) -> tuple[Account, tuple[str, ...], tuple[str, ...]]:
    """Return the controller's account, the workers' roles and the dead-letter queues, as given or looked up."""
    if offline:
        return _name_account(spec, given.account, given.region), given.roles, given.dead_letter_queues
    if given.account or given.region or given.roles or given.dead_letter_queues:
        raise click.UsageError(
            "--account, --region, --role and --dead-letter-queue need --offline: without it they are looked up"
        )
    templates = read_templates(spec)
    home = find_home(spec, templates)
    if home is None:
        raise click.ClickException(
            f"{config}: every task definition is in another account, so the controller's own is not known: name it "
            "with --offline, --account and --region"
        )
    return home, list_roles(templates), find_dead_letter_queues(spec)


def _name_account(spec: ControllerSpec, account: str | None, region: str | None) -> Account:
    region = region or spec.aws.region
    if account is None or region is None:
        raise click.UsageError("--offline needs --account, and --region where the configuration has no aws.region")
    return Account(partition_of(region) or "aws", region, account)
