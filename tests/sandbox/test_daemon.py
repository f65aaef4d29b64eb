import signal
import sys

import pytest

from controller.sandbox.daemon import Daemon, free_port
from tests.support.aws import eventually

# Found before the real controller, as modules beside the script are: it says who it is and waits, or leaves at once.
STAND_IN = """
import os, sys, time
print(os.environ["AWS_EXECUTION_ENV"], flush=True)
if os.path.exists("leave"):
    sys.exit(3)
time.sleep(60)
"""


@pytest.fixture
def daemon(group, tmp_path, monkeypatch):
    """Give a daemon whose process is a stand-in: what the controller does is not looked at here."""
    (tmp_path / "controller.py").write_text(STAND_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.sandbox.daemon.START_TIMEOUT", 0.1)
    made = Daemon(group, configuration=tmp_path / "config.yaml", log=tmp_path / "first.log", port=free_port())
    yield made
    made.kill()


def test_one_that_was_killed_has_not_ended_by_itself(daemon):
    """Chaos ends it and starts it again; nobody takes that for a crash, and each process has a name of its own."""
    daemon.start()
    assert eventually(lambda: daemon.log_tail() == ["sandbox-first-1"])

    daemon.kill()
    assert daemon.exit_code is None
    assert daemon.stop() is None

    daemon.start()
    assert eventually(lambda: daemon.log_tail() == ["sandbox-first-1", "sandbox-first-2"])
    assert daemon.exit_code is None


def test_a_stop_gives_the_exit_code(daemon):
    """A controller that does not answer SIGTERM as it promises is found out."""
    daemon.start()
    assert eventually(daemon.log_tail)

    assert daemon.stop() == -signal.SIGTERM
    assert daemon.exit_code is None


def test_one_that_leaves_is_noticed(daemon, tmp_path):
    """What nobody asked for is the run's end; a kill that comes too late does not cover it up."""
    (tmp_path / "leave").touch()
    daemon.start()

    assert eventually(lambda: daemon.exit_code == 3)
    daemon.kill()
    assert daemon.exit_code == 3


@pytest.mark.skipif(sys.platform != "linux", reason="nobody tells without /proc")
def test_its_memory_is_told_while_it_runs(daemon):
    """Before its start and after its end there is nothing to tell."""
    assert daemon.resident is None
    daemon.start()
    assert eventually(lambda: (daemon.resident or 0) > 1_000_000)
    daemon.kill()
    assert daemon.resident is None
