"""Task definitions: the template as it is now, and derived revisions, found again or registered."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from controller.aws.errors import AWS_ERRORS, AwsError, Fault, translate
from controller.aws.session import Clients
from controller.core.derive import Allowed
from controller.core.fingerprint import fingerprint_of
from controller.core.template import Template

LOOK_BACK = 10
"""Revisions of a derived family, newest first, among which a fingerprint is looked for."""


class Definitions:
    """The task definitions of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, str] = {}
        """Derived revisions by fingerprint."""

    @cached_property
    def registrable(self) -> Allowed:
        """The members that RegisterTaskDefinition takes, by botocore's own model of it."""
        model = self._clients.ecs().meta.service_model.operation_model("RegisterTaskDefinition")
        return _members(model.input_shape) or {}

    def template(self, definition: str) -> Template:
        """Return the revision that ``definition`` (family, family:revision or ARN) means now.

        Raises AwsError when there is none.
        """
        subject = f'task definition "{definition}"'
        try:
            template = self._describe(definition)
        except ClientError as error:
            if "Unable to describe task definition" in str(error):
                message = f"{subject} does not exist in {self._clients.region}, or is not active"
                raise AwsError(Fault.MISSING, message, "task.definition") from error
            raise translate(error, subject, "task.definition") from error
        except AWS_ERRORS as error:
            raise translate(error, subject, "task.definition") from error
        if template.definition.get("status") == "INACTIVE":
            raise AwsError(Fault.MISSING, f"{subject} is deregistered: name an active revision", "task.definition")
        return template

    def find(self, family: str, fingerprint: str) -> str | None:
        """Return the ARN of an active revision of ``family`` that carries the fingerprint; None if there is none.

        Raises AwsError when that cannot be told.
        """
        if fingerprint not in self._known:
            try:
                arn = self._search(family, fingerprint)
            except AWS_ERRORS as error:
                raise translate(error, f'task definition family "{family}"', "task.definition") from error
            if arn is None:
                return None
            self._known[fingerprint] = arn
        return self._known[fingerprint]

    def register(self, definition: dict[str, Any], fingerprint: str) -> str:
        """Register a derived revision and return its ARN. Raises AwsError when ECS refuses it."""
        try:
            answer = self._clients.ecs().register_task_definition(**definition)
        except AWS_ERRORS as error:
            raise translate(
                error, f'registering task definition "{definition["family"]}"', "task.definition"
            ) from error
        arn = answer["taskDefinition"]["taskDefinitionArn"]
        self._known[fingerprint] = arn
        return arn

    def forget(self, arn: str) -> None:
        """Look a derived revision up again next time: a launch with it was refused, so it may be gone."""
        self._known = {print_: known for print_, known in self._known.items() if known != arn}

    def _search(self, family: str, fingerprint: str) -> str | None:
        newest = self._clients.ecs().list_task_definitions(
            familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=LOOK_BACK
        )
        for arn in newest["taskDefinitionArns"]:
            if fingerprint_of(self._describe(arn).tags) == fingerprint:
                return arn
        return None

    def _describe(self, definition: str) -> Template:
        answer = self._clients.ecs().describe_task_definition(taskDefinition=definition, include=["TAGS"])
        tags = [{"key": tag["key"], "value": tag["value"]} for tag in answer.get("tags", ())]
        return Template.described(answer["taskDefinition"], tags)


def _members(shape: Shape | None) -> Allowed | None:
    """Return a structure's members, each with its own, through lists; None for anything else."""
    if isinstance(shape, ListShape):
        return _members(shape.member)
    if not isinstance(shape, StructureShape):
        return None
    return {name: _members(member) for name, member in shape.members.items()}
