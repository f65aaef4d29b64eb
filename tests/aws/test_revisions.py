"""Listing the revisions of a template, for scalers with a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.aws.revisions import SERVES, Revisions
from tests.support.accounts import all_clients
from tests.support.aws import register_template

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


def test_a_listing_serves_all_scalers_of_a_family_for_a_moment(aws: EmbeddedAws, clock: ManualClock) -> None:
    """A thousand of one template decide within a few seconds, and an account has 20 requests a second."""
    revisions = Revisions(all_clients(aws, clock.handed_in()).own)
    family = register_template(aws).partition(":")[0]
    asked = [revisions.list_active(family) for _ in range(50)]
    assert ({(1,)}, 1) == (set(asked), len(aws.journal.calls("ecs", "ListTaskDefinitions")))
    register_template(aws, family)
    clock.now += SERVES
    assert (2, 1) == revisions.list_active(family)
