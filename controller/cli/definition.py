"""``ecsq plan --definition K``: what would be registered for K workers a task, and how it differs from the template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.copies.advice import find_warnings
from controller.core.copies.copy_notes import describe_changes
from controller.core.copies.difference import compare_definitions
from controller.core.words import format_count
from controller.scaling.draft import Drafts
from controller.scaling.layout import Draft


@dataclass(frozen=True, slots=True)
class Shown:
    """The definition that one scaler would run with k workers a task."""

    scaler: str
    k: int
    draft: Draft
    definition: dict[str, Any]
    """RegisterTaskDefinition's parameters; without a keeper those of the template."""
    difference: tuple[str, ...]
    configured: int
    """``max_containers_per_task``."""
    warnings: tuple[str, ...]
    """What deserves a second look in a task of k workers."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a scaler runs nothing with k workers a task."""

    scaler: str
    k: int
    error: str
    """The reason and the way out, as a sentence that names the scaler."""


def show(spec: ScalerSpec, drafts: Drafts, k: int) -> Shown:
    """Return what a task of k workers runs. Raises AwsError with the reason and the way out if it cannot be."""
    draft = drafts.draft(spec, 0)
    if k > draft.most:
        # No key: the number was asked for, not configured.
        most = format_count(draft.most, "worker")
        raise AwsError(Fault.CANNOT_COPY, f"a task of this template holds at most {most}: {draft.why_not_more}")
    template = drafts.rebuild_template(draft)
    definition = drafts.derive(spec, draft, k) if draft.keeper.keeps(k) else template
    changed = compare_definitions(template, definition, draft.worker, k)
    warnings = find_warnings(draft.template, draft.worker, k, spec.task.run_task)
    return Shown(spec.name, k, draft, definition, changed, spec.packing.max_containers_per_task, warnings)


def to_plain(shown: Shown | Refused) -> dict[str, Any]:
    """Return the same as plain data; what was refused has an error, and None for what there is not."""
    found = {"template": None, "definition": None, "difference": None, "notes": None, "error": None}
    if isinstance(shown, Refused):
        return {"scaler": shown.scaler, "containers": shown.k, **found, "error": shown.error}
    return {
        "scaler": shown.scaler,
        "containers": shown.k,
        **found,
        "template": shown.draft.template.label,
        "definition": shown.definition,
        "difference": list(shown.difference),
        "notes": list(_list_notes(shown)),
    }


def draw(shown: Shown, document: str) -> Iterator[str]:
    """Yield the text; ``document`` is the definition as JSON."""
    template, family = shown.draft.template.label, shown.definition["family"]
    if not shown.draft.keeper.keeps(shown.k):
        yield f"scaler {shown.scaler}: one worker a task runs {template} itself; nothing is registered for it"
        yield from document.split("\n")
        if shown.warnings:
            yield ""
        yield from (f"- {note}" for note in _list_notes(shown))
        return
    workers, run = format_count(shown.k, "worker"), "runs" if shown.k == 1 else "run"
    yield f"scaler {shown.scaler}: {workers} a task {run} {family}, derived from {template}"
    yield from document.split("\n")
    yield ""
    yield f"--- {template}"
    yield f"+++ {family}"
    yield from shown.difference
    yield ""
    yield from (f"- {note}" for note in _list_notes(shown))


def _list_notes(shown: Shown) -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in shown.warnings)
    yield from describe_changes(shown.draft.template, shown.draft.worker, shown.k, shown.draft.keeper)
    if shown.k > shown.configured:
        yield f"never planned: max_containers_per_task is {shown.configured}"
