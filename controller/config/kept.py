"""A configuration where it is kept: what can be asked of the place, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from controller.config.problems import ConfigError, Problem
from controller.config.source import read_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from controller.core.address import Address

    RequestObserver = Callable[[str, str, str, float], None]


WATCH_EVERY = 1.0
"""Seconds between two looks at a file that is watched."""


class CannotReadError(ConfigError):
    """A configuration could not be had from where it is kept, which says nothing of what it holds."""

    def __init__(self, address: Address, message: str) -> None:
        super().__init__([Problem(str(address), 1, 1, "", f"cannot be read: {message}")])


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier version of a configuration."""

    version: str
    """As AWS names it."""
    content: bytes


class Kept(Protocol):
    """A place that keeps a configuration."""

    @property
    def address(self) -> Address:
        """Where it is."""

    @property
    def watch_every(self) -> float:
        """Seconds from one look to the next with ``--watch``."""

    @property
    def is_remote(self) -> bool:
        """Whether AWS keeps it: then a new content is there whole and at once, and may be out of reach for a while."""

    def read(self) -> bytes:
        """Return the content, of which no more is read than a configuration may have.

        Raises ConfigError, and CannotReadError where another attempt may succeed. Waits for as long as the place
        lets it wait.
        """

    def read_earlier(self) -> Iterator[Earlier]:
        """Yield the versions before the current one, newest first. Raises CannotReadError."""

    def renew(self) -> None:
        """Read credentials anew for the next look."""

    def report_to(self, observe: RequestObserver) -> None:
        """Call ``observe`` for every request to AWS from now on."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file, of which there is no earlier version."""

    address: Path
    watch_every: float = field(default_factory=lambda: WATCH_EVERY)
    is_remote: bool = False

    def read(self) -> bytes:
        """Return what the file or pipe holds. Raises ConfigError."""
        return read_content(self.address)

    def read_earlier(self) -> Iterator[Earlier]:
        """Yield nothing."""
        yield from ()

    def renew(self) -> None:
        """Do nothing: a file needs no credentials."""

    def report_to(self, observe: RequestObserver) -> None:
        """Do nothing: no request is made."""
