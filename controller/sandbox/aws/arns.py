"""The ARNs of ECS, and lists of names in pages."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.wire import Json, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ACCOUNT_ID = "123456789012"
"""The account to which everything in moto belongs."""
PAGE = 100
"""The most names on one page of ListTasks and ListTaskDefinitions."""


@dataclass(frozen=True, slots=True)
class Arns:
    """ARNs of one account and region."""

    region: str
    account_id: str = ACCOUNT_ID

    def cluster(self, name: str) -> str:
        """Return the ARN of a cluster."""
        return self._arn(f"cluster/{name}")

    def task(self, cluster: str, task_id: str) -> str:
        """Return the ARN of a task, in the long form."""
        return self._arn(f"task/{cluster}/{task_id}")

    def container(self, cluster: str, task_id: str, container_id: str) -> str:
        """Return the ARN of a container of a task."""
        return self._arn(f"container/{cluster}/{task_id}/{container_id}")

    def definition(self, family: str, revision: int) -> str:
        """Return the ARN of one revision of a task definition."""
        return self._arn(f"task-definition/{family}:{revision}")

    def parse_name(self, kind: str, name_or_arn: str) -> str | None:
        """Return the part after ``kind/`` of an ARN in this account and region, and a plain name unchanged.

        None for the ARN of another account, region or kind.
        """
        if not name_or_arn.startswith("arn:"):
            return name_or_arn
        prefix = self._arn(f"{kind}/")
        return name_or_arn.removeprefix(prefix) if name_or_arn.startswith(prefix) else None

    def of(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of any service that has regions."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def _arn(self, resource: str) -> str:
        return self.of("ecs", resource)


def list_page(
    member: str,
    names: Iterable[str],
    parameters: Json,
    *,
    order: Callable[[str], Any] = str,
    descending: bool = False,
) -> Json:
    """Return the answer of a List operation: one page of names in ``member``, and ``nextToken`` if more follow.

    ``parameters`` are the caller's, with maxResults and nextToken. The token holds the last name of the page, not an
    offset, so names that come and go do not shift the pages after it. Raises ``InvalidParameterException``.
    """
    limit = parameters.get("maxResults", PAGE)
    if not 1 <= limit <= PAGE:
        raise invalid_parameter(f"maxResults must be between 1 and {PAGE}, not {limit}.")
    ordered = sorted(names, key=order, reverse=descending)
    if token := parameters.get("nextToken"):
        last = order(_decode_token(token))
        ordered = [name for name in ordered if (order(name) < last if descending else order(name) > last)]
    taken = ordered[:limit]
    return {member: taken} | ({"nextToken": _encode_token(taken[-1])} if len(ordered) > limit else {})


def _encode_token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_parameter(f"Invalid nextToken: {token}") from None
