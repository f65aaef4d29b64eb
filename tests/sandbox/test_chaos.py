"""The whole daemon under every disturbance at once: a short run of what `make soak` does for ten minutes."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from threading import Event
from types import SimpleNamespace
from urllib.request import urlopen

from controller.clock import Clock
from controller.sandbox.aws import EmbeddedAws
from controller.sandbox.chaos import Chaos
from controller.sandbox.disruptions import plan_chaos
from controller.sandbox.scenario import Scenario

DURATIONS = (18, 54, 162)
"""Seconds that a run is planned for: on a very busy machine a controller takes longer to start than chaos lasts."""
DEADLINE = 180.0
"""Seconds beyond that in which it must end; it takes less than ten."""
QUEUES = 8

# Slots of 3 s, and work for a few of them on many queues: every blow falls while something is launched or under way.
# Chaos spoils a share of the answers to keepers, which may be none on a busy machine, so one more is always spoiled.
SCRIPT = """
import sys
from dataclasses import replace
from rich.console import Console
from controller.sandbox import play as played
from controller.sandbox.aws import METADATA, Disturbance, EmbeddedAws
from controller.sandbox.play import Options, play
from controller.sandbox.scenario import SINGLE, Scenario
from controller.sandbox.summary import render

queue = replace(
    SINGLE,
    burst_sizes=((9, 9), (3, 3)),
    work_seconds=(0.3, 1.0),
    scaler=SINGLE.scaler | {"max_containers": 4},
    limits={"max_tasks_per_launch": 2, "max_containers_per_task": 2},
)
queues = tuple(replace(queue, name=f"queue-{number}") for number in range(int(sys.argv[1])))

class OneAnswerSpoiled(EmbeddedAws):
    def start(self):
        self.disturbances.add(Disturbance(METADATA, "*", "error"))
        return super().start()


played.EmbeddedAws = OneAnswerSpoiled
scenario = Scenario(queues=queues, consistency_window=0.5, call_timeout=1.0, start_delay=(0.1, 0.5))
summary = play(Options(duration=float(sys.argv[2]), seed=54, chaos=True), Console(width=200), scenario)
print(render(summary))
sys.exit(summary.exit_code)
"""


def test_no_disturbance_makes_a_launch_happen_twice_or_loses_a_message():
    """With calls lost, throttled, slow and cut, and kills in launches, max and plans hold and every message is done."""
    assert any(disturbed_enough(play_with_chaos(duration)) for duration in DURATIONS)


def play_with_chaos(duration: int) -> dict[str, list[str]]:
    """Play a run that breaks no promise, and return its summary: the columns of each line by its title."""
    command = [sys.executable, "-c", SCRIPT, str(QUEUES), str(duration)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=duration + DEADLINE, check=False)
    told = {line[:32].strip(): line[32:].split() for line in ended.stdout.splitlines()}
    none = ["0"] * (QUEUES + 1)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert told["sent"] == told["done"]
    assert told["lost"] == told["containers above max, at worst"] == told["tasks launched beyond plans"] == none
    return told


def disturbed_enough(told: dict[str, list[str]]) -> bool:
    """Say whether a run has had every kind of disturbance and disruption."""
    return int(told["faults in the controller's calls"][0]) >= QUEUES and all(
        int(told[title][0]) >= 1
        for title in (
            "answers spoiled on their way",
            "keepers that ended their task",
            "in the middle of a launch",
            "controller restarts (SIGTERM)",
        )
    )


def test_chaos_spoils_answers_to_keepers_until_it_ends(clock):
    """About every fifth question of a keeper gets no usable answer while chaos lasts, and none is hit afterwards."""
    scenario = Scenario(keeper_timeout=0.01)
    plan = replace(plan_chaos(ends_at=10.0, slot=scenario.slot, seed=1), disruptions=())
    with EmbeddedAws(region="eu-west-1", seed=1) as aws:

        def ask(times: int) -> int:
            """Ask so many questions, and return how many of the answers were spoiled."""
            before = aws.disturbances.count_hits().total()
            for _ in range(times):
                # Without a disturbance the answer is 404, because there is no such task.
                with suppress(OSError, HTTPException), urlopen(f"{aws.url}/v4/any/task", timeout=10):  # noqa: S310
                    pass
            return aws.disturbances.count_hits().total() - before

        time = Clock(now=clock, elapsed=clock, pause=Event().wait)
        running = SimpleNamespace(started=True)
        chaos = Chaos(plan, aws=aws, scenario=scenario, seed=1, victim=running, clock=time)
        chaos.start()
        during = ask(100)
        clock.now += 10.0
        afterwards = ask(100)
        chaos.stop()

    assert 10 <= during <= 30
    assert afterwards == 0
