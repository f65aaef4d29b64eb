"""``ecsq plan`` and ``ecsq check`` on time windows: what is in force now, and what would be at another time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.aws import create_queue, register_template, send_messages
from tests.support.daemon import configuration, scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

EVERY_MINUTE = "* * * * *"
NIGHT = {"cron": "0 22 * * *", "for": "8h", "timezone": "Asia/Tokyo", "paused": True}
OFFICE = {"cron": "0 8 * * mon-fri", "for": "10h", "timezone": "Asia/Tokyo", "max_containers": 7}


@pytest.fixture
def run(aws: EmbeddedAws, cluster: str, tmp_path: Path) -> Callable[..., Result]:
    """Run a command of ``ecsq`` on a scaler of five messages and at most 2 containers, with this schedule."""
    send_messages(aws, create_queue(aws, "orders").url, 5)
    template = register_template(aws, "worker")

    def invoke(schedule: list[dict[str, Any]], command: str, *arguments: str) -> Result:
        path = tmp_path / "config.yaml"
        orders = scaler("orders", template, cluster=cluster, max_containers=2, schedule=schedule)
        path.write_text(yaml.safe_dump(configuration(aws, orders)))
        return CliRunner().invoke(main, [command, "--config", str(path), *arguments])

    return invoke


def lines(text: str) -> dict[str, str]:
    """Return the lines of the scaler by what they are about."""
    return dict(re.findall(r"^  (\w+) +(.*)$", text, flags=re.MULTILINE))


def test_the_window_in_force(run: Callable[..., Result]) -> None:
    """The first line says which it is and what it sets, and the decision is by it."""
    said = run([{"cron": EVERY_MINUTE, "for": "1h", "max_containers": 4}], "plan")
    assert 0 == said.exit_code
    assert "schedule[0] (* * * * *, UTC): max_containers 4" == lines(said.stdout)["schedule"]
    assert lines(said.stdout)["desired"].startswith("4: ")


@pytest.mark.parametrize(
    ("at", "schedule", "most"),
    [
        (
            "2026-12-24T01:00",
            "schedule[1] (0 8 * * mon-fri, Asia/Tokyo) until 09:00:00Z: max_containers 7; next schedule[0] ",
            7,
        ),
        ("2026-12-24T10:00+09:00", "schedule[1] (0 8 * * mon-fri, Asia/Tokyo) until 09:00:00Z: max_containers 7", 7),
        ("2026-12-26T01:00", "no window is in force; next schedule[0] (0 22 * * *, Asia/Tokyo) from 13:00:00Z", 2),
        ("1798074000", "schedule[1] ", 7),
    ],
    ids=["UTC", "an offset", "a Saturday", "seconds"],
)
def test_another_time(run: Callable[..., Result], at: str, schedule: str, most: int) -> None:
    """The settings are those of that time, what waits and what lives is of now; nothing of a pause of now remains."""
    said = run([NIGHT, OFFICE], "plan", "--at", at)
    assert 0 == said.exit_code
    found = lines(said.stdout)
    assert schedule in found["schedule"]
    assert f"below max_containers {most} " in found["limits"]
    assert "queues and tasks are those of now." in said.stdout


def test_a_pause_at_another_time(run: Callable[..., Result]) -> None:
    """It is told as the decision, for programs as well."""
    said = run([NIGHT, OFFICE], "plan", "--at", "2026-12-24T15:00", "--json")
    (told,) = json.loads(said.stdout)
    assert ("paused_by_schedule", 0, 1_798_146_000.0, 1) == (
        told["reason"],
        told["schedule"]["entry"],
        told["schedule"]["until"],
        told["schedule"]["next_entry"],
    )
    said = "hold: paused by a window of its schedule (5 messages, 0 live of 2 desired)"
    assert ["decision", said] == told["explanation"][-1]


def test_a_scaler_without_a_schedule(run: Callable[..., Result]) -> None:
    """It is the same at every time, and no line speaks of windows."""
    said = run([], "plan", "--at", "2026-12-24T15:00")
    assert (0, None) == (said.exit_code, lines(said.stdout).get("schedule"))
    assert None is json.loads(run([], "plan", "--json").stdout)[0]["schedule"]


@pytest.mark.parametrize("at", ["tomorrow", "2026-13-24", "24.12.2026"])
def test_no_time(run: Callable[..., Result], at: str) -> None:
    """It is a wrong usage, and says how a time is written."""
    said = run([], "plan", "--at", at)
    assert (2, True) == (said.exit_code, "write it as 2026-12-24T09:00, which is UTC" in said.stderr)


def test_a_time_with_a_definition(run: Callable[..., Result]) -> None:
    """A definition has no windows."""
    assert 2 == run([], "plan", "--at", "2026-12-24", "--definition", "2").exit_code


def test_check_warns_of_what_is_over(run: Callable[..., Result]) -> None:
    """With its place, and it is valid all the same."""
    said = run([NIGHT | {"until": "2020-01-01"}], "check")
    assert 0 == said.exit_code
    assert "warning: scalers[0].schedule[0].until: has passed at 2020-01-01 00:00:00Z: remove the entry" in said.stderr


def test_check_refuses_with_a_place(run: Callable[..., Result]) -> None:
    """And says what to write."""
    said = run([NIGHT | {"cron": "0 22 * * 1-5"}], "check")
    assert 1 == said.exit_code
    assert re.search(
        r"config.yaml:\d+:\d+: scalers\[0\].schedule\[0\].cron: must name weekdays, .*: write mon-fri", said.stderr
    )
