"""Task definitions: the template as it is now, and derived revisions, found again or registered.

Each fingerprint is to be registered once, by however many controllers and after however many restarts. Nothing but
ECS itself remembers: a revision carries its fingerprint as a tag, and its family is searched for it. Two controllers
that register at the same moment cannot be told apart beforehand; both then use the oldest active revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from controller.aws.answers import read_definition, read_texts
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.aws.unknown import UNKNOWN
from controller.core.copies.copies import template_family
from controller.core.copies.derive import Allowed
from controller.core.copies.fingerprint import read_fingerprint
from controller.core.copies.template import Template
from controller.core.words import as_clause

LOOK_BACK = 200
"""Revisions of a derived family, newest first, among which a fingerprint is looked for.

A bound for the unusual: a search ends at the first revision that is older than the template, and a process describes
each revision once. At 20 requests a second that is half a slot.
"""
PAGE = 100
"""Revisions that ListTaskDefinitions names at a time, at most."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""By how much the moments at which ECS says that it registered two revisions may be in the wrong order."""
TAGS_LATE = timedelta(minutes=5)
"""How long the tags of a revision may take to show, at most: ECS is eventually consistent."""
_UNKNOWN_OUTCOME = frozenset({Fault.UNREACHABLE, Fault.SERVER_ERROR})


@dataclass(frozen=True, slots=True)
class _Revision:
    """The facts by which a search judges a revision. They never change, though its tags may show late."""

    fingerprint: str | None
    """None: it carries none of our tags."""
    registered_at: datetime | None

    def may_be_late(self, now: float) -> bool:
        """Say whether it may be one that another controller has just registered, whose tags do not show yet."""
        young = self.registered_at is not None and now - self.registered_at.timestamp() < TAGS_LATE.total_seconds()
        return self.fingerprint is None and young


