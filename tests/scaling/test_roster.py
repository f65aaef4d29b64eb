"""Whose a task is of which ECS does not say, and how many workers it counts with."""

from __future__ import annotations

import pytest

from controller.core.decision.task import NOBODY, Outline
from controller.scaling.roster import Roster
from tests.support.controller import metrics_of_nothing, scaler_spec, series_of

ARN = "arn:aws:ecs:eu-west-1:123456789012:task-definition/thumbnail:7"


def roster_of(*scalers: tuple[str, str, int]) -> Roster:
    """Return a roster of scalers, each with its definition and the most workers of a task."""
    roster, metrics = Roster(), metrics_of_nothing()
    for name, definition, most in scalers:
        spec = scaler_spec("main", definition, name=name, container="worker", max_containers_per_task=most)
        roster.enrol(spec, series_of(metrics, name))
    return roster


INGEST, THUMBNAIL, COPY = ("ingest", "ingest:3", 4), ("thumbnail", ARN, 2), ("again", "ingest", 6)


@pytest.mark.parametrize(
    ("scalers", "group", "family", "expected"),
    [
        ([INGEST, THUMBNAIL], "ingest", "ingest", ("ingest", 1)),
        ([INGEST, THUMBNAIL], "ingest", "ingest-x3", ("ingest", 3)),
        ([INGEST, THUMBNAIL], "ingest", "ingest-x9", ("ingest", 9)),
        ([INGEST, THUMBNAIL], "ingest", "ingest-x10", ("ingest", 4)),
        ([INGEST, THUMBNAIL], "ingest", "older", ("ingest", 4)),
        ([INGEST, THUMBNAIL], "ingest", None, ("ingest", 4)),
        ([INGEST, THUMBNAIL], "removed", "ingest", ("removed", 9)),
        ([INGEST, THUMBNAIL], None, "thumbnail-x2", ("thumbnail", 2)),
        ([INGEST, THUMBNAIL], None, "older", (NOBODY, 4)),
        ([INGEST, THUMBNAIL], None, None, (NOBODY, 4)),
        ([INGEST, COPY], None, "ingest", (NOBODY, 1)),
        ([INGEST, COPY], None, "ingest-x5", (NOBODY, 5)),
        ([INGEST], None, None, ("ingest", 4)),
        ([INGEST], None, "older", ("ingest", 4)),
        ([], None, None, (NOBODY, 9)),
    ],
)
def test_a_task_is_whose_group_or_family_says(scalers, group, family, expected) -> None:
    """Its workers are those of the family, else the most that a task of the scaler has; never fewer."""
    outline: Outline = roster_of(*scalers).find_outline(group, family)
    assert expected == (outline.scaler, outline.workers)


def test_whose_an_unnamed_task_is_follows_the_scalers_that_there_are() -> None:
    """The only scaler's, until there is another one, and again once that is gone."""
    roster = roster_of(INGEST)
    guesses = [roster.find_outline(None, "thumbnail").scaler]
    roster.enrol(scaler_spec("main", ARN, name="thumbnail"), series_of(metrics_of_nothing(), "thumbnail"))
    guesses.append(roster.find_outline(None, "thumbnail").scaler)
    roster.dismiss("thumbnail")
    guesses.append(roster.find_outline(None, "thumbnail").scaler)
    assert ["ingest", "thumbnail", "ingest"] == guesses
