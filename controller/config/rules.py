"""What keys say together. What each key may be is in schema.py.

The rules read the document as it stands, ill-typed or incomplete as it may be, so that one run finds everything: a
value that is not of its type is the schema's fault to report, and a rule passes over it.
"""

from __future__ import annotations

from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from controller.config.durations import parse_duration
from controller.config.problems import Fault, KeyPath, quote
from controller.config.regions import contradictions
from controller.config.schema import Aws, Scaler
from controller.core.copies.copies import MAX_COPIES
from controller.core.copies.overrides import MAX_OVERRIDES, overrides_size
from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STRATEGIES = ("steps", "messages_per_container", "drain_within")


def faults(data: Any) -> Iterator[Fault]:
    """Find everything in which keys contradict one another."""
    window = _duration(data, "aws", "consistency_window", default=Aws().consistency_window)
    yield from _call_timeout(data, window)
    scalers = _at(data, list, "scalers") or []
    yield from _names(scalers)
    yield from _budget(data, scalers)
    for index, scaler in enumerate(scalers):
        path = ("scalers", index)
        yield from _containers(scaler, path)
        yield from _backlog(scaler, path)
        yield from _launch_cooldown(scaler, path, window)
        yield from _demand(_at(scaler, dict, "demand"), (*path, "demand"))
        yield from _task(_at(scaler, dict, "task"), (*path, "task"))
        yield from _overrides(scaler, (*path, "task"))
        yield from _regions(data, scaler, path)


def _call_timeout(data: Any, window: float | None) -> Iterator[Fault]:
    timeout = _duration(data, "aws", "call_timeout")
    if timeout is not None and window is not None and timeout > 2 * window:
        yield Fault(
            ("aws", "call_timeout"),
            f"must be at most 2 x consistency_window = {format_duration(2 * window)}, not {format_duration(timeout)}",
        )


