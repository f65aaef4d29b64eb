"""An AWS that the tests of a module share, for a daemon that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.crew import Crew, gather

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws


@pytest.fixture(scope="module")
def shared_aws(embedded_aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """Give an embedded AWS with nothing in it but what the module's tests put there."""
    embedded_aws.reset()
    yield embedded_aws
    embedded_aws.reset()


@pytest.fixture
def crew(aws: EmbeddedAws, tmp_path: Path) -> Iterator[Crew]:
    """Give a crew of controllers, without anybody in it yet."""
    with gather(aws, tmp_path) as made:
        yield made
