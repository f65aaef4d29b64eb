"""``/history``: what is asked for, and what comes back."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from controller.daemon.pages.export import BAD_SINCE, read_since
from tests.support.pages import BEGAN, NOW

if TYPE_CHECKING:
    from tests.support.pages import Shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2033-05-18T05:43:00+02:00", 2_000_000_580.0),
        ("2033-05-18T05:43:00 02:00", 2_000_000_580.0),
        ("2033-05-18 03:43", 2_000_000_580.0),
    ],
    ids=["as it is meant", "its plus read as a space", "a space between day and hour"],
)
def test_a_zone_needs_no_escape(text: str, expected: float) -> None:
    """Nobody thinks of writing the plus of a zone as %2B."""
    assert expected == read_since(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterday", "2033-05-18T05:43:00 zone", "nan", "inf", "-1", "1e999", "1764150000000", "10000-01-01"],
)
def test_no_moment(text: str) -> None:
    """Anything else is refused with what to write: seconds that cannot be, and milliseconds, too."""
    with pytest.raises(ValueError, match="neither seconds since the epoch nor a time of ISO 8601"):
        read_since(text)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("scaler=nobody", 404, "no scaler has this name; / lists all of them\n"),
        ("scaler=busy&since=yesterday", 400, f"{BAD_SINCE}\n"),
        ("scaler=busy&format=xml", 400, "format is json or csv\n"),
        ("", 400, "name a scaler: /history?scaler=NAME\n"),
    ],
    ids=["unknown scaler", "bad moment", "bad format", "no scaler"],
)
def test_what_cannot_be_given(shown: Shown, query: str, status: int, said: str) -> None:
    """It says in a line what is wrong with the question."""
    answer = shown.get(f"/history?{query}")
    assert (status, said) == (answer.status, answer.text)


def test_json(shown: Shown) -> None:
    """Every point with all its counts; what is unknown is null, and how far back it reaches is said."""
    answer = shown.get("/history?scaler=absent")
    told: dict[str, Any] = json.loads(answer.text)
    assert "application/json" == answer.headers["Content-Type"]
    assert ("absent", BEGAN, BEGAN, False) == (told["scaler"], told["began"], told["polls_from"], told["cut"])
    assert [{"at": BEGAN, "event": "start"}] == told["events"]
    point = told["points"][0]
    assert (NOW, 0, None, "unknown_backlog") == (point["at"], point["seconds"], point["backlog"], point["reason"])
    assert "its history with it" in told["note"]


def test_csv(shown: Shown) -> None:
    """The same as a table, with a line of titles; what is unknown is empty, and a restart is a row of its own."""
    answer = shown.get("/history?scaler=denied&format=csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert "text/csv; charset=utf-8" == answer.headers["Content-Type"]
    assert [("2033-05-18T03:33:00Z", "", "", "start"), ("2033-05-18T03:43:00Z", "5", "5", "failed")] == [
        (row["time"], row["backlog"], row["backlog_most"], row["event"]) for row in rows
    ]


def test_only_what_came_since(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is older is left out, but for what still stood at that moment."""
    monkeypatch.setattr(shown.clock, "now", NOW + 10)
    told = json.loads(shown.get(f"/history?scaler=busy&since={NOW + 5}").text)
    assert ([], []) == (told["events"], [point for point in told["points"] if point["at"] < NOW + 5])
    assert [5] == [point["backlog"] for point in told["points"]]


def test_of_what_is_to_come_there_is_nothing(shown: Shown) -> None:
    """Whoever asks from tomorrow on gets no point, rather than one that pretends to know."""
    assert [] == json.loads(shown.get(f"/history?scaler=busy&since={NOW + 86_400}").text)["points"]
