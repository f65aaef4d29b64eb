from __future__ import annotations

from controller.core.envelopes import Sender, write_event, write_slack
from controller.core.notices import Kind, Notice

SENDER = Sender("ecsq", "1.2.3")
NOTICE = Notice(Kind.LAUNCH_FAILED, 1_800_000_000.25, "ingest", "no <cluster> & no room", "missing")


def test_a_cloud_event_is_whole() -> None:
    """It has every attribute that the specification requires, with the scaler as its subject."""
    expected = {
        "specversion": "1.0",
        "id": "one",
        "source": "/ecs-queue-controller/ecsq",
        "type": "ecs-queue-controller.launch_failed",
        "time": "2027-01-15T08:00:00.250Z",
        "datacontenttype": "application/json",
        "subject": "ingest",
        "data": {
            "controller": "ecsq",
            "version": "1.2.3",
            "scaler": "ingest",
            "text": "no <cluster> & no room",
            "reason": "missing",
        },
    }
    assert expected == write_event(NOTICE, SENDER, "one")


def test_what_is_of_no_scaler_has_no_subject() -> None:
    """An attribute of a CloudEvent may not be null."""
    notice = Notice(Kind.CONFIGURATION_TAKEN, 0.0, None, "taken again")
    assert "subject" not in write_event(notice, SENDER, "one")
    assert {"text": "ecsq: taken again"} == write_slack(notice, SENDER)


def test_nothing_is_markup_in_slack() -> None:
    """What AWS says can neither link nor call anybody."""
    assert {"text": "ecsq, scaler ingest: no &lt;cluster&gt; &amp; no room"} == write_slack(NOTICE, SENDER)
