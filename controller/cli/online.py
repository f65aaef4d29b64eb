"""What AWS knows against a configuration, for ``ecsq check --online``. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from controller.clock import machine_clock
from controller.config import Loaded, Problem
from controller.core.queue_names import name_queue
from controller.scaling.account import judge_accounts
from controller.scaling.preview import Preview, preview
from controller.scaling.search import Searches
from controller.scaling.services import connect


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, each with its place in the file."""

    problems: tuple[Problem, ...]
    """What cannot work."""
    warnings: tuple[Problem, ...]


def examine(loaded: Loaded) -> Found:
    """Look once at all that a configuration names, as ``ecsq plan`` does."""
    spec = loaded.spec
    services = connect(spec, machine_clock(Event()), dry_run=True)
    running, unfound = services.searches.run(spec)
    previews = preview(running, running.scalers, services, {})
    index = {scaler.name: scaler.index for scaler in spec.scalers}
    problems = [loaded.locate(f"scalers[{index[name]}].queues", why) for name, why in unfound.items()]
    problems += [
        loaded.locate(f"scalers[{each.spec.index}]", each.done.problem.removeprefix(f"scaler {each.spec.name}: "))
        for each in previews
        if each.done.problem
    ]
    warnings = [*_warn_of_nothing_found(loaded, services.searches)]
    warnings += [warning for each in previews for warning in _warn(loaded, each)]
    warnings += [loaded.locate(key, text) for key, text in judge_accounts(running, previews, services)]
    # Scalers that one of the configuration has found have one template, and one key.
    return Found(tuple(problems), tuple(dict.fromkeys(warnings)))


def _warn_of_nothing_found(loaded: Loaded, searches: Searches) -> Iterator[Problem]:
    """Yield the searches that find nothing, as one whose prefix is misspelled: the daemon waits for such queues."""
    for scaler in loaded.spec.scalers:
        if scaler.search is not None and searches.found[scaler.search].queues == ():
            text = f"finds nothing now: {scaler.search}, dead-letter queues left out"
            advice = "check the spelling, the account and the region, unless they are still to come"
            yield loaded.locate(f"scalers[{scaler.index}].queues", f"{text}; {advice}")


def _warn(loaded: Loaded, seen: Preview) -> Iterator[Problem]:
    index = seen.spec.index
    for finding in (finding for checkup in seen.checkups for finding in checkup.findings):
        text = finding.text if seen.spec.found_by is None else f"{name_queue(seen.spec.queues[0])} {finding.text}"
        yield loaded.locate(f"scalers[{index}].{seen.spec.queue_key}", text)
    for warning in seen.draft.warnings if seen.draft else ():
        yield loaded.locate(f"scalers[{index}].task.definition", warning)
