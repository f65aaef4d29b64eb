"""``/status``: what runs, and for every scaler its last decision and why. Holds no secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from controller.core.decision.cooldown import fall_cooldown_until, launch_cooldown_until
from controller.core.decision.explain import explain
from controller.core.decision.model import ScalerState
from controller.core.decision.task import LiveTask
from controller.core.record import record
from controller.daemon.reload import ConfigurationFile
from controller.scaling.reconcile import Reconciler

_MEMORY = TypeAdapter(ScalerState)


@dataclass(frozen=True, slots=True)
class Running:
    """The process that runs; times are seconds since the epoch."""

    version: str
    started_at: float
    dry_run: bool
    configuration: ConfigurationFile

    def status(self, reconcilers: Iterable[Reconciler], now: float) -> dict[str, Any]:
        """Return the whole status as plain data; times are seconds since the epoch, None is unknown or never."""
        configuration, report = self.configuration, self.configuration.report
        reload = {"at": report.at, "successful": report.error is None, "error": report.error}
        return {
            "version": self.version,
            "name": configuration.spec.name,
            "started_at": self.started_at,
            "now": now,
            "dry_run": self.dry_run,
            "config": {"path": str(configuration.path), "hash": configuration.hash, "last_reload": reload},
            "scalers": [describe_scaler(reconciler) for reconciler in reconcilers],
        }


def describe_scaler(reconciler: Reconciler) -> dict[str, Any]:
    """Return one scaler's status."""
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
        "tasks": [_describe_task(task) for task in reconciler.tasks],
        "last_decision": record(last) if last else None,
        "explanation": [list(line) for line in explain(spec.policy, last.decision)] if last else [],
        "last_launch": next((done for done in reversed(decisions) if done["plan"]), None),
        "decisions": decisions,
        "memory": asdict(state),
    }


def read_memories(status: Mapping[str, Any]) -> dict[str, ScalerState]:
    """Return the memory of every scaler in a daemon's status, by name.

    Raises KeyError, TypeError or ValueError for what no daemon of this version answers.
    """
    return {scaler["name"]: _MEMORY.validate_python(scaler["memory"]) for scaler in status["scalers"]}


def _describe_task(task: LiveTask) -> dict[str, Any]:
    return {
        "arn": task.arn,
        "containers": task.running + task.starting,
        "running": task.running,
        "starting": task.starting,
        "created_at": task.created_at,
    }
