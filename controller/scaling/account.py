"""What the account allows against the maximum of all scalers, for ``ecsq check --online``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from controller.aws.errors import AwsError
from controller.config import ControllerSpec, ScalerSpec
from controller.core.account import KINDS, Need, find_shares, judge_addresses, judge_vcpus
from controller.scaling.preview import Preview
from controller.scaling.services import Services

Warned = tuple[str, str]
"""A key of the configuration, and what is wrong with it."""


def judge_accounts(spec: ControllerSpec, previews: Iterable[Preview], services: Services) -> Iterator[Warned]:
    """Yield where an account allows less than the configuration's maximum, and what of that could not be asked.

    Each account and region is asked by the first access that leads to it.
    """
    groups: dict[tuple[str | None, str | None], list[Preview]] = {}
    for each in previews:
        groups.setdefault(each.spec.task_access.where, []).append(each)
    for group in groups.values():
        yield from _judge(spec, group, services)


def _judge(spec: ControllerSpec, previews: Sequence[Preview], services: Services) -> Iterator[Warned]:
    access = previews[0].spec.task_access
    where = f"in {access}: " if str(access) else ""
    needs = [need for each in previews if (need := _measure(each.spec, each, services)) is not None]
    index = {scaler.name: scaler.index for scaler in spec.scalers}
    quotas = {}
    for kind in KINDS:
        if any(need.shares.get(kind) for need in needs):
            try:
                quotas[kind] = services.read_quota(access, kind)
            except AwsError as error:
                yield "scalers", f"{where}were not held against the account: {error}"
    for text in judge_vcpus(needs, spec.budget, quotas):
        yield "scalers", f"{where}{text}"
    free = dict[str, int]()
    for subnets in dict.fromkeys(need.subnets for need in needs if need.subnets):
        try:
            free |= services.count_free_addresses(access, subnets)
        except AwsError as error:
            first = next(need.scaler for need in needs if need.subnets == subnets)
            yield f"scalers[{index[first]}].task.subnets", f"were not counted: {error}"
    for scaler, text in judge_addresses(needs, free):
        yield f"scalers[{index[scaler]}].task.subnets", text


def _measure(spec: ScalerSpec, seen: Preview, services: Services) -> Need | None:
    """Return what a scaler takes at its maximum; None: its template cannot be run, which is told as a problem."""
    try:
        draft = services.launcher_of(spec).draft(spec, spec.most_containers)
    except AwsError:
        return None
    plan, fleet = draft.plan, seen.done.decision.fleet
    units = sum(group.tasks * (draft.sizes[group.kind].cpu or 0) for group in plan.groups if draft.sizes)
    return Need(
        scaler=spec.name,
        containers=spec.most_containers,
        live=fleet.live if fleet else 0,
        tasks=plan.tasks / plan.containers,
        units=units / plan.containers,
        shares=find_shares(spec.task.run_task),
        subnets=_find_subnets(spec.task.run_task),
    )


def _find_subnets(run_task: Any) -> frozenset[str]:
    vpc = run_task.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return frozenset(vpc.get("subnets", ()))
