"""A second account and region of the embedded AWS, and the role that leads there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.aws.accesses import AllClients
from controller.config import AccessSpec
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import CONTROLLER, aws_spec, ignore_request

if TYPE_CHECKING:
    from controller.aws.session import RequestObserver
    from controller.clock import Clock
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.place import Place

OTHER_ACCOUNT = "222222222222"
OTHER_REGION = "ap-northeast-1"
ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/ecsq-workers"
EXTERNAL_ID = "tokyo-7"
THERE = AccessSpec(OTHER_REGION, ROLE, EXTERNAL_ID)


@dataclass(frozen=True)
class Elsewhere:
    """The account and region that THERE leads to."""

    place: Place
    aws: EmbeddedAws

    def count_assumed(self) -> int:
        """Return how often the role was asked for, with success or without."""
        return len(self.aws.journal.calls("sts", "AssumeRole"))


def open_elsewhere(aws: EmbeddedAws, *, lasts: float = 3600.0) -> Elsewhere:
    """Open it, with the role; what that grants lasts for so many seconds."""
    aws.roles.create(ROLE, external_id=EXTERNAL_ID, lasts=lasts)
    return Elsewhere(aws.open(OTHER_ACCOUNT, OTHER_REGION), aws)


def all_clients(
    aws: EmbeddedAws,
    clock: Clock = MACHINE_CLOCK,
    *,
    observe: RequestObserver = ignore_request,
    name: str = CONTROLLER,
) -> AllClients:
    """Return a controller's clients of every account and region, on the embedded AWS."""
    return AllClients(aws_spec(aws), name, observe, clock)
