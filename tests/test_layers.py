from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def contracts(directory: Path) -> tuple[int, str]:
    """Check the import contracts of a project's tree; return exit code and report."""
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=directory,
        # The tree's own package, not the one that is installed beside this Python.
        env={"PYTHONPATH": str(directory), "PATH": "", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what the contracts are about."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "controller", tmp_path / "controller", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_layers_hold() -> None:
    """Every module imports only what stands below it."""
    code, report = contracts(ROOT)
    assert code == 0, report
    assert " 0 broken." in report


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("core/limits.py", "from controller.config import load", "controller.core.limits -> controller.config"),
        ("core/limits.py", "import time", "controller.core.limits -> time"),
        ("fleet.py", "from controller.launch import Launcher", "controller.fleet -> controller.launch"),
        ("reconcile.py", "import boto3", "controller.reconcile -> boto3"),
        ("telemetry/log.py", "from botocore.config import Config", "controller.telemetry.log -> botocore"),
        ("web.py", "from controller import sandbox", "controller.web -> controller.sandbox"),
    ],
    ids=["core upward", "core impure", "beside", "boto3", "botocore", "sandbox"],
)
def test_a_broken_layer_is_reported(copy: Path, module: str, line: str, complaint: str) -> None:
    """An import that a contract forbids fails the check, which names it."""
    path = copy / "controller" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    code, report = contracts(copy)
    assert (1, True) == (code, complaint in report), report
