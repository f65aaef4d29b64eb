"""What was logged, line by line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from controller.telemetry.lines import LINES
from tests.support.daemon import SOON

if TYPE_CHECKING:
    import pytest


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was written on standard error, once all of it is."""
    assert LINES.drain(SOON)
    return capsys.readouterr().err


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written on standard error, each line a JSON object."""
    return [json.loads(line) for line in said(capsys).splitlines()]
