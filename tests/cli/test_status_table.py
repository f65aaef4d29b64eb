"""The table of ``ecsq status``, on documents of every kind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cli import main
from controller.cli.status_table import draw_table
from controller.core.condition import Condition
from tests.cli.answering import answered

if TYPE_CHECKING:
    pass

NOW = 1_700_000_000.0
"""22:13:20Z."""
FORGED = "x\n\u001b[31mscaler s0: launch 99 containers\u001b[0m\u2028\u202e\u009b"
SHOWN = r"x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b"


def scaler(name: str, condition: str | None = "idle", **changes: Any) -> dict[str, Any]:
    """Return a scaler as ``/status`` tells of it; ``last_*`` change its last decision."""
    last: dict[str, Any] | None = {
        "text": "hold: nothing to do",
        "at": NOW,
        "reason": "idle",
        "fault": None,
        "visible": 0,
        "in_flight": 0,
        "live": 0,
        "desired": 0,
        "breaker_cause": None,
    }
    last |= {key.removeprefix("last_"): changes.pop(key) for key in list(changes) if key.startswith("last_")}
    if condition is None:
        last = None
    told = {
        "name": name,
        "condition": condition,
        "condition_since": NOW - 60 if condition else None,
        "max_containers": 90,
        "problem": None,
        "last_decision": last,
        "memory": {"retry_at": None},
    }
    return told | changes


def document(*scalers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a whole ``/status``."""
    reload = {"at": NOW - 60, "successful": True, "error": None}
    return {
        "name": "ecsq",
        "version": "1.0",
        "started_at": NOW - 12_000,
        "now": NOW,
        "dry_run": False,
        "shard": None,
        "config": {"path": "config.yaml", "hash": "0123456789abcdef", "last_reload": reload},
        "scalers": list(scalers),
        **changes,
    }


def show(*scalers: dict[str, Any], arguments: tuple[str, ...] = (), columns: int = 80, **changes: Any) -> Result:
    """Run ``ecsq status`` on such a document."""
    return answered(200, json.dumps(document(*scalers, **changes)).encode(), *arguments, columns=columns)


TROUBLED = (
    scaler("idle"),
    scaler(
        "busy", "working", last_reason="satisfied", last_visible=3, last_in_flight=12, last_live=12, last_desired=14
    ),
    scaler(
        "denied",
        "failed",
        condition_since=NOW - 7200,
        last_reason="launch",
        last_fault="access_denied",
        last_visible=120,
        last_desired=14,
        last_text="launch FAILED: not allowed to RunTask: no policy (120 messages, 0 live of 14 desired)",
    ),
    scaler(
        "gone",
        "unknown",
        condition_since=NOW - 200_000,
        problem='scaler gone: queue "gone" does not exist; check scalers[3].queue',
        last_reason="unknown_backlog",
        last_visible=None,
        last_in_flight=None,
        last_live=None,
        last_desired=None,
    ),
    scaler("full", "short", last_reason="at_max", last_visible=9, last_live=90, last_desired=90),
    scaler("new", None),
    scaler(
        "dying",
        "failing",
        last_reason="backing_off",
        last_text="hold: 2 containers short, but its tasks keep failing",
        last_breaker_cause="CannotPullContainerError",
    ),
)


def test_trouble_comes_first_and_says_what_is_wrong() -> None:
    """A row a scaler: state, reason, counts, containers and since when; below them the causes, each in words."""
    result = show(*TROUBLED)
    assert (0, "") == (result.exit_code, result.stderr)
    expected = """\
ecsq 1.0, up 3h20m: 7 scalers, 3 in trouble
configuration config.yaml, taken at 22:12:20Z, hash 0123456789ab

scaler  state    reason           visible  in flight  live/desired/max   since
denied  FAILED   access_denied        120          0           0/14/90  20:13Z
gone    UNKNOWN  unknown_backlog        ?          ?            ?/?/90   11-12
dying   FAILING  backing_off            0          0            0/0/90  22:12Z
full    short    at_max                 9          0          90/90/90  22:12Z
busy    working  satisfied              3         12          12/14/90  22:12Z
idle    idle     idle                   0          0            0/0/90  22:12Z
new     new                             ?          ?            ?/?/90

denied: launch FAILED: not allowed to RunTask: no policy (120 messages, 0 live
  of 14 desired)

gone: queue "gone" does not exist; check scalers[3].queue

dying: hold: 2 containers short, but its tasks keep failing; tasks failed:
  CannotPullContainerError
"""
    assert expected == result.stdout


@pytest.mark.parametrize(
    ("shard", "head"),
    [
        (None, ["ecsq 1.0, up 3h20m: 1 scaler"]),
        ({"index": 2, "of": 3, "problem": None}, ["ecsq 1.0, up 3h20m, controller 2 of 3: 1 scaler"]),
        (
            {"index": None, "of": 3, "problem": None},
            ["ecsq 1.0, up 3h20m, none of the 3 live controllers: 1 scaler"],
        ),
        (
            {"index": None, "of": None, "problem": "this task: denied"},
            [
                "ecsq 1.0, up 3h20m, looking for the other controllers: 1 scaler",
                "other controllers not found: this task: denied",
            ],
        ),
    ],
    ids=["alone", "one of three", "not live", "unknown"],
)
def test_the_head_says_which_of_several_controllers_it_is(shard: dict[str, Any] | None, head: list[str]) -> None:
    """And why it does not know the others."""
    assert head == show(scaler("idle"), shard=shard).stdout.splitlines()[: len(head)]


