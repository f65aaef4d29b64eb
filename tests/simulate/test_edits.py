from __future__ import annotations

import pytest
import yaml

from controller.simulate.edits import edit, list_changes

TEXT = """\
name: ecsq   # of the team
scalers:
  - name: other
    queue: other
  - name: main
    # what it does
    queue: main
    demand:
      steps:
        - {backlog: 1, containers: 1}
        - {backlog: 10, containers: 10}   # the highest
      # not used
    cooldown: {launch: 30s}
    max_containers: 40   # a hard limit
"""


@pytest.mark.parametrize(
    ("key", "value", "changed"),
    [
        ("max_containers", "80", {"max_containers": 80}),
        ("cooldown.launch", "1m", {"cooldown": {"launch": "1m"}}),
        ("cooldown.fall", "1m", {"cooldown": {"fall": "1m", "launch": "30s"}}),
        ("poll_interval", "5s", {"poll_interval": "5s"}),
        ("hysteresis.rise_after", "2", {"hysteresis": {"rise_after": 2}}),
        ("demand.steps", "[{backlog: 1, containers: 2}]", {"demand": {"steps": [{"backlog": 1, "containers": 2}]}}),
    ],
)
def test_one_key_is_changed_and_nothing_else(key: str, value: str, changed: dict[str, object]) -> None:
    """One that is there in its place, one that is missing at the top of what it belongs to; comments stay."""
    edited = edit(TEXT, 1, key, value)
    before, after = yaml.safe_load(TEXT), yaml.safe_load(edited)
    assert {**before["scalers"][1], **changed} == after["scalers"][1]
    assert before["scalers"][0] == after["scalers"][0]
    assert all(comment in edited for comment in ("# of the team", "# what it does", "# not used", "# a hard limit"))


def test_the_changes_are_a_diff_of_the_file() -> None:
    """As patch takes it."""
    diff = list_changes("config.yaml", TEXT, edit(TEXT, 1, "max_containers", "80"))
    assert ["--- config.yaml", "+++ config.yaml"] == diff[:2]
    assert "-    max_containers: 40   # a hard limit" in diff
    assert "+    max_containers: 80   # a hard limit" in diff


@pytest.mark.parametrize(("text", "key"), [("scalers: 5", "queue"), ("name: a", "queue"), (TEXT, "queue.name")])
def test_what_cannot_be_edited_is_refused(text: str, key: str) -> None:
    """No scalers, or something else than a mapping in the way."""
    with pytest.raises(ValueError, match=r"no such scaler|is no mapping"):
        edit(text, 1, key, "1")
