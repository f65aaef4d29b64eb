import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.sandbox.process_group import ProcessGroup, SetupError
from tests.support.aws import eventually

# A program that ignores SIGTERM: it says that it runs, and goes on with its end of the pipe open.
STUBBORN = ("sh", "-c", "trap '' TERM; { echo runs; exec sleep 60; } >pipe")

# The same in a process of its own, which the test kills.
SANDBOX = """
import sys, time
from pathlib import Path
from controller.sandbox.process_group import ProcessGroup
with ProcessGroup() as group:
    group.run(sys.argv[1:], None, Path("log"))
    time.sleep(60)
"""


class Pipe:
    """Our end of a pipe, which shows whether the program at the other end runs."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def read(self):
        """Return what was written, empty once the other end is closed, and None while it is open without new output."""
        try:
            return os.read(self._descriptor, 100)
        except BlockingIOError:
            return None

    def is_running(self):
        return eventually(lambda: self.read() == b"runs\n") and self.read() is None

    def is_closed(self):
        return eventually(lambda: self.read() == b"")


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    """Return our end of ``pipe`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    descriptor = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    yield Pipe(descriptor)
    os.close(descriptor)


@contextmanager
def stubborn_program(pipe):
    """Run the program in a group; return its pid."""
    with ProcessGroup() as group:
        process = group.run(STUBBORN, os.environ, Path("log"))
        assert pipe.is_running()
        yield process.pid
    process.wait(10)


def test_its_programs_end_with_it(pipe):
    """This holds even for a program that ignores SIGTERM."""
    with stubborn_program(pipe):
        assert pipe.read() is None

    assert pipe.is_closed()


def test_its_programs_end_with_it_even_if_its_first_member_was_killed(pipe):
    """The others are killed all the same when the group is closed."""
    with stubborn_program(pipe) as pid:
        os.kill(os.getpgid(pid), signal.SIGKILL)
        assert pipe.read() is None

    assert pipe.is_closed()


def test_its_programs_end_if_nobody_closes_it(pipe):
    """A sandbox that is killed by SIGKILL leaves no program behind."""
    with subprocess.Popen([sys.executable, "-c", SANDBOX, *STUBBORN]) as sandbox:
        assert pipe.is_running()
        sandbox.send_signal(signal.SIGKILL)

    assert pipe.is_closed()


def test_a_machine_without_a_shell_is_told_so(tmp_path, monkeypatch):
    """One sentence says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError, match="needs a POSIX shell: put the directory of sh on PATH"), ProcessGroup():
        pass
