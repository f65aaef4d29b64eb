"""Where a configuration is: a file, a parameter of Systems Manager's Parameter Store, or an object in S3."""

from __future__ import annotations

import re
from pathlib import Path

from controller.core.frozen import frozen

PARAMETER_SCHEME = "ssm:"
OBJECT_SCHEME = "s3://"

_PARAMETER = re.compile(r"(?:/[A-Za-z0-9_.-]+)+|[A-Za-z0-9_.-]+")
_MAX_PARAMETER = 1011
"""Characters of a parameter's name (PutParameter in the API reference of Systems Manager)."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_KEY = 1024
"""Bytes of an object's key (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
_VERSION = "versionId"


@frozen
class Parameter:
    """A parameter; written ``ssm:NAME``."""

    name: str
    """With its slashes: ``/ecsq/config``."""

    def __str__(self) -> str:
        return f"{PARAMETER_SCHEME}{self.name}"


@frozen
class StoredObject:
    """An object in S3; written ``s3://BUCKET/KEY``, with ``?versionId=ID`` for one of its versions."""

    bucket: str
    key: str
    version: str | None = None
    """None: whichever is current."""

    def __str__(self) -> str:
        version = "" if self.version is None else f"?{_VERSION}={self.version}"
        return f"{OBJECT_SCHEME}{self.bucket}/{self.key}{version}"


Remote = Parameter | StoredObject
"""What has to be fetched from AWS."""
Address = Path | Remote
"""Each is written in messages as its ``str``."""


def parse_address(text: str) -> Address:
    """Return the address that a user has written. Raises ValueError, which says how it is written."""
    if text.startswith(PARAMETER_SCHEME):
        return _parse_parameter(text.removeprefix(PARAMETER_SCHEME), text)
    if text.startswith(OBJECT_SCHEME):
        return _parse_object(text.removeprefix(OBJECT_SCHEME), text)
    return Path(text)


def _parse_parameter(name: str, text: str) -> Parameter:
    if not _PARAMETER.fullmatch(name) or len(name) > _MAX_PARAMETER:
        raise ValueError(
            f"{text!r} names no parameter: write it as {PARAMETER_SCHEME}/PATH/OF/PARAMETER, of letters, digits, "
            "'.', '-' and '_'"
        )
    return Parameter(name)


def _parse_object(rest: str, text: str) -> StoredObject:
    place, _, query = rest.partition("?")
    bucket, _, key = place.partition("/")
    # As S3 gives it, and as it is written back: it is opaque, and a "+" or "%" in it stands for itself.
    name, _, version = query.partition("=")
    is_key = key and len(key.encode()) <= _MAX_KEY
    is_version = name == _VERSION and version and "&" not in version
    if not _BUCKET.fullmatch(bucket) or not is_key or ("?" in rest and not is_version):
        raise ValueError(
            f"{text!r} names no object: write it as {OBJECT_SCHEME}BUCKET/KEY, or {OBJECT_SCHEME}BUCKET/KEY?"
            f"{_VERSION}=ID for one of its versions"
        )
    return StoredObject(bucket, key, version or None)
