"""Asking CloudWatch: now and then, for all scalers of an account and region together, beside the polls."""

from __future__ import annotations

from collections.abc import Callable, Collection

from controller.daemon.chores import Chores
from controller.scaling import ages
from controller.scaling.deletions import ASK_EVERY, LOOK_EVERY, ask_for, read_back_for
from controller.scaling.realms import Realms
from controller.scaling.reconcile import Reconciler


def add_questions(chores: Chores, realms: Realms, list_scalers: Callable[[], Collection[Reconciler]]) -> None:
    """Have it asked how many messages were deleted, how many were before the start, and how old the oldest are."""
    chores.every(ASK_EVERY, lambda: realms.ask_each(list_scalers, lambda realm, own: ask_for(realm.deletions, own)))
    chores.every(
        LOOK_EVERY, lambda: realms.ask_each(list_scalers, lambda realm, own: read_back_for(realm.deletions, own))
    )
    chores.every(ages.ASK_EVERY, lambda: realms.ask_each(list_scalers, lambda realm, own: realm.ages.refresh(own)))
