from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from controller.config import LogSpec
from controller.core.copies.packing import Plan
from controller.core.decision.model import Decision, Fleet, Outcome, QueueCounts, Reason
from controller.core.record import LaunchResult, Reconciled, record
from controller.telemetry import log
from controller.telemetry.lines import LINES
from tests.support.controller import SCALER, scaler_spec
from tests.support.daemon import SOON
from tests.telemetry.decisions import decided

if TYPE_CHECKING:
    from collections.abc import Iterator

DECISION = decided(scaler_spec("main", "worker").policy, QueueCounts(3, 0, 0), Fleet(listed_at=2e9))
HELD = Reconciled(SCALER, DECISION)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the process its logging back after each test."""
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    logging.raiseExceptions, threading.excepthook = True, hook
    structlog.reset_defaults()


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that were written on standard error, once they are."""
    assert LINES.drain(SOON)
    return capsys.readouterr().err.splitlines()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written on standard error, each line a JSON object."""
    return [json.loads(line) for line in said(capsys)]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON line carries the event, its level, its time in UTC and its fields."""
    log.configure(LogSpec("info", "json"))
    structlog.get_logger().info("something", scaler="one", none=None)
    [line] = written(capsys)
    assert timedelta(0) == datetime.fromisoformat(line.pop("timestamp")).utcoffset()
    assert {"event": "something", "level": "info", "scaler": "one", "none": None} == line


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is one line that a person reads."""
    log.configure(LogSpec("info", "text"))
    structlog.get_logger().info("something", scaler="one")
    [line] = said(capsys)
    assert "something" in line
    assert "one" in line
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)


@pytest.mark.parametrize(("terminal", "text"), [(True, True), (False, False)], ids=["terminal", "pipe"])
def test_auto(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool, text: bool
) -> None:
    """Auto is text on a terminal and JSON anywhere else."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    log.configure(LogSpec("info", "auto"))
    structlog.get_logger().info("something")
    assert text == (not said(capsys)[0].startswith("{"))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], level: str, expected: list[str]) -> None:
    """Only events of the configured level and above are written."""
    log.configure(LogSpec(level, "json"))
    for each in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), each)("something")
    assert expected == [line["level"] for line in written(capsys)]


def test_libraries_log_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library warns of has the form of our own lines, its traceback included; the rest is left out."""
    log.configure(LogSpec("info", "json"))
    library = logging.getLogger("some.library")
    library.info("looking")
    library.warning("no %s", "role")
    try:
        int("two\nlines")
    except ValueError:
        library.exception("failed")
    warning, error = written(capsys)
    assert {"event", "level", "timestamp"} == set(warning)
    assert ("no role", "warning") == (warning["event"], warning["level"])
    assert ("failed", "error") == (error["event"], error["level"])
    assert "ValueError: invalid literal" in error["exception"]


def test_libraries_log_alike_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The same goes for text: one line, with the level."""
    log.configure(LogSpec("info", "text"))
    logging.getLogger("apscheduler").warning("late")
    [line] = said(capsys)
    assert "warning" in line
    assert "late" in line


def test_configured_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A reload replaces what was there: each line is written once."""
    log.configure(LogSpec("info", "text"))
    log.configure(LogSpec("info", "json"))
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").warning("theirs")
    assert ["ours", "theirs"] == [line["event"] for line in written(capsys)]


def test_a_decision_is_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    """A decision's line carries its whole record, what is None as well; the scaler's level beside the event's own."""
    log.configure(LogSpec("info", "json"))
    log.report_decision(HELD, None)
    [line] = written(capsys)
    expected = {key: value for key, value in record(HELD).items() if key not in {"repeated", "since"}}
    expected["scaler_level"] = expected.pop("level")
    assert expected == {key: value for key, value in line.items() if key not in {"event", "level", "timestamp"}}
    assert ("decision", "info") == (line["event"], line["level"])


def test_a_decision_as_text_begins_with_what_was_decided(capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads the scaler, the reason and the sentence first, then the numbers that are known."""
    log.configure(LogSpec("info", "text"))
    log.report_decision(HELD, None)
    [line] = [re.sub(r"\x1b\[\d*m", "", line) for line in said(capsys)]
    told = line.partition(" decision ")[2].lstrip()
    first = (
        f"scaler={SCALER} reason=launch text='launch 3 containers (3 messages, 0 live of 3 desired)' at=2000000000.0"
    )
    assert f"{first} visible=3 " == told[: len(first) + len(" visible=3 ")]
    unknown = {f"{key}=" for key, value in record(HELD).items() if value is None}
    assert unknown
    assert not [key for key in unknown if f" {key}" in line]


@pytest.mark.parametrize(
    ("done", "level"),
    [
        (HELD, "info"),
        (Reconciled(SCALER, DECISION, LaunchResult(Outcome.LAUNCHED, Plan())), "info"),
        (Reconciled(SCALER, DECISION, LaunchResult(Outcome.DRY_RUN, Plan())), "info"),
        (Reconciled(SCALER, DECISION, LaunchResult(Outcome.PARTLY_LAUNCHED, Plan())), "warning"),
        (Reconciled(SCALER, DECISION, LaunchResult(Outcome.FAILED, None)), "warning"),
        (Reconciled(SCALER, DECISION, LaunchResult(Outcome.IN_DOUBT, Plan())), "warning"),
        (Reconciled(SCALER, DECISION, problem="no queue"), "warning"),
    ],
    ids=["hold", "launched", "dry run", "partly", "failed", "in doubt", "problem"],
)
def test_what_went_wrong_is_a_warning(capsys: pytest.CaptureFixture[str], done: Reconciled, level: str) -> None:
    """A decision is a warning when something could not be seen, or did not start whole."""
    log.configure(LogSpec("info", "json"))
    log.report_decision(done, None)
    assert [level] == [line["level"] for line in written(capsys)]


@pytest.mark.parametrize(("repeated", "expected"), [(0, None), (7, 7)], ids=["came once", "repeated itself"])
def test_the_end_of_a_hold_tells_its_length(
    capsys: pytest.CaptureFixture[str], repeated: int, expected: int | None
) -> None:
    """The decision after a hold says how often that one had repeated itself."""
    log.configure(LogSpec("info", "json"))
    log.report_decision(HELD, Reconciled(SCALER, DECISION, repeated=repeated))
    assert [expected] == [line.get("previous_repeated") for line in written(capsys)]


def test_what_deserves_a_second_look_in_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    """Each warning is an event of its own, which names the scaler."""
    log.configure(LogSpec("info", "json"))
    log.report_template("one", ("first", "second"))
    assert [("template", "warning", "one", "first"), ("template", "warning", "one", "second")] == [
        (line["event"], line["level"], line["scaler"], line["text"]) for line in written(capsys)
    ]


def test_a_broken_reconcile(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of our own is an error with its traceback, on one line, and names the scaler."""
    log.configure(LogSpec("info", "json"))
    try:
        _ = {}["taskArns"]
    except KeyError:
        log.report_decision(Reconciled("one", Decision(1e9, Reason.BROKEN), problem="a fault of ours"), None)
    [line] = written(capsys)
    told = ("reconcile broke", "error", "one", "a fault of ours")
    assert told == tuple(line[key] for key in ("event", "level", "scaler", "error"))
    assert "KeyError: 'taskArns'" in line["exception"]
