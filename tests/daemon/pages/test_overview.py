"""All scalers in rows: which, in which order, and how many on a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError, Fault
from controller.core.decision.model import Decision, Fleet, QueueCounts, Reason
from controller.core.decision.state import ScalerState
from controller.core.record import Reconciled
from controller.daemon.pages.overview import Wanted, list_rows
from controller.scaling.cycle import Turn
from controller.scaling.observe import Observation
from tests.support.pages import BEGAN, NOW, Page, Shown, document

if TYPE_CHECKING:
    from pathlib import Path


def names(shown: Shown, query: str = "") -> list[str]:
    """Return the names of the rows of a page, from above."""
    ids = [str(attributes.get("id")) for tag, attributes in Page(shown.get(f"/{query}").text).tags if tag == "tr"]
    return [name.removeprefix("row-") for name in ids if name.startswith("row-")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["denied", "absent", "busy", "fresh", "quiet"]),
        ("?state=trouble", ["denied", "absent"]),
        ("?state=idle", ["quiet"]),
        ("?state=new", ["fresh"]),
        ("?name=e", ["denied", "absent", "fresh", "quiet"]),
        ("?name=e&state=trouble", ["denied", "absent"]),
        ("?name=+Busy+", ["busy"]),
        ("?page=7", ["denied", "absent", "busy", "fresh", "quiet"]),
        ("?page=x&state=nonsense", []),
    ],
    ids=["all", "trouble", "a state", "not observed", "part of a name", "both", "as typed", "no such page", "no state"],
)
def test_which_rows(shown: Shown, query: str, expected: list[str]) -> None:
    """Those in trouble come first, the worst of them before the others, then all by name; a filter leaves out."""
    assert expected == names(shown, query)


def test_what_a_row_tells(shown: Shown) -> None:
    """The state in words, the reason, and the numbers of the last decision; what is wrong, if something is."""
    rows = {row.name: row for row in list_rows(shown.sight, Wanted(), NOW)["rows"]}
    busy, absent = rows["busy"], rows["absent"]
    assert ("working", "satisfied", 5, 5, 5, 90, None, False) == (
        busy.state,
        busy.reason,
        busy.backlog,
        busy.live,
        busy.desired,
        busy.most,
        busy.told,
        busy.is_trouble,
    )
    assert ("unknown", "unknown_backlog", None, None) == (absent.state, absent.reason, absent.backlog, absent.live)
    assert ("failed", "access_denied") == (rows["denied"].state, rows["denied"].reason)
    assert "is not authorized" in str(absent.told)
    assert absent.is_trouble


def test_what_messages_wait_for_is_told(tmp_path: Path) -> None:
    """A row of a scaler that a limit holds back says which, though nobody is woken for it."""
    shown = Shown(tmp_path, document("full", scaler_max_containers=2))
    shown.show("full", QueueCounts(30, 2, 0), Fleet(listed_at=NOW, running=2, running_tasks=2), state=ScalerState())
    shown.server.start()
    (row,) = list_rows(shown.sight, Wanted(), NOW)["rows"]
    shown.server.stop()
    assert ("short", "at_max", False) == (row.state, row.reason, row.is_trouble)
    assert "hold: max_containers is reached, and 30 messages wait (32 messages, 2 live of 2 desired)" == row.told


@pytest.mark.parametrize(
    ("shard", "said"),
    [
        (None, "The configuration has no scaler."),
        ({"index": 2, "of": 2, "problem": None}, "Other controllers have all scalers of the configuration now."),
    ],
    ids=["alone", "one of two"],
)
def test_no_scaler_at_all(tmp_path: Path, shard: dict[str, object] | None, said: str) -> None:
    """Nobody is told to leave a filter out that there is not."""
    shown = Shown(tmp_path, document("one"))
    shown.scalers, shown.shard = {}, shard
    shown.server.start()
    text = shown.get("/").text
    shown.server.stop()
    assert said in text
    assert "Show all" not in text


def test_a_scaler_that_rests_after_failures(shown: Shown) -> None:
    """Its next poll is when it tries again, and not the one in its phase, which would do nothing."""
    scaler, problem = shown.scalers["fresh"], AwsError(Fault.ACCESS_DENIED, "denied")
    failed = Turn(Decision(NOW, Reason.UNKNOWN_BACKLOG), Observation(problem=problem))
    for _ in range(6):
        scaler.retries.note(failed, 10.0, scaler.retries.asked)
    rests = shown.sight.find_next_poll(scaler, NOW)
    scaler.retries.ask()
    assert (NOW + 55, True) == (rests, shown.sight.find_next_poll(scaler, NOW) <= NOW + 10)


def test_what_runs(shown: Shown) -> None:
    """The head says which configuration is in force, what of the budget is used, and what is wrong with AWS."""
    text = " ".join(shown.get("/").text.split())
    assert f"<code>{shown.path}</code> {shown.file.hash[:12]}, taken at 03:33:00Z" in text
    assert "<dt>budget</dt><dd>0 of 40 containers</dd>" in text
    assert "<dt>AWS</dt><dd>permission denied (1 scaler); queue does not exist (1 scaler)</dd>" in text


@pytest.mark.parametrize(
    ("shard", "said"),
    [
        ({"index": 2, "of": 3, "problem": None}, "controller 2 of 3"),
        ({"index": None, "of": 3, "problem": None}, "none of the 3 live controllers"),
        ({"index": None, "of": None, "problem": "denied"}, "other controllers not found: denied"),
    ],
    ids=["one of three", "none of them", "not found"],
)
def test_which_controller_it_is(shown: Shown, shard: dict[str, object], said: str) -> None:
    """Where several share the scalers, each page says which of them shows it."""
    shown.shard = shard
    texts = [shown.get(path).text for path in ("/", "/scalers/busy")]
    shown.shard = None
    assert [True, True] == [said in text for text in texts]
    assert "<h1>5 of 5 scalers" in texts[0]
    assert said not in shown.get("/").text


def test_a_scaler_that_another_controller_may_have(shown: Shown) -> None:
    """Where several share the scalers, nobody is told that there is none of a name, but to ask the others."""
    shown.shard = {"index": 2, "of": 3, "problem": None}
    page, history = shown.get("/scalers/elsewhere"), shown.get("/history?scaler=elsewhere")
    shown.shard = None
    assert (404, 404) == (page.status, history.status)
    assert "<h1>This controller has no scaler “elsewhere”</h1>" in page.text
    assert "Several controllers share the scalers, so ask the others too." in page.text
    assert history.text.endswith("; several controllers share the scalers, so ask the others too\n")


def test_a_refused_edit_is_told_with_its_lines(tmp_path: Path) -> None:
    """Whoever has edited the file sees on every page that it does not hold, and why."""
    shown = Shown(tmp_path, document("one"), dry_run=True)
    shown.path.write_text(shown.path.read_text() + "nonsense: 1\n")
    with pytest.raises(Exception, match="nonsense"):
        shown.file.reload()
    shown.show("one", QueueCounts(0, 0, 0), Fleet(listed_at=NOW), state=ScalerState())
    shown.server.start()
    text, page = shown.get("/").text, shown.get("/scalers/one").text
    shown.server.stop()
    assert "It is a dry run, which launches nothing: start it without --dry-run." in page
    assert "was refused; an earlier configuration stays" in text
    assert f"{shown.path}:14:1: nonsense: " in text
    assert "dry run: nothing is launched" in text


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Make a thousand scalers, some in trouble, all with a changing past."""
    shown = Shown(tmp_path_factory.mktemp("many"), document(*(f"scaler-{number:04}" for number in range(1000))))
    state = ScalerState()
    for number, name in enumerate(shown.scalers):
        queue, fleet = QueueCounts(number % 9, 2, 0), Fleet(listed_at=NOW, running=number % 5)
        shown.show(name, queue, fleet, state=state)
        last = shown.scalers[name].last
        assert last is not None
        for minute in range(60):
            backlog = (number * 7 + minute * 13) % 50
            seen = replace(last.decision, at=NOW + minute * 60, backlog=backlog)
            shown.scalers[name].track.note(Reconciled(name, seen))
        if number % 100 == 99:
            shown.keep(name, Reconciled(name, last.decision, problem="gone", fault="missing"))
    shown.clock.now = BEGAN + 7200
    return shown


def test_a_thousand_scalers(many: Shown) -> None:
    """A page has a hundred of them and stays below 300 kB; the other pages have the rest, each scaler once."""
    many.server.start()
    try:
        pages = [names(many, f"?page={page}") for page in range(1, 11)]
        size = len(many.get("/").text)
    finally:
        many.server.stop()
    assert [100] * 10 == [len(page) for page in pages]
    assert many.scalers.keys() == {name for page in pages for name in page}
    assert [f"scaler-{number:04}" for number in range(99, 1000, 100)] == pages[0][:10]
    assert size < 300_000
