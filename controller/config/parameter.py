"""What Parameter Store takes as a value (PutParameter in the API reference of Systems Manager)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.config.problems import Problem

if TYPE_CHECKING:
    from controller.core.address import Address

STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192

_REFUSED = b"{{"
"""The beginning of a reference to another parameter, which a value must not hold."""


def choose_tier(content: bytes) -> str | None:
    """Return the tier of a parameter that holds the content: ``Standard`` or ``Advanced``; None: none does."""
    if len(content) <= STANDARD_BYTES:
        return "Standard"
    return "Advanced" if len(content) <= ADVANCED_BYTES else None


def find_refused(content: bytes, address: Address) -> Problem | None:
    """Return the first place of what Parameter Store refuses in a value; None: it takes it."""
    before, found, _ = content.partition(_REFUSED)
    if not found:
        return None
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
    message = "Parameter Store refuses a value with {{ in it: write it another way, or keep the configuration in S3"
    return Problem(str(address), line, column, "", message)
