"""The template's revisions, for scalers with a rollout: which are ACTIVE, and of which one a derived one is made."""

from __future__ import annotations

from math import inf

from controller.aws.answers import read_texts
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.core.copies.copies import OUR_TAGS, family_of, split_revision

LOOK_BACK = 100
"""Revisions of a family that are looked at, the newest ones: a page of ListTaskDefinitions."""
SERVES = 2.0
"""Seconds for which a listing serves all scalers of a family: a thousand of one template would else ask a hundred times
a second, of the 20 that an account may, and hold up whoever looks a template up (ECS API throttling)."""


class Revisions:
    """The revisions of one account and region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._templates: dict[str, int] = {}
        """By derived revision, as ``family:revision``: the template's. It never changes, so each is described once."""
        self._listed: dict[str, tuple[float, tuple[int, ...]]] = {}
        """By family: when it was listed, seconds on the clock that never steps, and what was found."""

    def list_active(self, definition: str) -> tuple[int, ...]:
        """Return the ACTIVE revisions of a definition's family, the newest first, as of a moment ago.

        Raises AwsError if there are none.
        """
        family, now = family_of(definition), self._clients.clock.elapsed()
        listed_at, found = self._listed.get(family, (-inf, ()))
        if now - listed_at >= SERVES:
            found = self._list(family)
            self._listed[family] = now, found
        return found

    def _list(self, family: str) -> tuple[int, ...]:
        subject = f'task definition family "{family}"'
        with self._clients.asking(subject, "task.definition"):
            listed = self._clients.ecs().list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=LOOK_BACK
            )
            named = map(split_revision, read_texts(listed["taskDefinitionArns"]))
            found = [revision for name, revision in named if name == family and revision is not None]
        if not found:
            told = f"{subject} has no active revision in {self._clients.region}"
            raise AwsError(Fault.MISSING, told, "task.definition")
        return tuple(sorted(found, reverse=True))

    def find_template(self, derived: str) -> int | None:
        """Return the template's revision of a derived one, ``family:revision``, by its tag; None: it has none yet.

        Raises AwsError when it cannot be described.
        """
        if derived not in self._templates:
            with self._clients.asking(f'task definition "{derived}"', "task.definition"):
                answer = self._clients.ecs().describe_task_definition(taskDefinition=derived, include=["TAGS"])
                tags = {tag["key"]: tag["value"] for tag in answer.get("tags", ())}
            _, revision = split_revision(tags.get(OUR_TAGS[1], ""))
            if revision is None:
                return None
            self._templates[derived] = revision
        return self._templates[derived]