def _names(scalers: list[Any]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, scaler in enumerate(scalers):
        name = _at(scaler, str, "name")
        if name is not None and first.setdefault(name, index) != index:
            yield Fault(("scalers", index, "name"), f"{quote(name)} is the name of scalers[{first[name]}] already")


def _containers(scaler: Any, path: KeyPath) -> Iterator[Fault]:
    least = _at(scaler, int, "min_containers")
    most = _most_containers(scaler)
    if least is not None and most is not None and least > most:
        yield Fault((*path, "min_containers"), f"must be at most max_containers ({most}), not {least}")


def _budget(data: Any, scalers: list[Any]) -> Iterator[Fault]:
    budget = _at(_at(data, dict, "budget"), int, "max_containers")
    least = sum(_at(scaler, int, "min_containers") or 0 for scaler in scalers)
    if budget is not None and budget < least:
        yield Fault(
            ("budget", "max_containers"),
            f"must be at least what the scalers' min_containers add up to ({least}), not {budget}",
        )


def _most_containers(scaler: Any) -> int | None:
    most: int | None = _at(scaler, int, "max_containers")
    if isinstance(scaler, dict) and "max_containers" not in scaler:
        most = Scaler.model_fields["max_containers"].default
    return most


def _backlog(scaler: Any, path: KeyPath) -> Iterator[Fault]:
    states = _at(scaler, list, "backlog")
    if not states:
        return
    if "visible" not in states:
        yield Fault((*path, "backlog"), "visible messages always count: add visible to the list")
    yield from _repeated(((*path, "backlog", index), state) for index, state in enumerate(states))


def _launch_cooldown(scaler: Any, path: KeyPath, window: float | None) -> Iterator[Fault]:
    launch = _duration(scaler, "cooldown", "launch")
    if launch is not None and window is not None and launch < WINDOWS_PER_SLOT * window:
        yield Fault(
            (*path, "cooldown", "launch"),
            f"must be at least a slot, {WINDOWS_PER_SLOT} x aws.consistency_window = "
            f"{format_duration(WINDOWS_PER_SLOT * window)}, not {format_duration(launch)}",
        )


def _demand(demand: dict[str, Any] | None, path: KeyPath) -> Iterator[Fault]:
    if demand is None:
        return
    chosen = [strategy for strategy in _STRATEGIES if demand.get(strategy) is not None]
    if len(chosen) > 1:
        yield Fault(path, f"must have one strategy, not {len(chosen)}: keep one of {', '.join(chosen)}")
    paced = demand.get("seconds_per_message") is not None
    if not chosen and not paced:
        yield Fault(path, "has no strategy: give one of steps, messages_per_container, drain_within")
    if "drain_within" in chosen and not paced:
        yield Fault((*path, "drain_within"), "needs seconds_per_message beside it")
    if paced and "drain_within" not in chosen:
        yield Fault((*path, "seconds_per_message"), "belongs to drain_within, which is missing: add it, or remove this")
    yield from _steps(_at(demand, list, "steps") or [], (*path, "steps"))


def _steps(steps: list[Any], path: KeyPath) -> Iterator[Fault]:
    for index, (lower, upper) in enumerate(pairwise(steps), start=1):
        for key in ("backlog", "containers"):
            below, here = _at(lower, int, key), _at(upper, int, key)
            if below is not None and here is not None and here <= below:
                yield Fault(
                    (*path, index, key), f"must be more than the {below} of the step before, not {here}: steps rise"
                )


def _task(task: dict[str, Any] | None, path: KeyPath) -> Iterator[Fault]:
    if task is None:
        return
    providers = _at(task, list, "capacity_providers") or []
    if providers and "launch_type" in task:
        yield Fault((*path, "launch_type"), "excludes capacity_providers: keep one of the two")
    yield from _network(task, path, providers)
    yield from _strategy(providers, (*path, "capacity_providers"))
    yield from _tags(_at(task, dict, "tags") or {}, (*path, "tags"))


def _network(task: dict[str, Any], path: KeyPath, providers: list[Any]) -> Iterator[Fault]:
    if task.get("subnets", []) != []:
        return
    if _is_fargate(task, providers):
        yield Fault((*path, "subnets"), "Fargate needs at least one subnet")
        return
    for key in ("security_groups", "assign_public_ip"):
        if task.get(key):
            yield Fault((*path, key), "has no effect without subnets: add them, or remove this")


def _is_fargate(task: dict[str, Any], providers: list[Any]) -> bool:
    if providers:
        return any((_at(item, str, "provider") or "").startswith("FARGATE") for item in providers)
    return bool(task.get("launch_type", "FARGATE") == "FARGATE")


def _strategy(providers: list[Any], path: KeyPath) -> Iterator[Fault]:
    """Apply what ECS demands of a capacity provider strategy (API reference, CapacityProviderStrategyItem)."""
    names = [_at(item, str, "provider") for item in providers]
    yield from _repeated(((*path, index, "provider"), name) for index, name in enumerate(names))
    based = [index for index, item in enumerate(providers) if (_at(item, int, "base") or 0) > 0]
    for index in based[1:]:
        yield Fault((*path, index, "base"), f"only one provider may have a base, and [{based[0]}] has one")
    if providers and all(isinstance(item, dict) and item.get("weight", 0) == 0 for item in providers):
        yield Fault(path, "at least one provider needs a weight above 0")
    kinds = {name.startswith("FARGATE") for name in names if name is not None}
    if len(kinds) > 1:
        yield Fault(path, "ECS does not mix Fargate with other providers in one strategy: keep one kind")


def _tags(tags: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    for key in tags:
        if key.lower().startswith("aws:"):
            yield Fault((*path, key), "keys that begin with aws: are AWS's own; choose another", at_key=True)


def _overrides(scaler: Any, path: KeyPath) -> Iterator[Fault]:
    """Hold ECS's limit on overrides at the most copies; an unnamed container counts as one character."""
    environment = _at(scaler, dict, "task", "environment")
    copies = _at(scaler, int, "task", "max_containers_per_task") or MAX_COPIES
    copies = min(copies, MAX_COPIES, _most_containers(scaler) or MAX_COPIES)
    if not environment:
        return
    name = _at(scaler, str, "task", "container") or "w"
    fitting = list(takewhile(lambda k: overrides_size(name, environment, k) <= MAX_OVERRIDES, range(1, copies + 1)))
    if len(fitting) < copies:
        way_out = f"shorten it, or lower max_containers_per_task to {fitting[-1]}" if fitting else "shorten it"
        yield Fault(
            (*path, "environment"),
            f"takes {overrides_size(name, environment, copies):,} characters of overrides with {copies} "
            f"containers a task, and ECS allows {MAX_OVERRIDES:,}: {way_out}",
        )


def _regions(data: Any, scaler: Any, path: KeyPath) -> Iterator[Fault]:
    """Hold names that tell their region against the controller's, which boto3's chain may decide as well."""
    if _at(data, str, "aws", "endpoint_url") is not None:
        return  # whoever answers there may be in any region
    keys = (("queue",), ("task", "cluster"), ("task", "definition"))
    named = {(*path, *key): _at(scaler, str, *key) for key in keys}
    yield from contradictions(_at(data, str, "aws", "region"), named)


def _repeated(places: Iterable[tuple[KeyPath, Any]]) -> Iterator[Fault]:
    seen: set[str] = set()
    told: set[str] = set()
    for path, word in places:
        if isinstance(word, str):
            if word in seen and word not in told:
                told.add(word)
                yield Fault(path, f"{quote(word)} is listed twice")
            seen.add(word)


def _at(data: Any, kind: type, *keys: str) -> Any:
    """Return the value under ``keys`` if it is there and of that kind, else None."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if type(data) is kind else None


def _duration(data: Any, *keys: str, default: float | None = None) -> float | None:
    """Return a duration in seconds; the default if it is absent, None if it is none."""
    for key in keys[:-1]:
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, dict) or keys[-1] not in data:
        return default
    try:
        return parse_duration(data[keys[-1]])
    except ValueError:
        return None
