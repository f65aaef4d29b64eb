from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.config import LogSpec
from controller.core.copies.packing import Plan
from controller.core.decision.model import Fleet, Outcome, QueueCounts
from controller.core.record import LaunchResult, Reconciled, record
from controller.telemetry import log
from controller.telemetry.events import report_decision
from tests.support.controller import SCALER, scaler_spec
from tests.telemetry.decisions import NOW, decided
from tests.telemetry.lines import said, written

DECISION = decided(scaler_spec("main", "worker").policy, QueueCounts(3, 0, 0), Fleet(listed_at=2e9))
HELD = Reconciled(SCALER, DECISION)
FORGED = "x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b"
FAILED = Reconciled(
    SCALER, DECISION, LaunchResult(Outcome.FAILED, None, fault="invalid", error=f"scaler {SCALER}: {FORGED}")
)
STAMPS = {"event", "level", "timestamp"}


def drop_unknown(told: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what is unknown."""
    return {key: value for key, value in told.items() if value is not None}


def test_a_decision_is_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    """Its line carries what is known of its record; the scaler's level beside the event's own."""
    log.configure(LogSpec("info", "json"))
    report_decision(HELD, None)
    [line] = written(capsys)
    expected = drop_unknown({key: value for key, value in record(HELD).items() if key not in {"repeated", "since"}})
    expected["scaler_level"] = expected.pop("level")
    assert expected == {key: value for key, value in line.items() if key not in STAMPS}
    assert ("decision", "info") == (line["event"], line["level"])
    assert None not in line.values()


def test_whoever_reads_along_finds_the_cause_first(capsys: pytest.CaptureFixture[str]) -> None:
    """The scaler, the reason, the sentence, and beside it the error."""
    log.configure(LogSpec("info", "json"))
    report_decision(FAILED, None)
    [line] = written(capsys)
    assert ["scaler", "reason", "text", "error", "outcome"] == list(line)[:5]


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (HELD, f"{SCALER}: launch 3 containers (3 messages, 0 live of 3 desired)"),
        (
            FAILED,
            rf"{SCALER}: launch FAILED: x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b "
            "(3 messages, 0 live of 3 desired)",
        ),
        (
            Reconciled(SCALER, decided(scaler_spec("main", "worker").policy, None, None), problem="no queue"),
            f"{SCALER}: hold: the queue could not be read, so the backlog is unknown error='no queue'",
        ),
    ],
    ids=["launch", "failed", "unknown"],
)
def test_a_decision_as_text_is_its_sentence(
    capsys: pytest.CaptureFixture[str], done: Reconciled, expected: str
) -> None:
    """On one line with a clock time, and the error where the sentence does not have it; no numbers, no epoch."""
    log.configure(LogSpec("info", "text"))
    report_decision(done, None)
    text = said(capsys)
    assert text.count("\n") == 1
    stamp, _, told = text.removesuffix("\n").partition(" ")
    assert len("2026-11-27T08:40:00Z") == len(stamp)
    assert expected == " ".join(told.partition("] ")[2].split())


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
    report_decision(done, None)
    assert [level] == [line["level"] for line in written(capsys)]


@pytest.mark.parametrize(("repeated", "expected"), [(0, None), (7, 7)], ids=["came once", "repeated itself"])
def test_the_end_of_a_hold_tells_its_length(
    capsys: pytest.CaptureFixture[str], repeated: int, expected: int | None
) -> None:
    """The decision after a hold says how often that one had repeated itself."""
    log.configure(LogSpec("info", "json"))
    report_decision(HELD, Reconciled(SCALER, DECISION, repeated=repeated))
    assert [expected] == [line.get("previous_repeated") for line in written(capsys)]


def test_what_is_said_again_tells_how_long_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    """And how often it was tried, in the sentence and for programs."""
    log.configure(LogSpec("info", "json"))
    report_decision(replace(FAILED, repeated=5, since=NOW - 320, said_at=NOW), FAILED)
    [line] = written(capsys)
    assert (5, NOW - 320, "5m20s", None) == tuple(
        line.get(key) for key in ("repeated", "since", "lasts", "previous_repeated")
    )
    assert line["text"].endswith("desired); the same for 5m20s, 6 tries in a row")
