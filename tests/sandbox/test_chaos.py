"""The whole daemon under every fault at once: a short run of what `make soak` does for ten minutes."""

import subprocess
import sys

DEADLINE = 90.0
"""Seconds in which the run below must have come to its end; it takes about twenty."""
QUEUES = 8

# Slots of 3 s, and work for a few of them on many queues: every blow falls while something is launched or under way.
SCRIPT = """
import sys
from dataclasses import replace
from rich.console import Console
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
scenario = Scenario(queues=queues, consistency_window=0.5, call_timeout=1.0, start_delay=(0.1, 0.5))
summary = play(Options(duration=18.0, seed=54, chaos=True), Console(width=200), scenario)
print(render(summary))
sys.exit(summary.exit_code)
"""


def test_no_fault_makes_a_launch_happen_twice_or_loses_a_message():
    """Calls lost, throttled, slow and cut, the controller killed in launches: within max, within plans, all done."""
    command = [sys.executable, "-c", SCRIPT, str(QUEUES)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    told = {line[:32].strip(): line[32:].split() for line in ended.stdout.splitlines()}
    none = ["0"] * (QUEUES + 1)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert told["sent"] == told["done"]
    assert told["lost"] == told["containers above max, at worst"] == told["tasks launched beyond plans"] == none
    assert int(told["faults in the controller's calls"][0]) >= QUEUES
    assert int(told["answers spoiled on their way"][0]) >= 1
    assert int(told["keepers that ended their task"][0]) >= 1
    assert int(told["in the middle of a launch"][0]) >= 1
    assert int(told["controller restarts (SIGTERM)"][0]) >= 1
