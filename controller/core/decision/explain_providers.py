"""An order of capacity providers in words: who gets a launch, and which of them are short."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision import probe
from controller.core.decision.model import Fleet, Numbers
from controller.core.decision.scarcity import PLENTY
from controller.core.words import as_clause, format_clock, format_count


def explain_providers(order: tuple[str, ...], numbers: Numbers, fleet: Fleet, now: float) -> Iterator[tuple[str, str]]:
    """Yield the line of the order, its subject and its text, and one of the providers that are short; none without."""
    if not order:
        return
    choice = numbers.choice
    lives = ", ".join(f"{use.containers} live on {use.provider}" for use in fleet.providers)
    whom = f"{choice.plan} gets a launch" if choice.plan else "all are short"
    yield "order", f"{', then '.join(order)}: {whom}{f'; {lives}' if lives else ''}"
    short = [each for each in order if numbers.shortages.get(each, PLENTY).until is not None]
    if short:
        yield "short", "; ".join(_explain_shortage(each, numbers, fleet, now) for each in short)


def _explain_shortage(provider: str, numbers: Numbers, fleet: Fleet, now: float) -> str:
    known = numbers.shortages[provider]
    cause = f", the last: {as_clause(known.cause)}" if known.cause else ""
    turned_away = format_count(known.turned_away, "time")
    return f"{provider} had no room {turned_away}{cause}; {_explain_probe(provider, numbers, fleet, now)}"


def _explain_probe(provider: str, numbers: Numbers, fleet: Fleet, now: float) -> str:
    """Say when a single task probes a provider, or that it does."""
    until = numbers.shortages[provider].until
    newest = next((use.newest_task_at for use in fleet.providers if use.provider == provider), None)
    if probe.is_probe(until, newest):
        return "one task probes it, and does not run yet"
    if until is not None and now < until:
        return f"one task probes it at {format_clock(until, now)}"
    when = "once nothing is in doubt" if numbers.in_doubt else "with the next launch"
    return f"one task probes it {when}"
