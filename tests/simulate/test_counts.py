from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from controller.simulate.counts import (
    Count,
    Metered,
    estimate_work,
    infer_arrivals,
    read_log,
    read_prometheus,
    read_status,
    spread_metered,
)
from controller.simulate.traces import TraceError


def test_what_is_more_has_come() -> None:
    """What was there at first came with the first look, and the rest evenly between two looks."""
    arrivals = infer_arrivals([Count(0, 3, 0), Count(10, 5, 0), Count(20, 5, 0), Count(30, 6, 0)], 60)
    assert [(0, 3), (2.5, 1), (7.5, 1), (25, 1)] == [(arrival.at, arrival.messages) for arrival in arrivals]


def test_what_was_done_meanwhile_has_come_as_well() -> None:
    """Ten in flight for a minute each, and as many as ever: ten a minute have come."""
    arrivals = infer_arrivals([Count(minute * 60, 5, 10) for minute in range(7)], 60)
    assert 15 + 60 == sum(arrival.messages for arrival in arrivals)


def test_looks_far_apart_tell_little_of_the_time_between() -> None:
    """Five in flight before an hour and none after it are two minutes' work, and not an hour's."""
    arrivals = infer_arrivals([Count(0, 0, 5), Count(3600, 5, 0)], 60)
    assert 5 + 5 == sum(arrival.messages for arrival in arrivals)


def test_a_count_that_falls_brings_nothing() -> None:
    """And is not owed for ever by those who come later."""
    arrivals = infer_arrivals([Count(0, 100, 0), Count(10, 0, 0), Count(20, 30, 0)], 60)
    assert 100 + 30 == pytest.approx(sum(arrival.messages for arrival in arrivals), abs=1)


def test_a_log_is_read_for_one_scaler(tmp_path: Path) -> None:
    """Other scalers, other events, and lines that are no JSON are passed over."""
    path = tmp_path / "log"
    lines = [
        {"event": "decision", "scaler": "a", "at": 10.0, "visible": 3, "in_flight": 1},
        {"event": "decision", "scaler": "b", "at": 11.0, "visible": 9, "in_flight": 1},
        {"event": "decision", "scaler": "a", "at": 20.0},
        {"event": "reload", "scaler": "a"},
    ]
    path.write_text("\n".join(["starting", *map(json.dumps, lines)]))
    assert [Count(10, 3, 1)] == read_log(path, "a")
    with pytest.raises(TraceError, match="no decision of scaler c"):
        read_log(path, "c")
    with pytest.raises(TraceError, match="cannot be read"):
        read_log(tmp_path / "nowhere", "a")


@pytest.mark.parametrize(
    "odd", [{"at": "noon"}, {"at": [1]}, {"visible": -1}, {"visible": "many"}, {"in_flight": math.nan}]
)
def test_an_odd_line_of_a_log_is_named(tmp_path: Path, odd: dict[str, Any]) -> None:
    """With its number and its column: a count that is none would become arrivals that nobody can explain."""
    path = tmp_path / "log"
    sound = {"event": "decision", "scaler": "a", "at": 10.0, "visible": 3, "in_flight": 1}
    path.write_text("\n".join(map(json.dumps, (sound, sound | odd))))
    (key,) = odd
    column = json.dumps(sound | odd).index(f'"{key}"') + 1
    with pytest.raises(TraceError, match=f"^{path}:2:{column}: {key} cannot be "):
        read_log(path, "a")


@pytest.mark.parametrize("status", [{}, {"scalers": 3}, {"scalers": [{"name": "a"}]},
                                    {"scalers": [{"name": "a", "decisions": [7]}]}])  # fmt: skip
def test_what_is_no_status_is_said(status: dict[str, Any]) -> None:
    """Whatever else answers at that address."""
    with pytest.raises(TraceError, match="not ecsq, or another version of it"):
        read_status(status, "a")


def test_status_is_read_for_one_scaler() -> None:
    """By its last decisions; one that does not run there is named with those that do."""
    decisions = [{"at": 10.0, "visible": 3, "in_flight": 1}, {"at": 20.0, "visible": None, "in_flight": None}]
    status = {"scalers": [{"name": "a", "decisions": decisions}, {"name": "b", "decisions": []}]}
    assert [Count(10, 3, 1)] == read_status(status, "a")
    with pytest.raises(TraceError, match="no scaler c; it runs: a, b"):
        read_status(status, "c")
    with pytest.raises(TraceError, match="has not seen the queue of scaler b"):
        read_status(status, "b")


def test_prometheus_is_read_by_state() -> None:
    """A moment without anything in flight has none."""
    result = [
        {"metric": {"state": "visible"}, "values": [[10, "3"], [25, "4"]]},
        {"metric": {"state": "in_flight"}, "values": [[10, "1"]]},
    ]
    assert [Count(10, 3, 1), Count(25, 4, 0)] == read_prometheus({"data": {"result": result}})
    with pytest.raises(TraceError, match="has no ecsq_queue_messages"):
        read_prometheus({"data": {"result": []}})
    for answer in ({"error": "not found"}, {"data": {"result": [{**result[0], "values": [[10, "NaN"]]}]}}):
        with pytest.raises(TraceError, match="is not Prometheus"):
            read_prometheus(answer)


def test_work_is_estimated_by_littles_law() -> None:
    """Four in flight for two minutes while eight were done: a minute each."""
    metered = [Metered(0, 5, 3, 4), Metered(60, 5, 5, 4)]
    assert 60 == estimate_work(metered, 60)
    assert [None, None] == [estimate_work([seen], 60) for seen in (Metered(0, 5, 0, 4), Metered(0, 5, 5, 0))]


def test_more_than_a_simulation_takes_is_refused() -> None:
    """By the counts or by the sums, before a message is made of them."""
    with pytest.raises(TraceError, match="CloudWatch: 6000000 messages are more"):
        spread_metered([Metered(0, 6e6, 0, 0)], 60)
    with pytest.raises(TraceError, match="the counts: 6000000 messages are more"):
        infer_arrivals([Count(0, 0, 0), Count(10, 6e6, 0)], 60)
    with pytest.raises(TraceError, match="the counts: 400 days are more than a simulation takes, a year"):
        infer_arrivals([Count(0, 0, 0), Count(400 * 86_400, 1, 0)], 60)


def test_sums_of_a_period_come_evenly() -> None:
    """A period that is missing brings nothing."""
    arrivals = spread_metered([Metered(120, 1, 0, 0), Metered(0, 2, 0, 0)], 60)
    assert [15, 45, 150] == [arrival.at for arrival in arrivals]
