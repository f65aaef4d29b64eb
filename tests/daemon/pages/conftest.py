"""A controller of a few scalers whose pages the tests of a module share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import Fleet, Outcome, QueueCounts, Reason
from controller.core.decision.state import ScalerState
from controller.core.record import LaunchResult
from tests.support.pages import NOW, Shown, document

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = 'User: "<script>alert(1)</script>" \' onload=alert(2) is not authorized & more'
"""What somebody may have made AWS say."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Serve scalers that fail, cannot be read, work, are idle, and one that was not observed yet."""
    names = ("quiet", "busy", "denied", "absent", "fresh")
    shown = Shown(tmp_path_factory.mktemp("pages"), document(*names, budget={"max_containers": 40}))
    queue, fleet = QueueCounts(visible=3, in_flight=2, delayed=0), Fleet(listed_at=NOW, running=5, running_tasks=5)
    settled = ScalerState()
    shown.show("quiet", QueueCounts(0, 0, 0), Fleet(listed_at=NOW), state=settled)
    shown.show("busy", queue, fleet, state=settled)
    failed = LaunchResult(Outcome.FAILED, None, fault="access_denied", error=f"scaler denied: {HOSTILE}")
    shown.show("denied", queue, Fleet(listed_at=NOW), state=settled, launch=failed, reason=Reason.LAUNCH)
    shown.show("absent", None, None, state=settled, problem=f"scaler absent: {HOSTILE}", fault="missing")
    shown.server.start()
    yield shown
    shown.server.stop()
