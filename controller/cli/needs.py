"""What ``ecsq stack`` and ``ecsq iam`` have in common: a configuration, and what it needs on AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

import click

from controller.aws.accesses import AllClients
from controller.aws.definitions import Definitions
from controller.aws.errors import AwsError
from controller.aws.queue import Queue
from controller.aws.revisions import Revisions
from controller.aws.traits import TraitsKnown
from controller.cli.configuration import load_content_or_exit, read_or_exit
from controller.cli.options import AddressType
from controller.cli.output import say
from controller.clock import machine_clock
from controller.config import OWN, AccessSpec, ControllerSpec
from controller.config.parameter import ADVANCED_BYTES, choose_tier, find_refused
from controller.config.stack import Account
from controller.core.address import Address, Parameter, Remote, StoredObject
from controller.core.copies.template import Template
from controller.scaling.search import search_with

Command = TypeVar("Command", bound=Callable[..., object])

at_option = click.option(
    "--at",
    type=AddressType(),
    metavar="ssm:/NAME|s3://BUCKET/KEY",
    help="Where the service will find the configuration.  [default: where it is now; for a file "
    "ssm:/NAME/config, after the controller's name]",
)
policies_option = click.option(
    "--policies",
    type=click.IntRange(1, 25),
    default=10,
    show_default=True,
    help="How many managed policies a role may have, which is a quota of your account.",
)

_UNFIT = ("*", "?", "$", "{{")
"""Signs that mean something else in a policy, or in a template."""


@dataclass(frozen=True, slots=True)
class Needs:
    """A configuration, and where it is."""

    spec: ControllerSpec
    content: bytes
    read_from: Address
    address: Remote
    """Where the service finds it."""


def read_needs(config: Address, at: Address | None) -> Needs:
    """Read a configuration, and choose where the service finds it. Ends with a message if that cannot be."""
    content = read_or_exit(config)
    spec = load_content_or_exit(content, config).spec
    address = _choose_address(config, at, spec.name)
    _check_fit(content, config, address)
    return Needs(spec, content, config, address)


def read_templates(spec: ControllerSpec) -> list[Template]:
    """Look up every template of the controller's own account, with the user's own rights; those of roles are not.

    Of a scaler with a rollout also the revision before the newest: whichever is trusted, its roles are passed on.
    """
    clients = _connect(spec)
    own = [each for each in spec.scalers if each.task_access.role_arn is None]
    names = dict.fromkeys((each.task_access, each.task.definition) for each in own)
    rolled_out = dict.fromkeys(
        (each.task_access, each.task.definition) for each in own if each.policy.rollout is not None
    )
    try:
        before = [
            (access, f"{name}:{each}")
            for access, name in rolled_out
            for each in Revisions(clients.of(access)).list_active(name)[1:2]
        ]
        return [Definitions(clients.of(access)).read_template(name) for access, name in (*names, *before)]
    except AwsError as error:
        raise click.ClickException(
            f"the roles of the task definitions could not be looked up: {error}; with --offline you name them yourself"
        ) from error


def find_home(spec: ControllerSpec, templates: list[Template]) -> Account | None:
    """Return the controller's own account and region; None: there is no template of this account to tell it.

    A template's own region may be that of a scaler which works in another one.
    """
    if not templates:
        return None
    return Account.of_arn(templates[0].arn).in_region(_connect(spec).own.region)


def find_dead_letter_queues(spec: ControllerSpec) -> tuple[str, ...]:
    """Look up the ARNs of the dead-letter queues of the account's own queues, each once, with the user's own rights.

    A queue that cannot be read costs no more than the count of its dead letters, so it is told on standard error.
    """
    clients = _connect(spec)
    traits: dict[AccessSpec, TraitsKnown] = {OWN: TraitsKnown(clients.own.clock)}
    running, unfound = search_with(clients.own, traits[OWN]).run(spec)
    say([f"warning: the policy leaves out dead-letter queues: {why}" for why in unfound.values()], err=True)
    found = dict[str, None]()
    own = [each for each in running.scalers if each.queue_access.role_arn is None]
    for access, name in dict.fromkeys((each.queue_access, queue) for each in own for queue in each.queues):
        known = traits.setdefault(access, TraitsKnown(clients.own.clock))
        try:
            Queue(clients.of(access), name, known).read_counts()
        except AwsError as error:
            say([f"warning: the policy leaves out a dead-letter queue, if there is one: {error}"], err=True)
        told = known.find(name)
        if told is not None and told.dead_letter_queue:
            found[told.dead_letter_queue] = None
    return tuple(found)


def list_roles(templates: list[Template]) -> tuple[str, ...]:
    """Return the roles of the templates as they name them, each once."""
    keys = ("taskRoleArn", "executionRoleArn")
    named = (each.definition.get(key) for each in templates for key in keys)
    return tuple(dict.fromkeys(role for role in named if role))


def _connect(spec: ControllerSpec) -> AllClients:
    return AllClients(spec.aws, spec.name, lambda *_: None, machine_clock(Event()))


def _choose_address(config: Address, at: Address | None, name: str) -> Remote:
    chosen = at or (Parameter(f"/{name}/config") if isinstance(config, Path) else config)
    if isinstance(chosen, Path):
        raise click.UsageError(
            f"--at names a file, {chosen}, which a service cannot reach: write ssm:/NAME or s3://BUCKET/KEY"
        )
    if isinstance(chosen, StoredObject) and any(sign in chosen.key for sign in _UNFIT):
        raise click.ClickException(f"{chosen}: no policy can name a key with one of {' '.join(_UNFIT)}: rename it")
    return chosen


def _check_fit(content: bytes, config: Address, address: Remote) -> None:
    if not isinstance(address, Parameter):
        return
    if choose_tier(content) is None:
        raise click.ClickException(
            f"{config} has {len(content):,} bytes, and a parameter holds {ADVANCED_BYTES:,} at most: keep it in S3, "
            "with --at s3://BUCKET/KEY"
        )
    if refused := find_refused(content, config):
        raise click.ClickException(str(refused))
