from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import pytest

import tests

LONG = """
from multiprocessing import active_children
from threading import Event, Thread

from controller.simulate.comparison import Candidate, compare
from controller.simulate.measures import Terms
from controller.simulate.prices import DEFAULT_SHAPE, TARIFFS
from controller.simulate.run import Scenario
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival
from tests.support.controller import scaler_spec


def tell() -> None:
    while len(active_children()) < 2:
        Event().wait(0.01)
    print("begun", flush=True)


Thread(target=tell, daemon=True).start()
candidates = [Candidate(name, scaler_spec("main", "worker")) for name in ("this", "other")]
scenario = Scenario([Arrival(1_700_000_000.0, 3_000_000)], Workers())
list(compare(candidates, scenario, Terms(300, DEFAULT_SHAPE, TARIFFS["x86"]), 2))
"""


@pytest.mark.parametrize("sent", [SIGINT, SIGTERM, SIGKILL])
def test_no_process_outlives_whoever_started_it(sent: Signals) -> None:
    """However that one was told to end; who reads what they all write comes to its end only when all are gone."""
    command = [sys.executable, "-c", LONG]
    root = Path(tests.__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert b"begun\n" == process.stdout.readline()
        process.send_signal(sent)
        assert (b"", None) == process.communicate(timeout=60)
    assert 0 != process.returncode
