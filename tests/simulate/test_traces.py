from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from controller.simulate import traces
from controller.simulate.traces import TraceError, read_trace
from controller.simulate.world import Arrival


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


def test_rows_arrive_at_their_time(trace: Path) -> None:
    """Epoch and ISO 8601 with and without zone mean the same moment; rows of nothing bring nothing."""
    trace.write_text("time,count\n0,2\n1970-01-01T00:01:00,1\n\n1970-01-01T01:02:00+01:00,3\n300,0\n")
    assert [Arrival(0, 2), Arrival(60, 1), Arrival(120, 3)] == read_trace(trace).arrivals


def test_rows_may_tell_the_seconds_of_work(trace: Path) -> None:
    """Then each row is a message."""
    trace.write_text("Time, Seconds\n0,1.5\n10,20\n")
    assert [Arrival(0, 1, 1.5), Arrival(10, 1, 20)] == read_trace(trace).arrivals


@pytest.mark.parametrize("name", ["trace.csv.gz", "trace.csv"])
def test_gzip_is_unpacked(tmp_path: Path, name: str) -> None:
    """Whatever the file is called."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"time,count\n5,7\n"))
    assert [Arrival(5, 7)] == read_trace(path).arrivals


def test_rows_of_nothing_belong_to_the_period(trace: Path) -> None:
    """It begins with the first row and ends with the last, or when that one's messages have arrived."""
    trace.write_text("time,count\n0,0\n60,2\n600,0\n")
    assert (0, 600) == read_trace(trace)[1:]
    assert (0, 1140) == read_trace(trace, spread=True)[1:]


def test_rows_of_one_message_are_not_spread(trace: Path) -> None:
    """Each comes at its time."""
    trace.write_text("time,seconds\n0,5\n")
    with pytest.raises(TraceError, match=f"{trace}:1:1: each row is one message"):
        read_trace(trace, spread=True)


def test_sums_are_spread_until_the_next_row(trace: Path) -> None:
    """The last row's over as long as the one before it."""
    trace.write_text("time,count\n0,2\n60,0\n120,3\n")
    assert [15, 45, 130, 150, 170] == [arrival.at for arrival in read_trace(trace, spread=True).arrivals]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1:1: the header must be time,count or time,seconds; the file is empty"]),
        ("when;count\n1;1\n", ["1:1: the header must be time,count or time,seconds; this is 'when;count'"]),
        ("time,count\n", ["2:1: there are no arrivals"]),
        ("time,count\n1,2,3\n", ["2:1: must have two cells, time and count, not 3"]),
        ("time,count\nsoon,1\n", ["2:1: 'soon' is not a time: write ISO 8601, or seconds since the epoch"]),
        ("time,count\n1795000000000,1\n", [
            "2:1: '1795000000000' is not a time: write ISO 8601, or seconds since the epoch",
        ]),
        ("time,count\n10,1\n5,1\n", ["3:1: is earlier than line 2: sort the rows by time"]),
        ("time,count\n10,x\n20,1.5\n30,-1\n", [
            "2:4: 'x' is not a number",
            "3:4: 1.5 must be a whole number, 0 or more",
            "4:4: -1 must be a whole number, 0 or more",
        ]),
        ('time,count\n"1970-01-01",x\n"1,5",1\n', [
            "2:14: 'x' is not a number",
            "3:1: '1,5' is not a time: write ISO 8601, or seconds since the epoch",
        ]),
        ("time,seconds\n10,inf\n", ["2:4: inf must be 0 or more"]),
        ("time,seconds\n10,1e300\n", ["2:4: 1e300 must be at most a year"]),
        ("time,count\n1767571200000,1\n1e300,1\n-1,1\n", [
            "2:1: '1767571200000' is not a time: write ISO 8601, or seconds since the epoch",
            "3:1: '1e300' is not a time: write ISO 8601, or seconds since the epoch",
            "4:1: '-1' is not a time: write ISO 8601, or seconds since the epoch",
        ]),
        ("time,count\n5,1\n31622405,1\n31622406,1\n", [
            "4:1: is more than a year after line 2: a simulation takes a year at most",
        ]),
        ("time,count\n10,99999999\n", [" 99999999 messages are more than a simulation takes, 5000000"]),
    ],
)  # fmt: skip
def test_bad_rows_are_named(trace: Path, text: str, problems: list[str]) -> None:
    """Each with file, line and column."""
    trace.write_text(text)
    with pytest.raises(TraceError) as caught:
        read_trace(trace)
    assert [f"{trace}:{problem}" for problem in problems] == caught.value.problems


@pytest.mark.parametrize("name", ["count", "seconds"])
def test_a_file_without_end_is_refused(trace: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As soon as it has more rows than a simulation takes, before the memory is full: here three."""
    monkeypatch.setattr(traces, "MAX_MESSAGES", 3)
    trace.write_text(f"time,{name}\n" + "1,1\n" * 3)
    assert 3 == len(read_trace(trace).arrivals)
    trace.write_text(f"time,{name}\n" + "1,0\n" * 5)
    with pytest.raises(TraceError, match=f"^{trace}:5:1: more rows than a simulation takes, 3$"):
        read_trace(trace)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfe\xfa", "it is not text in UTF-8")])
def test_a_file_that_cannot_be_read_is_named(trace: Path, content: bytes | None, why: str) -> None:
    """Missing, or no text."""
    if content is not None:
        trace.write_bytes(content)
    with pytest.raises(TraceError, match=f"cannot be read: {why}"):
        read_trace(trace)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    """Cut short, or no gzip at all."""
    path = tmp_path / "trace.csv.gz"
    whys = {gzip.compress(b"time,count\n5,7\n")[:12]: "", b"time,count\n": "its name ends in .gz"}
    for content, why in whys.items():
        path.write_bytes(content)
        with pytest.raises(TraceError, match=f"cannot be read: {why}"):
            read_trace(path)