class Definitions:
    """The task definitions of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, str] = {}
        """Derived revisions by fingerprint."""
        self._registered: dict[str, str] = {}
        """Those registered here and not looked for since: another controller may have registered the same."""
        self._described: dict[str, _Revision] = {}
        """By ARN, so that each is described once."""
        self._ours: set[str] = set()
        """Derived families in which a revision of the controller was seen."""
        self._asked_since: dict[str, datetime] = {}
        """By template family: when the oldest revision was registered that was asked for."""

    @cached_property
    def registrable(self) -> Allowed:
        """The members that RegisterTaskDefinition takes, by botocore's own model of it."""
        model = self._clients.ecs().meta.service_model.operation_model("RegisterTaskDefinition")
        return _list_members(model.input_shape) or {}

    def read_template(self, definition: str) -> Template:
        """Return the revision that ``definition`` (family, family:revision or ARN) means now.

        Raises AwsError when there is none.
        """
        subject = f'task definition "{definition}"'
        try:
            with self._clients.asking(subject, "task.definition"):
                template = self._describe(definition)
        except AwsError as error:
            if "Unable to describe task definition" not in str(error):
                raise
            message = f"{subject} does not exist in {self._clients.place}, or is not active"
            raise AwsError(Fault.MISSING, message, "task.definition") from error
        if template.definition.get("status") == "INACTIVE":
            raise AwsError(Fault.MISSING, f"{subject} is deregistered: name an active revision", "task.definition")
        self._note_age(template)
        return template

    def find(self, family: str, fingerprint: str) -> str | None:
        """Return the ARN of an active revision of ``family`` that carries the fingerprint; None if there is none.

        Of several it is the oldest, for every controller the same. Raises AwsError when that cannot be told.
        """
        if fingerprint not in self._known:
            with self._asking_of_family(family):
                arn = self._find_oldest(family, fingerprint)
            if arn is None:
                return None
            self._known[fingerprint] = arn
            self._registered.pop(fingerprint, None)
        return self._known[fingerprint]

    def find_foreign(self, family: str) -> str | None:
        """Return the newest active revision of a family if somebody else registers it; None: it is ours, or empty.

        A revision of ours would become its newest, which others run by the family's name. Raises AwsError when
        that cannot be told.
        """
        if family in self._ours:
            return None
        with self._asking_of_family(family):
            listed = self._clients.ecs().list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=1
            )
            newest = next(iter(read_texts(listed["taskDefinitionArns"])), None)
            revision = None if newest is None else self._read_revision(newest)
        if revision is None or revision.may_be_late(self._clients.clock.now()):
            return None
        if revision.fingerprint is None:
            return newest
        self._ours.add(family)
        return None

    def register(self, definition: dict[str, Any], fingerprint: str) -> str:
        """Register a derived revision; return its ARN, or that of an older one which another controller registered.

        A single attempt, for a second one could register twice: when no answer comes, the revision is looked for.
        Raises AwsError when ECS refuses it.
        """
        family = definition["family"]
        try:
            with self._clients.asking(f'registering task definition "{family}"', "task.definition"):
                answer = self._clients.launcher().register_task_definition(**definition)
                registered = Template.from_description(self._read(answer["taskDefinition"]))
        except AwsError as error:
            found = self._look_again(family, fingerprint) if error.fault in _UNKNOWN_OUTCOME else None
            if found is None:
                raise _explain_refusal(error) from error
            return found
        arn = registered.arn
        self._described[arn] = _Revision(fingerprint, _read_registered_at(registered))
        self._registered[fingerprint] = arn
        self._ours.add(family)
        return self._look_again(family, fingerprint) or arn

    def forget(self, arn: str) -> None:
        """Look a derived revision up again next time: a launch with it was refused, so it may be gone."""
        for revisions in (self._known, self._registered):
            # A copy first: other scalers' threads add to these meanwhile.
            for print_ in [print_ for print_, known in revisions.copy().items() if known == arn]:
                revisions.pop(print_, None)

    def _look_again(self, family: str, fingerprint: str) -> str | None:
        """Return the revision to use now; None if it cannot be told. The next search decides for good."""
        with suppress(AwsError), self._asking_of_family(family):
            return self._find_oldest(family, fingerprint)
        return None

    def _asking_of_family(self, family: str) -> AbstractContextManager[object]:
        return self._clients.asking(f'task definition family "{family}"', "task.definition")

    def _find_oldest(self, family: str, fingerprint: str) -> str | None:
        """Return the oldest active revision with the fingerprint, our own counted though the listing may lag."""
        found = {arn for arn, revision in self._list_newest(family) if revision.fingerprint == fingerprint}
        if fingerprint in self._registered:
            found.add(self._registered[fingerprint])
        return min(found, key=_read_revision_number, default=None)

    def _list_newest(self, family: str) -> Iterator[tuple[str, _Revision]]:
        """Yield active revisions, newest first, as far back as one of an asked-for template can be."""
        since = self._asked_since.get(template_family(family))
        pages = self._clients.ecs().get_paginator("list_task_definitions")
        listed = pages.paginate(
            familyPrefix=family,
            status="ACTIVE",
            sort="DESC",
            PaginationConfig={"MaxItems": LOOK_BACK, "PageSize": PAGE},
        )
        for page in listed:
            for arn in read_texts(page["taskDefinitionArns"]):
                revision = self._read_revision(arn)
                if since and revision.registered_at and revision.registered_at < since - CLOCKS_DIFFER:
                    return
                yield arn, revision

    def _read_revision(self, arn: str) -> _Revision:
        """Return the facts of a revision; one whose tags may only be late is described anew each time."""
        if arn in self._described:
            return self._described[arn]
        described = self._describe(arn)
        revision = _Revision(read_fingerprint(described.tags), _read_registered_at(described))
        if not revision.may_be_late(self._clients.clock.now()):
            self._described[arn] = revision
        return revision

    def _note_age(self, template: Template) -> None:
        """Note how far back a search has to go: no derived revision is older than its template."""
        registered_at = _read_registered_at(template)
        if registered_at is not None:
            before = self._asked_since.get(template.family, registered_at)
            self._asked_since[template.family] = min(before, registered_at)

    def _describe(self, definition: str) -> Template:
        answer = self._clients.ecs().describe_task_definition(taskDefinition=definition, include=["TAGS"])
        tags = [{"key": tag["key"], "value": tag["value"]} for tag in answer.get("tags", ())]
        return Template.from_description(
            self._read(answer["taskDefinition"]),
            tags,
            answer.get(UNKNOWN, ()),  # type: ignore[arg-type]
        )

    def _read(self, definition: Any) -> dict[str, Any]:
        return read_definition(definition, self._clients.ecs().meta.service_model.shape_for("TaskDefinition"))


def _explain_refusal(refused: AwsError) -> AwsError:
    """Return the error of a registration; a definition that ECS does not take has a way out that always works."""
    if refused.fault is not Fault.INVALID:
        return refused
    way_out = "set task.max_containers_per_task lower; 1 runs the template as it is"
    return AwsError(refused.fault, f"{as_clause(str(refused))}; {way_out}", "task.max_containers_per_task")


def _read_registered_at(template: Template) -> datetime | None:
    moment: datetime | None = template.definition.get("registeredAt")
    return moment


def _read_revision_number(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _list_members(shape: Shape | None) -> Allowed | None:
    """Return a structure's members, each with its own, through lists; None for anything else."""
    if isinstance(shape, ListShape):
        return _list_members(shape.member)
    if not isinstance(shape, StructureShape):
        return None
    return {name: _list_members(member) for name, member in shape.members.items()}
