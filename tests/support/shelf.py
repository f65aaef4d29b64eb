"""A place in AWS that keeps a configuration, without AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from controller.config.kept import CannotReadError, Earlier
from controller.core.address import Address, Parameter


@dataclass
class Shelf:
    """A place that keeps versions of a configuration in memory, newest first, and may be out of reach."""

    versions: list[str]
    address: Address = field(default_factory=lambda: Parameter("/shelf"))
    watch_every: float = 30.0
    is_remote: bool = True
    is_out_of_reach: bool = False
    keeps_history_back: bool = False
    """Whether only the newest version can be read."""
    looks: int = 0
    """How often it was asked for the newest version."""

    def read(self) -> bytes:
        """Return the newest version."""
        self.looks += 1
        if self.is_out_of_reach:
            raise CannotReadError(self.address, "nobody answers")
        return self.versions[0].encode()

    def read_earlier(self) -> Iterator[Earlier]:
        """Yield the others."""
        if self.keeps_history_back:
            raise CannotReadError(self.address, "they are not yours to read")
        yield from (Earlier(str(number), text.encode()) for number, text in enumerate(self.versions) if number)

    def renew(self) -> None:
        """Need no credentials."""

    def report_to(self, observe: Callable[[str, str, str, float], None]) -> None:
        """Make no request."""
