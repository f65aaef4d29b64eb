import re

import pytest

from tests.deploy.documents import DEPLOY, ROOT, read_json
from tests.deploy.policy import actions

TEXT = (ROOT / "docs" / "deploying.md").read_text()
FILES = sorted(path.relative_to(DEPLOY) for path in DEPLOY.rglob("*.*") if path.parent.name != "compose")
TABLE = [
    row.split(" | ")
    for row in TEXT.split("## Tooling of your own")[1].split("\n## ")[0].splitlines()
    if row.startswith("| `")
]
PLACEHOLDER = r"[a-z]*-?REPLACE-ME(?:-[A-Z]+)?"
COMMANDS = [line.strip() for line in TEXT.split("## Four commands")[1].split("\n## ")[0].splitlines()]


@pytest.mark.parametrize("name", [str(path) for path in FILES])
def test_every_file_to_deploy_is_explained(name: str) -> None:
    """JSON has no comments, so docs/deploying.md is where a reader learns what each file is."""
    assert name.rpartition("/")[2] in TEXT


@pytest.mark.parametrize("action", sorted(actions(read_json("iam/task-role.json"))))
def test_every_right_of_the_controller_is_explained(action: str) -> None:
    """Whoever grants the role reads what each action is for and what confines it."""
    assert f"`{action}`" in TEXT


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


def test_the_four_commands_are_the_readme_s() -> None:
    """A newcomer and a reader of docs/deploying.md type the same."""
    readme = (ROOT / "README.md").read_text().split("\n## On AWS in four commands\n")[1].split("\n## ")[0]
    commands = [line.strip() for line in readme.splitlines() if line.startswith("    ")]
    assert ["make", "aws", "ecsq", "aws"] == [line.split()[0] for line in commands if not line.startswith("--")]
    assert [line for line in commands if line not in COMMANDS] == []
