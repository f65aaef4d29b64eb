"""Canaries: the layout of a launch in which a task or a few run a revision that has to prove itself."""

from __future__ import annotations

from dataclasses import replace

from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.config import ScalerSpec
from controller.core.copies.packing import Plan, add_canaries
from controller.core.decision.providers import Choice
from controller.core.decision.rollout import Stage
from controller.scaling.draft import Drafts
from controller.scaling.layout import Draft


def draft_rollout(drafts: Drafts, spec: ScalerSpec, containers: int, choice: Choice, stage: Stage) -> Draft:
    """Return how ``containers`` workers would be laid out: canaries, and the rest on the revision that is trusted.

    A revision that cannot be run is left out, with the reason, if there is another. Raises AwsError as a draft does.
    """
    canary, refused = None, None
    if canaries := _count_canaries(stage, containers, choice):
        try:
            canary = _draft_canaries(drafts, spec, canaries, choice, stage)
        except AwsError as error:
            if not may_go_without(stage, error):
                raise
            refused = str(error)
    tasks_left = spec.packing.max_tasks_per_launch - (canary.plan.tasks if canary else 0)
    left = containers - (canary.plan.containers if canary else 0)
    if stage.trusted is None or not (tasks_left and left):
        return canary or drafts.draft(_pin(spec, stage.newest, spec.packing.max_tasks_per_launch), 0)
    rest = drafts.draft(_pin(spec, stage.trusted, tasks_left), left, choice)
    if canary is None:
        return replace(rest, refused_canary=refused)
    plan = add_canaries(rest.plan, canary.plan, probes=choice.probe is not None)
    return replace(rest, plan=plan, canary=canary)


def may_go_without(stage: Stage, error: AwsError) -> bool:
    """Say whether a launch goes on without its canaries after such an error: what passes by itself is tried again."""
    return stage.trusted is not None and error.fault in FOR_A_PERSON


def _count_canaries(stage: Stage, containers: int, choice: Choice) -> int:
    """Return how many canaries a launch takes along. A single task that probes a provider is no test of two things."""
    probes_alone = choice.probe is not None and choice.plan is None
    return 0 if probes_alone and stage.trusted is not None else min(stage.canaries, containers)


def _draft_canaries(drafts: Drafts, spec: ScalerSpec, canaries: int, choice: Choice, stage: Stage) -> Draft:
    """Return the layout of canaries, of one worker each."""
    pinned = _pin(spec, stage.newest, spec.packing.max_tasks_per_launch)
    single = replace(pinned, packing=replace(pinned.packing, max_containers_per_task=1))
    draft = drafts.draft(single, canaries, Choice(choice.plan or choice.probe))
    return replace(draft, plan=add_canaries(Plan(), draft.plan, probes=False))


def _pin(spec: ScalerSpec, revision: int, max_tasks: int) -> ScalerSpec:
    """Return a specification that runs a revision of the template, whichever is the newest by then."""
    task = replace(spec.task, definition=f"{spec.task.definition}:{revision}")
    return replace(spec, task=task, packing=replace(spec.packing, max_tasks_per_launch=max_tasks))
