"""The layout of a launch: how many tasks of which copies run what."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.packing import Kind, Plan
from controller.core.copies.sizing import TaskSize, size_task
from controller.core.copies.template import Template


@dataclass(frozen=True, slots=True)
class Draft:
    """The layout of a launch before anything is written."""

    template: Template
    worker: str
    """The container that is copied."""
    keeper: KeeperSettings
    plan: Plan
    most: int
    """The most workers that a task of this template may hold."""
    why_not_more: str
    held_back: bool = False
    """Whether tasks would hold more workers, if only the configuration had a say."""
    warnings: tuple[str, ...] = ()
    """What deserves a second look, a sentence each: the same at every launch of a revision and a configuration."""
    canary: Draft | None = None
    """The layout of the plan's canaries, which run another revision; None: there are none."""
    refused_canary: str | None = None
    """Why a revision that was to prove itself cannot be launched; None: it can, or none was to."""

    def of(self, kind: Kind) -> Draft:
        """Return the layout that tasks of a kind belong to."""
        return self.canary if kind[1] and self.canary is not None else self

    @property
    def sizes(self) -> dict[Kind, TaskSize]:
        """The CPU and memory that are paid for a task of each group, by what it runs."""
        laid_out = ((group.kind, self.of(group.kind)) for group in self.plan.groups)
        sizes = {kind: size_task(draft.template, draft.worker, kind[0]) for kind, draft in laid_out}
        return {kind: size for kind, size in sizes.items() if size is not None}

    @property
    def limit(self) -> str | None:
        """Why tasks hold fewer workers than they would by the configuration, and the way out; None: they do not."""
        return f"at most {self.most} a task: {self.why_not_more}" if self.held_back else None
