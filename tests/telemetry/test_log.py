from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timedelta

import pytest
import structlog

from controller.config import LogSpec
from controller.core.copies.packing import Plan
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.telemetry import log
from controller.telemetry.events import Templates, report_decision
from tests.telemetry.lines import said, written


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON line carries the event, its level, its time in UTC and its fields; what is unknown is left out."""
    log.configure(LogSpec("info", "json"))
    structlog.get_logger().info("something", scaler="one", none=None, nested=[{"a": None, "b": 0}])
    [line] = written(capsys)
    assert timedelta(0) == datetime.fromisoformat(line.pop("timestamp")).utcoffset()
    assert {"event": "something", "level": "info", "scaler": "one", "nested": [{"b": 0}]} == line


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is one line that a person reads."""
    log.configure(LogSpec("info", "text"))
    structlog.get_logger().info("something", scaler="one")
    [line] = said(capsys).splitlines()
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
    assert text == (not said(capsys).startswith("{"))


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
    [line] = said(capsys).splitlines()
    assert "warning" in line
    assert "late" in line


def test_configured_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A reload replaces what was there: each line is written once."""
    log.configure(LogSpec("info", "text"))
    log.configure(LogSpec("info", "json"))
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").warning("theirs")
    assert ["ours", "theirs"] == [line["event"] for line in written(capsys)]


def test_a_broken_reconcile(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of our own is an error with its traceback, on one line, and names the scaler."""
    log.configure(LogSpec("info", "json"))
    try:
        _ = {}["taskArns"]
    except KeyError:
        report_decision(Reconciled("one", Decision(1e9, Reason.BROKEN), problem="a fault of ours"), None)
    [line] = written(capsys)
    told = ("reconcile broke", "error", "one", "a fault of ours")
    assert told == tuple(line[key] for key in ("event", "level", "scaler", "error"))
    assert "KeyError: 'taskArns'" in line["exception"]


FORGED = "x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b\nscaler s1: idle"


def break_with(text: str) -> None:
    """Log a fault of ours with this message."""
    try:
        raise_with(text)
    except ValueError:
        report_decision(Reconciled("one", Decision(1e9, Reason.BROKEN), problem="a fault of ours"), None)


def raise_with(text: str) -> None:
    """Raise an error with this message."""
    raise ValueError(text)


def test_nothing_reaches_a_terminal_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an event, its fields, a library's message and a traceback hold: no escapes, and no line of its own."""
    log.configure(LogSpec("info", "text"))
    structlog.get_logger().info(FORGED, error=FORGED, problems=[FORGED], inner={FORGED: FORGED})
    logging.getLogger("some.library").warning("%s", FORGED)
    break_with(FORGED)
    lines = said(capsys).removesuffix("\n").split("\n")
    assert [] == [line for line in lines if not line.isprintable()]
    assert 3 == len([line for line in lines if not line.startswith("  ")])


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_password_in_a_url_is_masked(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """In whatever an event, a library or a traceback says."""
    log.configure(LogSpec("info", form))
    url = "http://user:secret@proxy:3128"
    structlog.get_logger().info(f"asked {url}", error=f'no answer from "{url}"', problems=[url])
    logging.getLogger("some.library").warning("retrying %s", url)
    break_with(url)
    text = said(capsys)
    assert ("secret" in text, 5) == (False, text.count("http://***@proxy:3128"))


@pytest.mark.parametrize(("terminal", "no_color"), [(True, ""), (True, "1"), (False, "")])
def test_colours_are_for_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool, no_color: str
) -> None:
    """And for those alone that nobody has asked to do without."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    log.configure(LogSpec("info", "text"))
    structlog.get_logger().info("something")
    assert (terminal and not no_color) == ("\x1b[" in said(capsys))


def test_what_deserves_a_second_look_in_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    """Each warning is an event of its own, which names the scaler, and is told once for a revision."""
    log.configure(LogSpec("info", "json"))
    templates = Templates("one")
    for plan, warnings in ((None, ("lost",)), (Plan(), ("first", "second")), (Plan(), ("first", "second"))):
        templates.look_at(LaunchResult(Outcome.LAUNCHED, plan, warnings=warnings))
    assert [("template", "warning", "one", "first"), ("template", "warning", "one", "second")] == [
        (line["event"], line["level"], line["scaler"], line["text"]) for line in written(capsys)
    ]