def test_a_scaler_that_another_controller_may_have() -> None:
    """Where several share the scalers, one that is not here may be there."""
    result = show(scaler("idle"), arguments=("--scaler", "other"), shard={"index": 2, "of": 3, "problem": None})
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.endswith("; several controllers share the scalers, so ask the others too\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_line_fits(columns: int) -> None:
    """With the longest names, the largest numbers and the longest reasons; names are cut in their middle."""
    name = "content-ingest-of-the-european-team-{}"
    crowd = [
        scaler(
            name.format(f"{number:04}"),
            "unknown" if number % 2 else "failed",
            condition_since=NOW - 1e6,
            max_containers=10_000,
            problem="no " * 200 + "x" * 300,
            last_text="no " * 200 + "x" * 300,
            last_reason="unknown_backlog",
            last_fault="window_closed",
            last_visible=87_654_321,
            last_in_flight=120_000,
            last_live=9_999,
            last_desired=10_000,
        )
        for number in range(1_000)
    ]
    lines = show(*crowd, columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= max(columns, 80)
    assert 1_000 == sum("87654321" in line for line in lines)
    assert "and 995 more in trouble: --scaler NAME says what is wrong with one" == lines[-1]


def test_names_that_begin_alike_differ_when_they_are_cut() -> None:
    """Their ends stay."""
    alike = [
        scaler(f"content-ingest-of-the-european-team-{end}", "unknown", last_reason="unknown_backlog")
        for end in ("high", "low")
    ]
    rows = [line.split()[0] for line in show(*alike).stdout.splitlines() if line.startswith("conten..")]
    assert ["high", "low"] == [re.sub(r".*-", "", name) for name in rows]


def test_nothing_of_an_answer_reaches_a_terminal_as_it_came() -> None:
    """Not of names, texts, problems and paths, whoever answers at the address."""
    told = [
        scaler(FORGED, "failed", last_text=FORGED, last_fault=FORGED, problem=FORGED),
        scaler("b", "unknown", problem=FORGED, last_reason=FORGED),
        scaler("c", "failing", last_breaker_cause=FORGED),
    ]
    reload = {"at": NOW, "successful": False, "error": FORGED}
    config = {"path": FORGED, "hash": FORGED, "last_reload": reload}
    result = show(*told, config=config, name=FORGED, version=FORGED)
    lines = result.stdout.split("\n")
    assert (0, []) == (result.exit_code, [line for line in lines if not line.isprintable()])
    assert [] == [line for line in lines if line.startswith("scaler s0")]
    lined = answered(200, json.dumps(document(detailed(), config=config)).encode(), "--scaler", "a")
    assert (0, []) == (lined.exit_code, [line for line in lined.stdout.split("\n") if not line.isprintable()])
    assert SHOWN in lined.stdout
    raw = show(*told, arguments=("--json",)).stdout
    assert all(line.isprintable() for line in raw.split("\n"))


def detailed() -> dict[str, Any]:
    """Return a scaler with all that its lines show, each text forged."""
    return scaler(
        "a",
        "unknown",
        problem=FORGED,
        held=FORGED,
        explanation=[["queue", FORGED], [FORGED, FORGED], ["decision", ""]],
        last_launch=None,
        last_text=FORGED,
        last_repeated=0,
        last_outcome="failed",
        last_error=FORGED,
        last_plan=None,
        last_launched_tasks=0,
        last_launched_containers=0,
    ) | {"last_launch": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": "splendid"},
        {"condition_since": 1e300},
        {"condition_since": "noon"},
        {"last_decision": ["x"]},
        {"name": 1},
        {"max_containers": "many"},
        {"last_decision": {"text": "x", "reason": 7}},
    ],
    ids=["condition", "beyond the calendar", "no time", "a list", "no name", "no number", "half a decision"],
)
def test_what_is_no_status_is_one_line(changes: dict[str, Any]) -> None:
    """Values of another kind come from somebody else."""
    result = show(scaler("a", "failed") | changes)
    assert (1, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
    assert "is not ecsq, or another version of it" in result.stderr


@settings(max_examples=60)
@given(
    st.lists(
        st.builds(
            scaler,
            st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True),
            st.sampled_from([*Condition, None]),
            last_visible=st.integers(0, 10**7),
            condition_since=st.floats(NOW - 1e7, NOW),
        ),
        max_size=20,
    ),
    st.integers(80, 200),
)
def test_the_worst_are_always_first(scalers: list[dict[str, Any]], width: int) -> None:
    """Whatever the scalers are: every row is there, none is too wide, and the states are in their order."""
    lines = list(draw_table(document(*scalers), width, None, colour=False))[1 : len(scalers) + 1]
    order = [*Condition, None]
    ranks = [order.index(each["condition"]) for each in scalers]
    shown = [re.split(r" +", line)[1].lower() for line in lines]
    assert sorted(ranks) == [len(Condition) if state == "new" else order.index(Condition(state)) for state in shown]
    assert all(len(line) <= width for line in lines)


def test_watch_and_json_do_not_go_together() -> None:
    """It is wrong usage."""
    result = CliRunner().invoke(main, ["status", "--watch", "--json"])
    assert (2, "") == (result.exit_code, result.stdout)
