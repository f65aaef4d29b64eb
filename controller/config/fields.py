"""The base of the schema's sections, and the types of their values.

A duration, a count, a name, or something of AWS's own that has a format: what a single value may be is said here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from controller.config import formats
from controller.config.durations import PATTERN, parse_duration, parse_seconds, require_between

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class Section(BaseModel):
    """A mapping of the configuration: it takes known keys only, each of its own type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, use_attribute_docstrings=True
    )


_DURATION_TEXT = {"type": "string", "pattern": PATTERN}

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [_DURATION_TEXT, {"type": "integer", "minimum": 0}]}),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _DURATION_TEXT]}),
]
PollInterval = Annotated[Duration, AfterValidator(require_between("1s", "1h"))]
ProtocolTime = Annotated[Duration, AfterValidator(require_between("100ms", "10m"))]
TaskDeadline = Annotated[Duration, AfterValidator(require_between("10s", "720h"))]

Name = Annotated[str, Field(pattern=formats.NAME)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]
Subnet = Annotated[str, Field(pattern=formats.SUBNET)]
SecurityGroup = Annotated[str, Field(pattern=formats.SECURITY_GROUP)]
TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(formats.check_tag_text)]
TagValue = Annotated[str, Field(max_length=256), AfterValidator(formats.check_tag_text)]
VariableName = Annotated[str, Field(pattern=formats.VARIABLE)]


def default_to(value: Any) -> Any:
    """Give a field a default in the form that users write, such as ``5s``. It is validated as theirs are."""
    return Field(default=value)


class ShownWithOff:
    """Shows in the JSON Schema that a section may be ``off`` instead.

    Editors that read YAML 1.1 take an unquoted ``off`` for false, so false is shown as well.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the section's schema, or ``off``."""
        return {"anyOf": [handler(schema), {"enum": ["off", False]}]}
