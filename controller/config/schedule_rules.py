"""The rules by which the keys of a scaler's ``schedule`` must fit together, and what else the scaler says.

What holds for a scaler's own keys holds for them in every window, with what the window changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.document import get, get_or_default
from controller.config.problems import Finding, KeyPath
from controller.config.schedule_schema import CHANGED
from controller.config.schema import Scaler

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_schedule(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find what contradicts itself, or the scaler, in a schedule."""
    if get(scaler, list, "schedule") is None:
        return
    is_promise = get(scaler, dict, "demand") is None or "start_within" in scaler["demand"]
    for index, window in enumerate(list_windows(scaler)):
        here = (*path, "schedule", index)
        if isinstance(window, dict) and not any(window.get(key) is not None for key in CHANGED):
            yield Finding(
                here,
                f"changes nothing: set one of {', '.join(CHANGED)}; for an exception to later entries, write paused: "
                "false",
            )
        if window.get("start_within") is not None and not is_promise:
            yield Finding((*here, "start_within"), "has no effect without demand.start_within: remove it")
        yield from _check_limits(scaler, window, here)


def list_windows(scaler: Any) -> list[dict[str, Any]]:
    """Return the entries of a schedule; what is no mapping stands as an empty one."""
    return [window if isinstance(window, dict) else {} for window in get(scaler, list, "schedule") or []]


def find_bound(scaler: Any, window: dict[str, Any], key: str) -> int | None:
    """Return min_containers or max_containers in a window; None if it is no number."""
    return get_or_default(scaler, int, Scaler, key) if window.get(key) is None else get(window, int, key)


def list_bounds(scaler: Any, key: str) -> list[int]:
    """Return all values that min_containers or max_containers has: the scaler's own, and those of its windows."""
    bounds = [get_or_default(scaler, int, Scaler, key), *(get(window, int, key) for window in list_windows(scaler))]
    return [bound for bound in bounds if bound is not None]


def _check_limits(scaler: Any, window: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    least, most = find_bound(scaler, window, "min_containers"), find_bound(scaler, window, "max_containers")
    if least is None or most is None or least <= most:
        return
    if window.get("min_containers") is not None:
        yield Finding((*path, "min_containers"), f"must be at most max_containers in this window ({most}), not {least}")
    elif window.get("max_containers") is not None:
        yield Finding(
            (*path, "max_containers"), f"must be at least min_containers in this window ({least}), not {most}"
        )


def check_budget_in_windows(budget: int | None, scalers: list[Any]) -> Iterator[Finding]:
    """Find the windows whose min_containers cannot fit into the budget, however little the other scalers ask for."""
    if budget is None or not any(map(list_windows, scalers)):
        return
    leasts = [min(list_bounds(scaler, "min_containers"), default=0) for scaler in scalers]
    for number, scaler in enumerate(scalers):
        others = sum(leasts) - leasts[number]
        for index, window in enumerate(list_windows(scaler)):
            least = get(window, int, "min_containers")
            if least is not None and least + others > budget:
                beside = f" beside the {others} that the other scalers have at least" if others else ""
                yield Finding(
                    ("scalers", number, "schedule", index, "min_containers"),
                    f"must be at most {max(0, budget - others)}, which budget.max_containers ({budget}) "
                    f"leaves{beside}, "
                    f"not {least}",
                )
