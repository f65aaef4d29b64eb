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


def test_every_placeholder_is_explained() -> None:
    """What a user has to replace is in one table."""
    table = TEXT.split("## Placeholders")[1].split("## ")[0]
    assert [word for word in ("111122223333", "us-east-1", "REPLACE-ME") if f"`{word}`" not in table] == []
