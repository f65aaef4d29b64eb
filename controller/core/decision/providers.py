"""Capacity providers in order: the first that is not short gets the plan, and the next one what it has refused.

::

    enough ---- it turns a task away, at RunTask or afterwards ----> short: nothing is launched on it for a minute
      ^                                                                |  ^
      |                                   one task probes, beside the  |  | it is turned away, too: twice as long,
      '---- it runs ------------------- plan that the next one gets ---'--'                 up to a quarter of an hour

Each provider is short by itself, by the same rule as a scaler that has no order (``scarcity``). What a provider has
refused is not tried with the next one in the same plan: it is missing in the listing of the next slot, and planned
anew there. So no call stands on what another may have started, and nothing is launched twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.decision.scarcity import (
    PLENTY,
    CapacitySign,
    Scarcity,
    count_allowed,
    forget_old,
    note_capacity,
)
from controller.core.frozen import change, frozen

LONGEST_HOLD = 900.0
"""Seconds from one probe of a provider to the next, at most."""

Shortages = Mapping[str, Scarcity]
"""What each provider has shown, by its name; one that is not named has shown nothing."""


@frozen
class Choice:
    """Who gets a launch. Without an order of providers both are None, and RunTask names none."""

    plan: str | None = None
    """The provider of the plan; None: all are short."""
    probe: str | None = None
    """The provider, earlier in the order, that gets a single task of one container, sent last."""


NO_CHOICE = Choice()


@frozen
class ProviderUse:
    """The live tasks of a scaler on one capacity provider."""

    provider: str
    containers: int
    """Worker containers that run or start."""
    newest_task_at: float
    """When the newest task was created."""


def choose(
    order: tuple[str, ...], shortages: Shortages, uses: Iterable[ProviderUse], in_doubt: int, now: float
) -> Choice:
    """Return who of the order gets a launch at ``now``; ``uses`` is what lives."""
    if not order:
        return NO_CHOICE
    newest = {use.provider: use.newest_task_at for use in uses}
    allowed = {each: count_allowed(shortages.get(each, PLENTY), newest.get(each), in_doubt, now) for each in order}
    plan = next((each for each in order if allowed[each] is None), None)
    earlier = order if plan is None else order[: order.index(plan)]
    return Choice(plan, next((each for each in earlier if allowed[each] == 1), None))


def count_chosen(order: tuple[str, ...], choice: Choice) -> int | None:
    """Return how many containers the providers let be launched: None is any number, 1 is a probe."""
    if not order or choice.plan is not None:
        return None
    return 0 if choice.probe is None else 1


def note_providers(shortages: Shortages, signs: Iterable[CapacitySign]) -> Shortages:
    """Return the shortages after more signs, in the order of their times; one without a provider tells nothing."""
    noted = dict(shortages)
    for sign in signs:
        if sign.provider is not None:
            noted[sign.provider] = note_capacity(noted.get(sign.provider, PLENTY), [sign], LONGEST_HOLD)
    return noted


def note_refusal(shortages: Shortages, provider: str, cause: str | None, now: float) -> Shortages:
    """Return the shortages after RunTask has refused a call for want of capacity on a provider."""
    refused = CapacitySign(found=False, at=now, born_at=now, cause=cause, provider=provider)
    return note_providers(shortages, [refused])


def forget_providers(shortages: Shortages, uses: Iterable[ProviderUse], now: float) -> Shortages:
    """Return the shortages as far as they still count at ``now``."""
    if not shortages:
        return shortages
    newest = {use.provider: use.newest_task_at for use in uses}
    return {each: forget_old(scarcity, newest.get(each), now) for each, scarcity in shortages.items()}


def sum_up(order: tuple[str, ...], shortages: Shortages) -> Scarcity:
    """Return the scarcity of a whole order: that of the provider which is probed first, if all are short."""
    known = [shortages.get(each, PLENTY) for each in order]
    held = [each for each in known if each.until is not None]
    if not order or len(held) < len(order):
        return PLENTY
    first = min(held, key=lambda each: each.until or 0.0)
    return change(first, turned_away=sum(each.turned_away for each in held))
