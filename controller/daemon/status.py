"""``/status``: what runs, and for every scaler its last decision and why. Holds no secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.config import ScalerSpec
from controller.core.condition import judge
from controller.core.decision.checkups import tell_checkups
from controller.core.decision.cooldown import fall_cooldown_until, launch_cooldown_until
from controller.core.decision.explain import Line, explain
from controller.core.decision.queue_sum import tell_parts
from controller.core.decision.task import LiveTask
from controller.core.decision.verdict import summarize
from controller.core.printable import convert_texts, show
from controller.core.queue_names import tell_apart
from controller.core.record import Reconciled, record
from controller.daemon.reload import KeptConfiguration
from controller.scaling.memory import to_plain
from controller.scaling.reconcile import Reconciler

WRITTEN_AT_ONCE = 50
"""Scalers whose status is written in one go."""


@dataclass(frozen=True, slots=True)
class Running:
    """The process that runs; times are seconds since the epoch."""

    version: str
    started_at: float
    dry_run: bool
    configuration: KeptConfiguration
    describe_searches: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    """Returns what is known of the queues that scalers look for, as plain data."""

    def write(
        self, reconcilers: Sequence[Reconciler], now: float, shard: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Yield the whole status as JSON, some scalers at a time: 10,000 of them take tens of megabytes.

        Times are seconds since the epoch, None is unknown or never. ``shard`` is which part of the work this controller
        has; None: all of it.
        """
        yield _to_json(self.describe(now, shard)).removesuffix("}") + ',"scalers":['
        for first in range(0, len(reconcilers), WRITTEN_AT_ONCE):
            some = reconcilers[first : first + WRITTEN_AT_ONCE]
            yield ("," if first else "") + ",".join(_to_json(describe_scaler(each)) for each in some)
        yield "]}"

    def describe(self, now: float, shard: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what is told beside the scalers."""
        configuration, report = self.configuration, self.configuration.report
        reload = {"at": report.at, "successful": report.error is None, "error": _show_lines(report.error)}
        return {
            "version": self.version,
            "name": configuration.spec.name,
            "started_at": self.started_at,
            "now": now,
            "dry_run": self.dry_run,
            "shard": shard,
            "searches": self.describe_searches(),
            "config": {
                "path": show(str(configuration.kept.address)),
                "hash": configuration.hash,
                "last_reload": reload,
            },
        }


def in_order(reconcilers: Mapping[str, Reconciler]) -> list[Reconciler]:
    """Return the reconcilers in the configuration's order, those of one scaler of it by their names."""
    return sorted(reconcilers.values(), key=lambda reconciler: (reconciler.spec.index, reconciler.spec.name))


def describe_scaler(reconciler: Reconciler, *, whole: bool = True) -> dict[str, Any]:
    """Return one scaler's status. Every text in it is fit for a terminal, and without a password in a URL.

    Unless it is to be ``whole`` its memory is left out but for the next try, and no lock that a reconcile needs is
    asked for.
    """
    spec, policy, state, kept = reconciler.spec, reconciler.policy, reconciler.state, reconciler.decisions
    last, level = kept[-1] if kept else None, state.level
    decisions = convert_texts([record(done) for done in kept], show)
    status = {
        "name": spec.name,
        "queue": spec.queues[0] if len(spec.queues) == 1 else ", ".join(tell_apart(spec.queues)) or None,
        "found_by": spec.found_by,
        "queues": tell_parts(last.decision.queue) if last else None,
        "cluster": spec.task.cluster,
        "definition": spec.task.definition,
        "elsewhere": spec.elsewhere,
        "paused": policy.paused,
        "condition": judge(last).value if last else None,
        "condition_since": last.condition_since if last else None,
        "min_containers": policy.min_containers,
        "max_containers": policy.max_containers,
        "level": level.level if level else None,
        "deadline": policy.deadline,
        "launch_cooldown_until": launch_cooldown_until(policy, state),
        "fall_cooldown_until": fall_cooldown_until(policy, level) if level else None,
        "problem": last.trouble if last else None,
        "tasks": [_describe_task(task) for task in reconciler.tasks],
        "schedule": reconciler.in_force.tell(),
        "explanation": [list(line) for line in _explain(spec, last)] if last else [],
        "held": summarize(last.held) if last and last.held else None,
        "doctor": tell_checkups(reconciler.series.checkups),
        "memory": to_plain(reconciler.memory) if whole else {"retry_at": reconciler.retries.retry_at},
    }
    return {key: convert_texts(value, show) for key, value in status.items()} | {
        "last_decision": decisions[-1] if decisions else None,
        "last_launch": next((done for done in reversed(decisions) if done["plan"]), None),
        "decisions": decisions,
    }


def _explain(spec: ScalerSpec, last: Reconciled) -> tuple[Line, ...]:
    return explain(spec.policy, last.held or last.decision, spec.schedule)


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _show_lines(text: str | None) -> str | None:
    """Return the lines of a text, each fit to be shown."""
    return None if text is None else "\n".join(show(line) for line in text.split("\n"))


def _describe_task(task: LiveTask) -> dict[str, Any]:
    return {
        "arn": task.arn,
        "containers": task.running + task.starting,
        "running": task.running,
        "starting": task.starting,
        "workers": task.workers,
        "state": task.state,
        "guessed": sorted(task.guessed),
        "created_at": task.created_at,
        "started_at": task.start.at,
        "family": task.family,
        "revision": task.revision,
        "cpu": task.size.cpu if task.size else None,
        "memory": task.size.memory if task.size else None,
        "provider": task.provider,
    }
