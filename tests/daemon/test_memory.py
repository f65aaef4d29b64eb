"""What a daemon does not load, since every one of them would hold it for as long as it runs."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import controller.daemon.process
print("rich" in sys.modules, "structlog" in sys.modules)
import rich.table
"""


def test_a_daemon_does_not_load_what_only_tables_need() -> None:
    """The logging library would bring rich along; whoever draws a table in the same process can still have it."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    assert "False True" == done.stdout.strip()
