from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from tests.proof.quiet import listen_for_broken_reconciles

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log nothing, and let a reconcile that broke break the test."""
    before = structlog.get_config()
    listen_for_broken_reconciles()
    yield
    structlog.configure(**before)
