"""Lines on their way to standard error: whoever writes one never waits for the reader, and never hears of its trouble.

A reader that is slow, that has stopped reading or is gone, and a disk that is full, cost lines, the oldest first, and
nothing else. How many were lost is counted.
"""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from contextlib import suppress
from io import UnsupportedOperation
from threading import Condition, Thread
from typing import TextIO

MAX_WAITING = 1 << 20
"""Characters that may wait to be written: a thousand decisions, as many as a minute of a busy controller brings."""


class Lines:
    """A stream of text for loggers, which a thread of its own writes on once it is started."""

    def __init__(self, most: int = MAX_WAITING) -> None:
        """Let at most so many characters wait."""
        self.dropped = 0
        """Lines that were lost so far."""
        self._most = most
        self._waiting: deque[str] = deque()
        self._size = 0
        self._writing = False
        self._is_cut = False
        self._changed = Condition()
        self._is_started = False

    def start(self) -> None:
        """Begin to write on. May be called again."""
        if not self._is_started:
            self._is_started = True
            Thread(target=self._write_on, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Take one line, which ends in a newline, and return its length. Drops the oldest if too much waits."""
        with self._changed:
            self._waiting.append(text)
            self._size += len(text)
            while self._size > self._most:
                self._size -= len(self._waiting.popleft())
                self.dropped += 1
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: that is the thread's business, and a logger flushes after each line."""

    def drain(self, within: float) -> bool:
        """Wait until everything is written, at most so many seconds; say whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, within)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                text = self._waiting.popleft()
                self._size -= len(text)
                self._writing = True
            if not self._write_line(text.encode("utf-8", "backslashreplace")):
                with self._changed:
                    self.dropped += 1

    def _write_line(self, line: bytes) -> bool:
        """Write a line; False if it could not be written whole, as when the disk fills up in the middle of it.

        The next one then begins with a line break, so that it is not lost in what there is of this one.
        """
        line = b"\n" + line if self._is_cut else line
        written = _write(line)
        if written:
            self._is_cut = line[written - 1 : written] != b"\n"
        return written == len(line)


LINES = Lines()
"""The lines of this process."""


def _write(line: bytes) -> int:
    """Write a line on standard error, for as long as its reader takes; return how many bytes of it were written.

    Past Python's own buffer, whose lock a write that hangs would hold until the process is killed.
    """
    stream, written = sys.stderr, 0
    if stream is None:  # It was closed before we began; by now its number may be that of another file.
        return 0
    try:
        number = stream.fileno()
        while written < len(line):
            try:
                written += os.write(number, line[written:])
            except BlockingIOError:  # Whoever started us has made it non-blocking.
                select.select([], [number], [])
    except UnsupportedOperation:
        return _write_in_memory(stream, line)
    except (OSError, ValueError):
        pass
    return written


def _write_in_memory(stream: TextIO, line: bytes) -> int:
    """Write a line on a stream without a descriptor, which a program that embeds us may put there; 0: it is closed."""
    with suppress(OSError, ValueError):
        stream.write(line.decode())
        return len(line)
    return 0
