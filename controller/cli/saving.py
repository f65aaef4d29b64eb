"""What a plan on Fargate Spot saves against the same tasks on demand, at list prices."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.copies.fargate import MIB_PER_GB, SPOT, SPOT_SAVES, UNITS_PER_VCPU
from controller.core.copies.sizing import TaskSize
from controller.scaling.layout import Draft
from controller.simulate.prices import TARIFFS, Tariff


def say_saving(draft: Draft) -> Iterator[str]:
    """Yield a line on what the tasks of an order cost an hour, and would on demand; none without one on Spot."""
    groups = draft.plan.groups
    if not any(group.provider == SPOT for group in groups):
        return
    platform = draft.template.definition.get("runtimePlatform") or {}
    tariff = TARIFFS["arm" if platform.get("cpuArchitecture") == "ARM64" else "x86"]
    prices = [(group, group.tasks * _price(draft.sizes[group.kind], tariff)) for group in groups]
    on_demand = sum(price for _, price in prices)
    saved = sum(SPOT_SAVES * price for group, price in prices if group.provider == SPOT)
    yield (
        f"about ${on_demand - saved:.4f} an hour instead of ${on_demand:.4f} on demand, {saved / on_demand:.0%} less: "
        f"list prices {tariff.name}, and Spot at its best, {SPOT_SAVES:.0%} off"
    )


def _price(size: TaskSize, tariff: Tariff) -> float:
    """Return the dollars of an hour."""
    return (size.cpu or 0) / UNITS_PER_VCPU * tariff.vcpu + (size.memory or 0) / MIB_PER_GB * tariff.gb
