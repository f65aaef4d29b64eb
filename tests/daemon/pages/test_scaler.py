"""One scaler's page: the words of ``ecsq status``, and what leads to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.daemon.pages.scaler import say_age
from tests.support.pages import Page

if TYPE_CHECKING:
    from tests.support.pages import Shown

each_scaler = pytest.mark.parametrize("name", ["quiet", "busy", "denied", "absent", "fresh"])


@each_scaler
def test_the_same_text_as_ecsq_status(shown: Shown, name: str) -> None:
    """What somebody copies into a ticket is what a colleague sees on a terminal, to the letter."""
    said = CliRunner(env={"COLUMNS": "500"}).invoke(main, ["status", shown.address, "--scaler", name])
    assert 0 == said.exit_code
    assert said.stdout.rstrip("\n") == Page(shown.get(f"/scalers/{name}").text).texts["status-text"]


@each_scaler
@pytest.mark.parametrize("span", ["2h", "24h", "nonsense"])
def test_every_section_is_there(shown: Shown, name: str, span: str) -> None:
    """Whatever is known of a scaler, its page is whole; a span that is none is two hours."""
    answer = shown.get(f"/scalers/{name}?span={span}")
    ids = {attributes.get("id") for _, attributes in Page(answer.text).tags}
    assert 200 == answer.status
    assert {"ways", "waterfall", "past", "level", "tasks", "decisions", "text", "status-text"} <= ids


def test_the_key_that_would_move_it(shown: Shown) -> None:
    """Beside a step stands the key, with the line of the file in which it is or would be."""
    text = re.sub(r"<[^>]+>|\s+", " ", shown.get("/scalers/busy").text)
    lines = shown.path.read_text().splitlines()
    line = next(number for number, each in enumerate(lines, 1) if each.startswith("- name: busy"))
    demand = next(number for number, each in enumerate(lines, 1) if number > line and "messages_per_container" in each)
    squeezed = " ".join(text.split())
    assert f"demand.messages_per_container line {demand}" in squeezed
    assert f"max_containers not set, default; belongs below line {line}" in squeezed


def test_the_last_decisions_unfold(shown: Shown) -> None:
    """Each decision has its own lines, as they were then."""
    page = Page(shown.get("/scalers/busy").text)
    unfolded = [name for name in page.texts if name.startswith("decision-")]
    assert 1 == len(unfolded)
    assert "5 messages of backlog = 3 visible + 2 in flight" in page.texts[unfolded[0]]


@pytest.mark.parametrize(
    ("deadline", "started_at", "expected"),
    [
        (None, 60.0, "1h5m"),
        (7200, 300.0, "1h5m, ran 1h of 2h"),
        (7200, None, "1h5m, may run for 2h"),
    ],
)
def test_the_age_of_a_task_is_held_against_its_deadline(
    deadline: int | None, started_at: float | None, expected: str
) -> None:
    """Whoever looks for what hangs sees how much time each task has left."""
    assert expected == say_age({"created_at": 0.0, "started_at": started_at}, deadline, 3900.0)
