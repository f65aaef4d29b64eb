from __future__ import annotations

import re
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


def add_import(directory: Path, module: str, imported: str) -> None:
    """Add an import to a module of a project's tree."""
    path = (directory / "controller" / module.replace(".", "/")).with_suffix(".py")
    path.write_text(f"{path.read_text()}\nimport {imported}\n")


def test_the_layers_hold() -> None:
    """Every module imports only what stands below it."""
    code, report = contracts(ROOT)
    assert code == 0, report
    assert " 0 broken." in report


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        pytest.param("core.record", "controller.config.spec", id="floor upward"),
        pytest.param("aws.pace", "controller.telemetry.log", id="floor beside"),
        pytest.param("daemon.web", "controller.daemon.app", id="daemon"),
        pytest.param("scaling.fleet", "controller.scaling.launch", id="reconcile"),
        pytest.param("core.copies.packing", "controller.core.decision.slots", id="copies to decision"),
        pytest.param("core.decision.slots", "controller.core.copies.packing", id="decision to copies"),
        pytest.param("core.words", "controller.core.decision.slots", id="words"),
        pytest.param("scaling.cycle", "controller.scaling.fleet", id="cycle"),
        pytest.param("core.decision.limits", "time", id="core impure"),
        pytest.param("daemon.schedule", "time", id="a clock of its own"),
        pytest.param("sandbox.run", "controller.aws.errors", id="sandbox"),
        pytest.param("simulate.run", "controller.scaling.fleet", id="simulation"),
        pytest.param("simulate.world", "controller.simulate.controlled", id="world"),
        pytest.param("scaling.reconcile", "boto3", id="boto3"),
        pytest.param("telemetry.log", "botocore", id="botocore"),
    ],
)
def test_a_broken_layer_is_reported(copy: Path, module: str, imported: str) -> None:
    """An import that a contract forbids fails the check, which names it."""
    add_import(copy, module, imported)
    code, report = contracts(copy)
    assert (1, True) == (code, f"controller.{module} -> {imported}" in report), report


def test_nobody_asks_a_date_for_the_time() -> None:
    """What no import tells: the machine's clock can be asked through ``datetime`` as well."""
    asks = re.compile(r"\b(?:datetime|date)\.(?:now|today|utcnow)\b")
    assert [] == [path.name for path in (ROOT / "controller").rglob("*.py") if asks.search(path.read_text())]


def test_a_circle_is_reported(copy: Path) -> None:
    """Two modules of one floor that import each other fail the check, which names the import to take away."""
    add_import(copy, "config.spec", "controller.config.build")
    code, report = contracts(copy)
    assert (1, True) == (code, ".spec -> .build" in report), report


def test_a_module_without_a_floor_is_reported(copy: Path) -> None:
    """A new module at the top of the package has to be given its place first."""
    (copy / "controller" / "helpers.py").write_text('"""Loose."""\n')
    code, report = contracts(copy)
    assert (1, True) == (code, "helpers" in report), report
