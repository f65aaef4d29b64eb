"""The event of a decision: one for each that tells something new, and again while trouble lasts."""

from __future__ import annotations

import structlog

from controller.core.decision.busy import explain_contradiction
from controller.core.decision.doctor import COSTS_WORK, Finding
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.record import LaunchResult, Reconciled, record
from controller.core.repeats import say_lasting
from controller.core.words import format_age

_WENT_WELL = frozenset({Outcome.LAUNCHED, Outcome.DRY_RUN})
_FIRST = ("scaler", "reason", "text", "error", "outcome")
"""What stands first, for whoever reads along."""


def report_decision(done: Reconciled, previous: Reconciled | None) -> None:
    """Log one decision with its whole record.

    One that is said again carries how often and since when it has come; else, how often the one before it had come.
    """
    if done.decision.reason is Reason.BROKEN:
        _report_breakage(done)
        return
    told = record(done)
    fields = {key: told[key] for key in _FIRST} | told
    # "level" is how grave an event is, to every log viewer there is.
    fields["scaler_level"] = fields.pop("level")
    if done.repeated and done.since is not None and done.said_at is not None:
        lasts = done.said_at - done.since
        fields["lasts"] = format_age(lasts)
        fields["text"] += f"; {say_lasting(lasts, done.repeated, tried=done.trouble is not None)}"
    else:
        del fields["repeated"], fields["since"]
        fields["previous_repeated"] = (previous.repeated if previous else 0) or None
    log = structlog.get_logger()
    failed = done.problem is not None or (done.launch is not None and done.launch.outcome not in _WENT_WELL)
    (log.warning if failed else log.info)("decision", **fields)


def _report_breakage(done: Reconciled) -> None:
    """Log a reconcile that broke: the traceback, of the exception that is handled now, tells what to mend.

    One that is said again has it as well, with how often and since when the same has come.
    """
    told = {"repeated": done.repeated or None, "since": done.since}
    structlog.get_logger().exception("reconcile broke", scaler=done.scaler, error=done.problem, **told)


def report_finding(scaler: str, finding: Finding) -> None:
    """Log what the queue doctor has found: a warning if it costs work."""
    log, text = structlog.get_logger(), f"the queue {finding.text}"
    say = log.warning if finding.ailment in COSTS_WORK else log.info
    say("queue", scaler=scaler, finding=finding.ailment.value, text=text)


class Templates:
    """Tells once what deserves a second look in a scaler's template. It names the revision, so once for each."""

    def __init__(self, scaler: str) -> None:
        self._scaler = scaler
        self._told: tuple[str, ...] = ()

    def look_at(self, result: LaunchResult) -> None:
        """Log it, an event each, if a launch that has come to a plan warns of something else than the one before."""
        if result.plan is None or result.warnings == self._told:
            return
        self._told = result.warnings
        for warning in result.warnings:
            structlog.get_logger().warning("template", scaler=self._scaler, text=warning)


class Contradictions:
    """Tells once that a scaler's workers seem to be busy without a message in flight, and again after some were."""

    def __init__(self, scaler: str) -> None:
        self._scaler = scaler
        self._is_told = False

    def look_at(self, decision: Decision) -> None:
        """Log it, as a sentence, if a decision shows it for the first time."""
        queue, fleet = decision.queue, decision.fleet
        if queue is not None and queue.in_flight:
            self._is_told = False
        since = decision.numbers.contradicted_since if decision.numbers else None
        if queue and fleet and since is not None and not self._is_told:
            self._is_told = True
            text = explain_contradiction(queue, fleet, since, decision.at)
            structlog.get_logger().warning("counts contradict each other", scaler=self._scaler, text=text)
