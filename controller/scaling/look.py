"""Looks at a cluster: what somebody wants to know of it, for whoever takes looks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from controller.aws.errors import AwsError


class LookedAt(Protocol):
    """A cluster that is looked at; ``controller.scaling.fleet.Cluster`` is one."""

    place: Hashable
    """The account and region that it is in."""

    listing_took: float
    """Seconds that its last listing took; 0: none was taken."""

    def list_anew(self, began_after: float, is_needed: Callable[[], bool]) -> None:
        """Take a listing, unless there is one by now that began at ``began_after`` or later."""

    def recall(self, families: Iterable[str], note_answer: Callable[[], object]) -> None:
        """Read how tasks of these families ended; ``note_answer`` is called after each answer."""

    def note_late(self, error: AwsError | None) -> None:
        """Take in that a look does not end; None: it has ended."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a cluster, for all who need to know what it shows."""

    cluster: LookedAt
    began_after: float | None = None
    """A listing that begins at this moment or later; None: how tasks of these families have ended."""
    families: tuple[str, ...] = ()
    until: float | None = None
    """When it is of no use any more, since the launch window that it is for has closed; None: it is for none."""
    is_wanted: Callable[[], bool] = field(default=lambda: True, compare=False)
    """Says whether whoever waits for it still does."""

    def take(self, is_needed: Callable[[], bool] = lambda: True) -> None:
        """Take it, now and here. The cluster then knows what came of it, be it a failure.

        ``is_needed`` is asked after each answer. Raises SupersededError once a listing is needed no more.
        """
        if self.began_after is None:
            self.cluster.recall(self.families, is_needed)
        else:
            self.cluster.list_anew(self.began_after, is_needed)


class LookWanted(Exception):  # noqa: N818 - nothing is wrong
    """What is asked for is not known yet. Whoever asks comes back after the look."""

    def __init__(self, look: Look) -> None:
        super().__init__("the cluster has to be looked at first")
        self.look = look
