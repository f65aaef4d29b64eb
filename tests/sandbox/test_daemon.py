import signal
import sys
from threading import Event

import pytest

from controller.clock import machine_clock
from controller.sandbox.daemon import Daemon, find_free_port
from tests.support.aws import eventually

# Python finds this module before the real controller. It prints its name and waits, or exits at once.
STAND_IN = """
import os, sys, time
print(os.environ["AWS_EXECUTION_ENV"], flush=True)
if os.path.exists("leave"):
    sys.exit(3)
time.sleep(60)
"""


@pytest.fixture
def daemon(group, tmp_path, monkeypatch):
    """Return a daemon whose process is a stand-in for the controller."""
    (tmp_path / "controller.py").write_text(STAND_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.sandbox.daemon.START_TIMEOUT", 0.1)
    made = Daemon(
        group,
        configuration=tmp_path / "config.yaml",
        log=tmp_path / "first.log",
        port=find_free_port(),
        clock=machine_clock(Event()),
    )
    yield made
    made.kill()


def test_a_daemon_that_was_killed_has_not_ended_by_itself(daemon):
    """It has no exit code, and can be started again as another process with its own name."""
    daemon.start()
    assert eventually(lambda: daemon.read_log_tail() == ["sandbox-first-1"])

    daemon.kill()
    assert daemon.exit_code is None
    assert daemon.stop() is None

    daemon.start()
    assert eventually(lambda: daemon.read_log_tail() == ["sandbox-first-1", "sandbox-first-2"])
    assert daemon.exit_code is None


def test_stop_returns_the_exit_code(daemon):
    """It shows whether the controller has ended after SIGTERM as it promises."""
    daemon.start()
    assert eventually(daemon.read_log_tail)

    assert daemon.stop() == -signal.SIGTERM
    assert daemon.exit_code is None


def test_a_daemon_that_exits_by_itself_has_an_exit_code(daemon, tmp_path):
    """It keeps the exit code, even if it is killed afterwards."""
    (tmp_path / "leave").touch()
    daemon.start()

    assert eventually(lambda: daemon.exit_code == 3)
    daemon.kill()
    assert daemon.exit_code == 3


@pytest.mark.skipif(sys.platform != "linux", reason="it needs /proc")
def test_its_memory_is_known_while_it_runs(daemon):
    """Before its start and after its end it is None."""
    assert daemon.resident is None
    daemon.start()
    assert eventually(lambda: (daemon.resident or 0) > 1_000_000)
    daemon.kill()
    assert daemon.resident is None
