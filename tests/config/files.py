"""Configuration files for tests: the shortest valid one, and variations of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.config import ConfigError, load

if TYPE_CHECKING:
    from pathlib import Path

LEAST = """\
scalers:
  - name: content-ingest
    queue: content-ingest
    demand:
      messages_per_container: 5
    task:
      definition: content-worker
      subnets: [subnet-0123456789abcdef0]
"""


def problems(directory: Path, text: str) -> list[str]:
    """Return every problem of a configuration as LINE:COL: key: message, or none if it is valid."""
    path = directory / "config.yaml"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{path}:") for problem in error.problems]
    return []


def scaler(lines: str) -> str:
    """Return the shortest configuration with lines added to its scaler, from line 9 and column 5 on."""
    return LEAST + "".join(f"    {line}\n" for line in lines.splitlines())


def task(lines: str) -> str:
    """Return the shortest configuration with lines added to its scaler's task, from line 9 and column 7 on."""
    return LEAST + "".join(f"      {line}\n" for line in lines.splitlines())


def demand(lines: str) -> str:
    """Return the shortest configuration with another demand, from line 5 and column 7 on."""
    text = "".join(f"      {line}\n" for line in lines.splitlines())
    return LEAST.replace("      messages_per_container: 5\n", text)
