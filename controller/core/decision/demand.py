"""Demand: how many worker containers a backlog asks for, before any limit."""

from __future__ import annotations

from math import ceil

from controller.core.decision.policy import PerContainer, Steps


def level_demand(strategy: Steps | PerContainer, backlog: float) -> int:
    """Return the containers that ``backlog`` messages ask for; it never falls as the backlog rises.

    The backlog may be fractional: the dead band stretches it.
    """
    match strategy:
        case Steps(steps):
            return max((step.containers for step in steps if step.backlog <= round(backlog, 9)), default=0)
        case PerContainer(messages_per_container):
            return _ceil(backlog / messages_per_container)


def _ceil(quotient: float) -> int:
    """Round up, but not for what floating point added: 6.000000000000001 is 6."""
    return ceil(round(quotient, 9))
