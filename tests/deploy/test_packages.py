"""What ``make dist`` builds holds what is needed, and nothing that is not ours to ship."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.deploy.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both as the target does."""
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return directory


def test_the_wheel_has_the_whole_package(built: Path) -> None:
    """Every file of the package is in it, the keeper's script too, beside its metadata."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("controller/")}
    own = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "controller").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert own == packed


def test_the_sdist_can_be_built_and_read(built: Path) -> None:
    """It has what the build needs, and the example and documents that a reader wants; no tests and no locks."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2].partition("/")[0] for name in archive.getnames()}
    assert {
        "controller",
        "docs",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "config.yaml",
        "pyproject.toml",
    } == names - {".gitignore"}
