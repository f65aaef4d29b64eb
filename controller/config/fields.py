"""The base of the schema's sections, and the types of their values.

A duration, a count, a name, or something of AWS's own that has a format: what a single value may be is said here.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from controller.config import formats
from controller.config.durations import PATTERN, parse_duration, parse_seconds, require_between
from controller.config.wording import find_nearest, quote, suggest

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

MAX_PROVIDERS = 20
BY_CLUSTER = "default"
"""For ``capacity``: the cluster's own default strategy."""
CAPACITY_WORDS = (BY_CLUSTER, "EXTERNAL")
FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
_LAUNCH_TYPES = {"EC2": "launch_type: EC2", "EXTERNAL": "capacity: EXTERNAL"}


class Section(BaseModel):
    """A mapping of the configuration: it takes known keys only, each of its own type.

    What checks it is built when it is first needed, so that a section is not built again for each one around it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the section's schema, in which the docstring under each key describes it."""
        shown = handler.resolve_ref_schema(handler(schema))
        for name, text in _read_docstrings(cls).items():
            # The field has another name than its key where that is a word of Python's own, as ``for``.
            key = cls.model_fields[name].alias or name
            shown["properties"][key]["description"] = text
        return shown


def _read_docstrings(section: type[Section]) -> dict[str, str]:
    """Return the docstrings under the fields of a section, by their names.

    Pydantic reads them too if it is told to, but for every command: it takes as long as to build all sections.
    """
    (found,) = ast.parse(dedent(inspect.getsource(section))).body
    return {
        key.target.id: inspect.cleandoc(text.value.value)
        for key, text in pairwise(found.body if isinstance(found, ast.ClassDef) else ())
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


_DURATION_TEXT = {"type": "string", "pattern": PATTERN}
_SECONDS_FORMS: tuple[JsonSchemaValue, ...] = ({"type": "number", "exclusiveMinimum": 0}, _DURATION_TEXT)

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [_DURATION_TEXT, {"type": "integer", "minimum": 0}]}),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    WithJsonSchema({"anyOf": list(_SECONDS_FORMS)}),
]
PollInterval = Annotated[Duration, AfterValidator(require_between("1s", "1h"))]
ProtocolTime = Annotated[Duration, AfterValidator(require_between("100ms", "10m"))]
PromiseTime = Annotated[Duration, AfterValidator(require_between("1s", "168h"))]
TaskDeadline = Annotated[Duration, AfterValidator(require_between("10s", "720h"))]

Name = Annotated[str, Field(pattern=formats.NAME)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]
Subnet = Annotated[str, Field(pattern=formats.SUBNET)]
SecurityGroup = Annotated[str, Field(pattern=formats.SECURITY_GROUP)]
TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(formats.check_tag_text)]
TagValue = Annotated[str, Field(max_length=256), AfterValidator(formats.check_tag_text)]
VariableName = Annotated[str, Field(pattern=formats.VARIABLE)]


def check_provider(name: str) -> str:
    """Pass the name of a capacity provider on. Raises ValueError for one that there cannot be, or that is none.

    AWS keeps names that begin with fargate, in any case, for its own two (ECS API reference, CreateCapacityProvider).
    """
    if name.lower().startswith("fargate") and name not in FARGATE_PROVIDERS:
        raise ValueError(f"names {quote(name)}, which AWS does not have: {suggest(name, FARGATE_PROVIDERS)}")
    if name in _LAUNCH_TYPES:
        raise ValueError(f"names {name}, which is no capacity provider: it stands alone, as {_LAUNCH_TYPES[name]}")
    return name


def parse_capacity(value: object) -> str | tuple[str, ...]:
    """Return the capacity providers in order, or one of the words. Raises ValueError, which says what it may be."""
    if isinstance(value, str) and value in CAPACITY_WORDS:
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        words = " or ".join(CAPACITY_WORDS)
        hint = _guess_capacity(value) if isinstance(value, str) else ""
        raise ValueError(f"must be a list of capacity providers, the first choice first, or {words}{hint}")
    if not 1 <= len(value) <= MAX_PROVIDERS:
        raise ValueError(f"must name 1 to {MAX_PROVIDERS} capacity providers, not {len(value)}")
    for each in value:
        if not re.fullmatch(formats.PROVIDER, each):
            raise ValueError(f"{formats.WORDS[formats.PROVIDER]}; this is {quote(each)}")
        check_provider(each)
        if value.count(each) > 1:
            raise ValueError(f"must name each capacity provider once: {quote(each)} is there {value.count(each)} times")
    return tuple(value)


def _guess_capacity(text: str) -> str:
    """Say what somebody may have meant who wrote neither a list nor one of the words."""
    if text in FARGATE_PROVIDERS:
        return f": write [{text}]"
    meant = find_nearest(text, frozenset(CAPACITY_WORDS))
    return "" if meant is None else f": did you mean {meant}?"


_PROVIDER_NAMES = {"type": "array", "items": {"type": "string", "pattern": formats.PROVIDER}}
Capacity = Annotated[
    str | tuple[str, ...],
    BeforeValidator(parse_capacity),
    WithJsonSchema(
        {
            "anyOf": [
                {**_PROVIDER_NAMES, "minItems": 1, "maxItems": MAX_PROVIDERS, "uniqueItems": True},
                {"enum": list(CAPACITY_WORDS)},
            ]
        }
    ),
]


def default_to(value: Any) -> Any:
    """Give a field a default in the form that users write, such as ``5s``. It is validated as theirs are."""
    return Field(default=value)


@dataclass(frozen=True, eq=False)  # Compared by identity: what it shows cannot be hashed.
class ShownOr:
    """Shows in the JSON Schema what may stand in the place of a section."""

    others: tuple[JsonSchemaValue, ...]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the section's schema, or one of the others."""
        return {"anyOf": [handler(schema), *self.others]}


OFF = ShownOr(({"enum": ["off", False]},))
"""``off``. Editors that read YAML 1.1 take an unquoted ``off`` for false, so false is shown as well."""
SECONDS = ShownOr(_SECONDS_FORMS)
"""Seconds, fractions allowed, or a duration."""
