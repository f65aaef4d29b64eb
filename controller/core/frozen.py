"""Frozen records: small immutable dataclasses with slots, as all that the rules speak in are.

A poll of a busy queue builds two dozen of them, and a week that is simulated builds two million. A dataclass that
guards itself at run time against being written to sets each of its members by a call, and takes up to eight times as
long to build. So the type checker alone watches over these, as it does over the types of their members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

__all__ = ["change", "frozen"]

Record = TypeVar("Record")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[Record]) -> type[Record]:
    """Make a class a record: an immutable dataclass with slots, that can be compared and hashed."""
    return dataclass(slots=True, unsafe_hash=True)(kind)


if TYPE_CHECKING:
    from dataclasses import replace as change
else:

    def change(before: Record, /, **members: Any) -> Record:
        """Return a record like another in all but these members. Raises AttributeError for one that it does not have.

        For the copies that every poll makes: ``dataclasses.replace`` comes to the same, and takes twice as long or
        more, since it looks the fields up and checks them anew each time.
        """
        kind = type(before)
        after = kind(*_reader(kind)(before))
        for name, value in members.items():
            setattr(after, name, value)
        return after


@cache
def _reader(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads all members of a record, in the order in which its class takes them."""
    names = [each.name for each in fields(kind)]  # Those of a parent as well, which ``__slots__`` leaves out.
    # Of a single member attrgetter returns it, and not a tuple of it.
    return attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, names[0]),)
