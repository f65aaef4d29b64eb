"""What a single value may be: durations, counts, names, and what of AWS is given by its own format."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from controller.config import formats
from controller.config.durations import PATTERN, between, parse_duration, parse_seconds

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
PollInterval = Annotated[Duration, AfterValidator(between("1s", "1h"))]
ProtocolTime = Annotated[Duration, AfterValidator(between("100ms", "10m"))]

Name = Annotated[str, Field(pattern=formats.NAME)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]
Subnet = Annotated[str, Field(pattern=formats.SUBNET)]
SecurityGroup = Annotated[str, Field(pattern=formats.SECURITY_GROUP)]
TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(formats.tag_text)]
TagValue = Annotated[str, Field(max_length=256), AfterValidator(formats.tag_text)]
VariableName = Annotated[str, Field(pattern=formats.VARIABLE)]


def written(text: str) -> Any:
    """Return a default in the form that users write; it is validated as what they write is."""
    return Field(default=text)
