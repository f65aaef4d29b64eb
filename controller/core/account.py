"""The account: whether what it allows is enough for the maximum of all scalers, for the commands alone.

A task of Fargate counts against the quota of vCPUs of its kind, with the size that is paid for it, and each task with
a network interface of its own takes an address of one of its subnets. How many tasks there are at the maximum is taken
from one launch of as many containers; launched bit by bit they may be more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Final

from controller.core.frozen import frozen
from controller.core.words import format_count

UNITS_PER_VCPU: Final = 1024
KINDS: Final = ("FARGATE", "FARGATE_SPOT")
"""What has a quota of vCPUs each; the names are those of the capacity providers."""


@frozen
class Need:
    """What one scaler takes at its maximum."""

    scaler: str
    containers: int
    """The most, by ``max_containers``."""
    live: int
    """Those that live already: they have their addresses."""
    tasks: float
    """For one container, on average."""
    units: float
    """CPU units for one container, on average."""
    shares: Mapping[str, float]
    """The share of its tasks that is of each of KINDS."""
    subnets: frozenset[str]


def find_shares(run_task: Mapping[str, object]) -> dict[str, float]:
    """Return the share of tasks that RunTask's parameters give to each of KINDS, by the weights of a strategy."""
    strategy = run_task.get("capacityProviderStrategy")
    if not isinstance(strategy, list):
        return {"FARGATE": 1.0} if run_task.get("launchType") == "FARGATE" else {}
    weights = {item["capacityProvider"]: item.get("weight") or 0 for item in strategy}
    total = sum(weights.values()) or 1
    return {kind: weights[kind] / total for kind in KINDS if weights.get(kind)}


def judge_vcpus(needs: Iterable[Need], budget: int | None, quotas: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each kind whose quota is too small; one that is unknown is left out of ``quotas``."""
    needs = list(needs)
    for kind in KINDS:
        wanted = sum(_spend(needs, kind, budget)) / UNITS_PER_VCPU
        if kind in quotas and wanted > quotas[kind]:
            yield (
                f"take {wanted:g} vCPU of {kind} at the maximum, and the account's quota is {quotas[kind]:g}, for all "
                "that runs in it: ask for more in Service Quotas, or lower max_containers"
            )


def judge_addresses(needs: Iterable[Need], free: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield a scaler and a sentence for each set of subnets with too few free addresses for who must use them."""
    needs = [need for need in needs if need.subnets]
    for subnets in dict.fromkeys(need.subnets for need in needs):
        if not subnets <= free.keys():
            continue
        within = [need for need in needs if need.subnets <= subnets]
        wanted = sum(ceil(max(0, need.containers - need.live) * need.tasks) for need in within)
        left = sum(free[subnet] for subnet in subnets)
        if wanted > left:
            named = f"scaler{'s' if len(within) > 1 else ''} {', '.join(need.scaler for need in within)}"
            addresses = "1 free address" if left == 1 else f"{left} free addresses"
            yield (
                within[0].scaler,
                f"have {addresses}, and {named} may start {format_count(wanted, 'more task')}, each with one: "
                "add subnets, or lower max_containers",
            )


def _spend(needs: Iterable[Need], kind: str, budget: int | None) -> Iterator[float]:
    """Yield the CPU units of each scaler at the maximum; of a budget the largest containers take what they can."""
    left = budget
    for need in sorted(needs, key=lambda need: need.units * need.shares.get(kind, 0.0), reverse=True):
        containers = need.containers if left is None else min(need.containers, left)
        left = None if left is None else left - containers
        yield containers * need.units * need.shares.get(kind, 0.0)
