"""The kinds of failure: what went wrong, by who or what can mend it."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """The kinds of failure, a closed set: a label of the metrics."""

    MISSING = "missing"
    ACCESS_DENIED = "access_denied"
    INVALID = "invalid"
    CANNOT_COPY = "cannot_copy"
    CAPACITY = "capacity"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    CONFLICT = "conflict"
    IN_DOUBT = "in_doubt"
    WINDOW_CLOSED = "window_closed"


FOR_A_PERSON = frozenset({Fault.MISSING, Fault.ACCESS_DENIED, Fault.INVALID, Fault.CANNOT_COPY})
"""The kinds that last until a person mends them. They are tried again slowly."""
