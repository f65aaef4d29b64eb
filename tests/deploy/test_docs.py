import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.documents import DEPLOY, ROOT, read_json
from tests.deploy.policy import actions

TEXT = (ROOT / "docs" / "deploying.md").read_text()
FILES = sorted(path.relative_to(DEPLOY) for path in DEPLOY.rglob("*.*") if path.parent.name != "compose")


@pytest.mark.parametrize("name", [str(path) for path in FILES])
def test_every_file_to_deploy_is_explained(name: str) -> None:
    """JSON has no comments, so docs/deploying.md is where a reader learns what each file is."""
    assert name.rpartition("/")[2] in TEXT


@pytest.mark.parametrize("action", sorted(actions(read_json("iam/task-role.json"))))
def test_every_right_of_the_controller_is_explained(action: str) -> None:
    """Whoever grants the role reads what each action is for and what confines it."""
    assert f"`{action}`" in TEXT


TABLE = [row.split(" | ") for row in TEXT.split("## 1. ")[1].split("## 2. ")[0].splitlines() if row.startswith("| `")]
PLACEHOLDER = r"[a-z]*-?REPLACE-ME(?:-[A-Z]+)?"


def test_every_placeholder_is_explained() -> None:
    """What a user has to replace is in one table."""
    first_cells = " ".join(cells[0] for cells in TABLE)
    assert [word for word in ("111122223333", "us-east-1", "REPLACE-ME") if word not in first_cells] == []


def test_every_placeholder_is_listed_with_its_files() -> None:
    """Whoever fills a file in finds in the table all that it asks for, and nothing that it does not."""
    said = {
        (placeholder, name)
        for cells in TABLE
        for placeholder in re.findall(PLACEHOLDER, cells[0])
        for name in re.findall(r"`([\w.-]+)`", cells[2])
    }
    asked = {
        (word, path.name) for path in map(DEPLOY.joinpath, FILES) for word in re.findall(PLACEHOLDER, path.read_text())
    }
    assert asked == said


def test_filling_in_leaves_no_placeholder(tmp_path: Path) -> None:
    """The documented commands fill every file, so that the check which follows them can come out empty."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    names = ("ACCOUNT", "AWS_DEFAULT_REGION", "TAG", "BUCKET", "FS", "FSAP", "SRV", "NAMESPACE", "DOCS")
    values = {name: f"own-{name.lower()}" for name in (*names, "SUBNET_A", "SUBNET_B", "GROUP", "CLUSTER")}
    blocks = [
        TEXT.split(title)[1].split("\n    ", 1)[1].split("\n\n")[0] for title in ("## 1. A copy", "## 4. Fill in")
    ]
    copied = subprocess.run(
        [
            "sh",
            "-ec",
            "\n".join(blocks) + "\ngrep -rnE 'REPLACE-ME|111122223333|us-east-1|/default|\"default\"' filled || true",
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **values},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("", "") == (copied.stdout, copied.stderr)
