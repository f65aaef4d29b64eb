"""How AWS is reached: by what the configuration says, or by boto3's own chain until there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from controller.core.decision.rate import Rate


class Reach(Protocol):
    """How AWS is reached; ``controller.config.AwsSpec`` says it, among other things."""

    @property
    def region(self) -> str | None:
        """None: boto3 looks for it in its usual places."""

    @property
    def endpoint_url(self) -> str | None:
        """None: AWS's own endpoints, or those of variables such as AWS_ENDPOINT_URL."""

    @property
    def call_timeout(self) -> float:
        """Seconds that one request may take."""

    @property
    def listing_rate(self) -> Rate:
        """How fast tasks may be listed and described."""


_ANY_RATE = Rate(1.0, 1)
"""Of listings, of which there are none."""


@dataclass(frozen=True, slots=True)
class OwnChain:
    """Boto3's own chain decides, as long as no configuration was read that says otherwise."""

    region: str | None = None
    endpoint_url: str | None = None
    call_timeout: float = 4.0
    listing_rate: Rate = _ANY_RATE
