"""Sharding: which of several controllers a scaler belongs to, by a rule that each of them computes alone.

A scaler belongs to the controller with the highest hash of both names (rendezvous hashing). So one that leaves hands on
only its own scalers, to all the others alike, and one that comes takes only what is its own from then on.

Two controllers that know of different peers may both hold a scaler, or neither may, until they have looked again. Both
is harmless: slots and tokens keep a launch single.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from controller.core.frozen import frozen

AUTO = "auto"
"""Peers are looked up."""
MOST_SHARES = 100
"""Controllers that can be numbered; each takes time to be weighed for every scaler."""
_NUMBERED = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@frozen
class Peers:
    """The live controllers that share the work, as one of them knows them."""

    own: str
    """The name of that one."""
    live: tuple[str, ...]
    """The names of all that live, in an order that is the same for each; ``own`` is among them if it lives."""

    @property
    def index(self) -> int | None:
        """Its number among the live ones, from 1; None: it is not one of them, and owns nothing."""
        return self.live.index(self.own) + 1 if self.own in self.live else None

    @property
    def of(self) -> int:
        """How many live."""
        return len(self.live)

    def owns(self, scaler: str) -> bool:
        """Say whether a scaler belongs to this controller."""
        return self.own == find_owner(scaler, self.live)


@frozen
class LookedUp:
    """Peers that are to be looked up: those of the ECS service that this process is a task of."""

    metadata_uri: str
    """The address of the task's metadata."""


@frozen
class Candidate:
    """A controller's task, as ECS describes it."""

    name: str
    status: str
    """``lastStatus``."""
    health: str
    """``healthStatus``: HEALTHY, UNHEALTHY, or UNKNOWN as long as no health check has told."""


def find_owner(scaler: str, live: Iterable[str]) -> str | None:
    """Return the controller that a scaler belongs to; None: none lives."""
    return max(live, key=lambda name: (_weigh(name, scaler), name), default=None)


def choose_live(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the names of those that live, in order: they run, and ECS does not call them unhealthy.

    Where it calls all of them so, they count all the same: after an outage that has made every one of them unhealthy,
    somebody has to begin again.
    """
    running = [each for each in candidates if each.status == "RUNNING"]
    healthy = [each for each in running if each.health != "UNHEALTHY"]
    return tuple(sorted(each.name for each in healthy or running))


def read_numbers(text: str) -> Peers:
    """Return the peers of a controller that is given as ``2/8``, the second of eight. Raises ValueError."""
    found = _NUMBERED.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither {AUTO!r} nor a number of a number, such as 2/8")
    number, of = int(found[1]), int(found[2])
    if not 1 <= of <= MOST_SHARES:
        raise ValueError(f"{text!r} has {of} controllers: write 1/1 to {MOST_SHARES}/{MOST_SHARES}")
    if not 1 <= number <= of:
        raise ValueError(f"{text!r} is none of the {of} controllers: write 1/{of} to {of}/{of}")
    return Peers(str(number), tuple(str(each) for each in range(1, of + 1)))


def _weigh(controller: str, scaler: str) -> bytes:
    """Return the weight of a controller for a scaler: a number in 32 bytes, drawn by both names."""
    return sha256(f"{controller}\n{scaler}".encode()).digest()
