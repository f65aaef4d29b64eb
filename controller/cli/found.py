"""What commands say of scalers that look for their queues."""

from __future__ import annotations

from collections.abc import Iterator

import click

from controller.config import ControllerSpec, ScalerSpec
from controller.core.address import Address
from controller.core.words import format_count
from controller.scaling.search import Searches


def choose(spec: ControllerSpec, running: ControllerSpec, scaler: str | None, config: Address) -> list[ScalerSpec]:
    """Return the scalers that run and are asked for: all, one, or those of the queues that one has found.

    Raises click.ClickException if there is none of that name.
    """
    chosen = [each for each in running.scalers if scaler in {None, each.name, each.found_by}]
    if scaler is not None and not chosen and scaler not in {each.name for each in spec.scalers}:
        known = ", ".join(dict.fromkeys(each.name for each in (*spec.scalers, *running.scalers)))
        raise click.ClickException(f"{config}: there is no scaler {scaler!r}; there are: {known}")
    return chosen


def describe_found(spec: ControllerSpec, running: ControllerSpec, searches: Searches) -> Iterator[str]:
    """Say how many queues each scaler has found that gives every queue a scaler of its own."""
    for block in spec.scalers:
        known = searches.found[block.search].queues if block.search is not None and block.search.each else None
        if known is not None:
            others = len(known) - sum(each.found_by == block.name for each in running.scalers)
            whose = f"; another scaler has {others} of them" if others else ""
            yield f"Scaler {block.name} has found {format_count(len(known), 'queue')}: {block.search}{whose}."
