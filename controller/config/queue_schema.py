"""What a scaler's ``queues`` may be: a list, or how they are looked for. schema.py has all other keys.

The docstring under a field is its description in the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from controller.config import formats
from controller.config.fields import Section, ShownOr, TagKey, TagValue
from controller.config.wording import describe

MAX_SUMMED = 100
"""Queues of one scaler; each costs a request a poll."""
MAX_FOUND = 1000
"""Queues that ``each`` may find, and so scalers that one block may become."""
MAX_QUEUE_TAGS = 50
"""Tags by which queues are looked for (GetResources, API reference of the Resource Groups Tagging API)."""

Queue = Annotated[str, Field(pattern=formats.QUEUE)]
_LIST = TypeAdapter(Annotated[list[Queue], Field(min_length=1, max_length=MAX_SUMMED)], config=ConfigDict(strict=True))


class Queues(Section):
    """Queues that are looked for every minute, by the beginning of their names or by their tags: one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["prefix"]}, {"required": ["tags"]}]})

    prefix: Annotated[str, Field(pattern=formats.QUEUE_PREFIX)] | None = None
    """All queues of the account and region whose names begin so."""
    tags: Annotated[dict[TagKey, TagValue], Field(min_length=1, max_length=MAX_QUEUE_TAGS)] | None = None
    """All queues of the account and region that have all these tags."""
    each: bool = False
    """true: a scaler for each queue, which has the other keys of this one; false: one scaler, which adds them up."""


class ListedQueues(Queues):
    """A list in the place of the section."""

    names: tuple[str, ...]


def read_queues(value: Any) -> Any:
    """Return what a list stands for, and pass a section on.

    Raises ValueError for what is neither, and pydantic's own error with the places of what is wrong in a list.
    """
    if isinstance(value, list):
        return ListedQueues.model_construct(names=tuple(_LIST.validate_python(value)))
    if value is None or isinstance(value, dict | Queues):
        return value
    raise ValueError(f"must be a list of queues, or a mapping with prefix or tags, not {describe(value)}")


QUEUES = ShownOr(({**_LIST.json_schema(), "uniqueItems": True},))
"""A list of queues."""
