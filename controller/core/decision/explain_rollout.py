"""A rollout in words: which revision tasks run, and how the newest one proves itself."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.model import Fleet, Numbers
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import RevisionUse, Stage, Standing
from controller.core.decision.setback import Trouble
from controller.core.words import as_clause, format_clock, format_count, format_duration

_DID = {
    Trouble.FAILED: "failed",
    Trouble.REFUSED: "could not be launched",
    Trouble.NO_CAPACITY: "found no capacity",
}


def explain_rollout(
    policy: RolloutPolicy | None, numbers: Numbers, fleet: Fleet, now: float
) -> Iterator[tuple[str, str]]:
    """Yield a line, its subject and its text: where the rollout stands, and what lives of which revision."""
    if policy is None:
        return
    lives = "; ".join(map(_say_use, fleet.revisions))
    lives = f"; {lives}" if lives else ""
    stage = numbers.stage
    if stage is None:
        yield "rollout", f"the template's revisions are listed when something is to be launched{lives}"
        return
    tasks = "a task of it does" if policy.canary == 1 else f"{policy.canary} tasks of it do"
    rule = f"; it is trusted once {tasks} well: for {format_duration(policy.prove)}, or to a good end"
    is_open = stage.standing in {Standing.UNPROVEN, Standing.PROVING}
    yield "rollout", f"{explain_stage(stage, now)}{rule if is_open else ''}{lives}"


def explain_stage(stage: Stage, now: float) -> str:
    """Say how the newest revision stands, what the others run, and when one of it may be launched again."""
    newest = f"revision {stage.newest}"
    if stage.standing is Standing.TRUSTED:
        return f"{newest} is trusted, and all tasks run it"
    rest = "and there is no other to run" if stage.trusted is None else f"and all others run revision {stage.trusted}"
    match stage.standing:
        case Standing.UNPROVEN if stage.setback and now < stage.setback.until and stage.trusted is not None:
            return f"{_say_setback(stage, newest)}, {rest}; {_say_next(stage, now)}"
        case Standing.UNPROVEN if stage.unproven:
            return f"{newest} waits until what was launched of another is known or gone, {rest}"
        case Standing.UNPROVEN:
            return f"{newest} has to prove itself, {rest}"
        case Standing.PROVING:
            return f"{newest} proves itself, {rest}"
        case _:
            return f"{_say_setback(stage, newest)}, {rest}; {_say_next(stage, now)}"


def _say_setback(stage: Stage, newest: str) -> str:
    setback = stage.setback
    cause = f" ({as_clause(setback.cause)})" if setback and setback.cause else ""
    return f"{newest} {_DID[setback.trouble] if setback else 'is left out'}{cause}"


def _say_next(stage: Stage, now: float) -> str:
    if stage.setback is None or (stage.setback.trouble is Trouble.FAILED and stage.trusted is not None):
        return "it is not tried again: register another"
    if stage.unproven:
        return "a task of it is tried again"
    if now < stage.setback.until:
        return f"it is tried again at {format_clock(stage.setback.until, now)}"
    return "it is tried again with the next launch"


def _say_use(use: RevisionUse) -> str:
    which = "a revision that is not known yet" if use.revision is None else f"revision {use.revision}"
    return f"{format_count(use.tasks, 'task')} of {which}"
