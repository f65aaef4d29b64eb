"""One scaler's page: the words of ``ecsq status``, and what leads to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.core.decision.breaker import Breaker
from controller.core.decision.doctor import Checkup, QueueTraits, examine
from controller.core.decision.lessons import Lessons
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.queue_sum import add_up
from controller.core.decision.state import ScalerState
from controller.daemon.pages.scaler import PROMISES, describe_task, read_scaler, say_age
from tests.support.pages import NOW, Page, Shown, document

if TYPE_CHECKING:
    from pathlib import Path

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
    assert {"ways", "waterfall", "past", "level", "tasks", "decisions", "queue", "text", "status-text"} <= ids


def test_the_key_that_would_move_it(shown: Shown) -> None:
    """Beside a step stands the key, with the line of the file in which it is or would be."""
    text = re.sub(r"<[^>]+>|\s+", " ", shown.get("/scalers/busy").text)
    lines = shown.path.read_text().splitlines()
    line = next(number for number, each in enumerate(lines, 1) if each.startswith("- name: busy"))
    demand = next(number for number, each in enumerate(lines, 1) if number > line and "messages_per_container" in each)
    squeezed = " ".join(text.split())
    assert f"demand.messages_per_container line {demand}" in squeezed
    assert f"max_containers not set, default; belongs below line {line}" in squeezed


def test_a_scaler_that_was_not_observed_yet(shown: Shown) -> None:
    """After a restart each part says that it knows nothing yet, rather than being empty or all zeros."""
    told = Page(shown.get("/scalers/fresh").text).texts
    assert "not observed yet" == told["verdict"]
    for part in ("ways", "waterfall"):
        assert "Not known before the first poll." in told[part]
    assert "the process began at" in told["past"]


def test_a_key_of_all_scalers_stands_at_the_top_of_the_file(shown: Shown) -> None:
    """The budget is not looked for in the scaler."""
    text = " ".join(re.sub(r"<[^>]+>|\s+", " ", shown.get("/scalers/denied").text).split())
    lines = shown.path.read_text().splitlines()
    assert f"budget.max_containers line {lines.index('  max_containers: 40') + 1}" in text


def test_the_queues_settings(shown: Shown) -> None:
    """The page has them whole, with what is to be mended; before they are known it says so."""
    assert "Not known yet." in Page(shown.get("/scalers/busy").text).texts["queue"]
    series, policy = shown.scalers["busy"].series, shown.scalers["busy"].spec.policy
    traits = QueueTraits(30.0, 345_600.0, 0.0, "")
    series.checkups = (Checkup(traits, findings=examine(policy, traits, None)),)
    told = Page(shown.get("/scalers/busy").text).texts
    series.checkups = ()
    assert "Visibility timeout 30s, retention 4d, receive wait 0s, no dead-letter queue." in told["queue"]
    assert "The queue has no dead-letter queue: " in told["queue"]
    assert "  doctor    the queue has no dead-letter queue: " in told["status-text"]


def test_each_of_several_queues_has_a_row(tmp_path: Path) -> None:
    """With what it holds; and every page says whose queues could not be found."""
    shown = Shown(tmp_path, document("orders", scaler_queue=None, scaler_queues=["urgent", "normal"]))
    seen = add_up([("urgent", QueueCounts(3, 0, 0)), ("normal", QueueCounts(0, 1, 0))])
    shown.show("orders", seen, Fleet(listed_at=NOW), state=ScalerState())
    shown.searches = [{"scaler": "video", "search": "queues", "queues": None, "problem": "sqs:ListQueues is denied"}]
    shown.server.start()
    try:
        text = shown.get("/scalers/orders").text
        overview = shown.get("/").text
    finally:
        shown.server.stop()
    told = Page(text).texts
    assert ["urgent300", "normal010"] == told["queue"].partition("delayed")[2].split()[:2]
    assert "queues    2 queues: urgent 3 visible; normal 0 visible + 1 in flight" in told["status-text"]
    assert "scaler video: sqs:ListQueues is denied" in told["status-text"]
    for page in (text, overview):
        assert "The queues of video could not all be found." in page


def test_the_last_decisions_unfold(shown: Shown) -> None:
    """Each decision has its own lines, as they were then."""
    page = Page(shown.get("/scalers/busy").text)
    unfolded = [name for name in page.texts if name.startswith("decision-")]
    assert 1 == len(unfolded)
    assert "5 messages of backlog = 3 visible + 2 in flight" in page.texts[unfolded[0]]


def test_tasks_that_fail_are_told_whatever_holds(tmp_path: Path) -> None:
    """A scaler that cools down with an open breaker says why its tasks fail, and that a person has to mend it."""
    shown = Shown(tmp_path, document("one"))
    breaker = Breaker(bad_ends=5, open_until=NOW - 1, cause="CannotPullContainerError")
    state = ScalerState(launched_at=NOW - 1, breaker=breaker, history_read=True, level=LevelState(level=4, awake=True))
    shown.show("one", QueueCounts(4, 0, 0), Fleet(listed_at=NOW), state=state)
    told = read_scaler(shown.sight, shown.scalers["one"], "2h", NOW)
    shown.server.start()
    shown.server.stop()
    assert "failing" == told["state"]
    assert "the last launch was too recent" in told["verdict"]
    assert told["verdict"].endswith("; tasks failed: CannotPullContainerError")
    assert "person" in [way.by for way in told["ways"]]


def test_what_was_learned_is_told(tmp_path: Path) -> None:
    """How long a message takes, from how many, and how sure that is; until then that nobody knows."""
    shown = Shown(tmp_path, document("learns", "new", scaler_demand={"start_within": "5m"}))
    fleet, queue = Fleet(listed_at=NOW, running=2, running_tasks=2), QueueCounts(visible=3, in_flight=2, delayed=0)
    shown.show("learns", queue, fleet, state=ScalerState(lessons=Lessons(work=3000.0, deleted=100.0, looks=1e9)))
    shown.show("new", queue, fleet, state=ScalerState())
    assert {"no_level": PROMISES, "staircase": None}.items() <= read_scaler(
        shown.sight, shown.scalers["learns"], "2h", NOW
    ).items()
    learned, unknown = (
        dict(read_scaler(shown.sight, scaler, "2h", NOW)["learned"]) for scaler in shown.scalers.values()
    )
    shown.server.start()
    shown.server.stop()
    assert "33s a message, learned from 100 messages, 9% of it for chance" == learned["seconds per message"]
    assert unknown["seconds per message"].startswith("unknown how long a message takes")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"family": "worker", "revision": 7, "cpu": 256, "memory": 512}, ("worker:7", "256 CPU units, 512 MiB")),
        ({"family": "worker", "revision": None, "cpu": None, "memory": 512}, ("worker", "512 MiB")),
        ({}, ("not told yet", "not told yet")),
    ],
    ids=["whole", "in part", "just launched"],
)
def test_what_a_task_is_made_from(made: dict[str, Any], expected: tuple[str, str]) -> None:
    """By what ECS told of it, so that a controller which has just begun knows as much as the one before."""
    unknown = dict.fromkeys(("family", "revision", "cpu", "memory", "started_at"))
    task = {"arn": "a/1", "state": "running", "created_at": 0.0, "workers": 1, "running": 1, "guessed": ()}
    told = describe_task(task | unknown | made, None, 60.0)
    assert expected == (told["definition"], told["size"])


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
