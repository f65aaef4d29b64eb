"""``/status``: what runs, and for every scaler what was last decided and why. Holds no secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.core.decision.cooldown import fall_cooldown_until, launch_cooldown_until
from controller.core.decision.explain import explain
from controller.core.decision.ledger import LiveTask
from controller.core.record import record
from controller.scaling.reconcile import Reconciler


def scalers(reconcilers: Iterable[Reconciler]) -> list[dict[str, Any]]:
    """Return every scaler's status as plain data; times are seconds since the epoch, None is unknown or never."""
    return [_scaler(reconciler) for reconciler in reconcilers]


def _scaler(reconciler: Reconciler) -> dict[str, Any]:
    spec, state, last = reconciler.spec, reconciler.state, reconciler.last
    level = state.level
    decisions = [record(done) for done in list(reconciler.decisions)]
    return {
        "name": spec.name,
        "queue": spec.queue,
        "cluster": spec.task.cluster,
        "definition": spec.task.definition,
        "paused": spec.policy.paused,
        "level": level.level if level else None,
        "launch_cooldown_until": launch_cooldown_until(spec.policy, state),
        "fall_cooldown_until": fall_cooldown_until(spec.policy, level) if level else None,
        "problem": last.problem if last else None,
        "tasks": [_task(task) for task in reconciler.tasks],
        "last_decision": record(last) if last else None,
        "explanation": [list(line) for line in explain(spec.policy, last.decision)] if last else [],
        "last_launch": next((done for done in reversed(decisions) if done["plan"]), None),
        "decisions": decisions,
    }


def _task(task: LiveTask) -> dict[str, Any]:
    return {
        "arn": task.arn,
        "containers": task.running + task.starting,
        "running": task.running,
        "starting": task.starting,
        "created_at": task.created_at,
    }
