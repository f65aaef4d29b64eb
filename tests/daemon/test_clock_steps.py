"""The machine's clock steps while the daemon runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import create_queue, eventually
from tests.support.daemon import CREDENTIALS, SOON, TAKEN, Daemon, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

pytestmark = pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
ENOUGH = 2
"""Polls that have to come: more than one that was on its way can account for."""
STEPS = {"40 s back": -40, "an hour back": -3600, "a day forward": 86_400}


def find_library() -> str:
    """Return the library that moves a process's clock, by the word of the command that uses it."""
    command = ["faketime", "-f", "+0", "sh", "-c", 'echo "$LD_PRELOAD"']
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split(":")[-1].strip()


class Stepped:
    """A daemon that watches its file, and the clock that it goes by."""

    def __init__(self, aws: EmbeddedAws, directory: Path) -> None:
        self.aws = aws
        self.offset = directory / "offset"
        self.step(0)
        self.variables = CREDENTIALS | {
            "LD_PRELOAD": find_library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            # The wall clock is what steps on a machine; this one never does.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Let its clock be so many seconds from the machine's."""
        draft = self.offset.with_suffix(".new")
        draft.write_text(f"{seconds:+d}", encoding="utf-8")
        draft.replace(self.offset)

    def goes_on(self) -> bool:
        """Say whether polls come."""
        before = self.aws.journal.count("sqs", "GetQueueAttributes")
        return bool(
            eventually(lambda: self.aws.journal.count("sqs", "GetQueueAttributes") >= before + ENOUGH, within=SOON)
        )


@pytest.fixture
def stepped(aws: EmbeddedAws, tmp_path: Path) -> Stepped:
    """Make a clock that is right so far."""
    return Stepped(aws, tmp_path)


@pytest.fixture
def daemon(aws: EmbeddedAws, stepped: Stepped, tmp_path: Path, cluster: str, template: str) -> Iterator[Daemon]:
    """Run a daemon on that clock."""
    create_queue(aws, "orders")
    wanted = configuration(aws, scaler("orders", template, cluster=cluster))
    with running(tmp_path, wanted, "--watch", variables=stepped.variables) as daemon:
        yield daemon


def test_polls_go_on(stepped: Stepped, daemon: Daemon) -> None:
    """Polls go on at their pace after the clock has stepped, and after it was put right; each step is one warning."""
    assert stepped.goes_on()
    for number, (step, seconds) in enumerate(STEPS.items()):
        stepped.step(seconds)
        assert stepped.goes_on(), step
        eventually(lambda warned=2 * number + 1: warned == len(daemon.events("the clock has stepped")), within=SOON)
        assert (200, "ok\n") == daemon.get("/healthz"), step
        # The file is still watched.
        daemon.write(daemon.config.read_text(encoding="utf-8") + f"# as before: {step}\n")
        eventually(lambda taken=number + 1: taken == len(daemon.events(TAKEN)), within=SOON)
        stepped.step(0)
        assert stepped.goes_on(), step
        eventually(lambda warned=2 * number + 2: warned == len(daemon.events("the clock has stepped")), within=SOON)
    assert 0 == daemon.stop()
