from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml

from controller.core.printable import show_source
from controller.simulate.edits import edit, list_changes, split_values

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
    """One that is there in its place, one that is missing where it belongs; comments stay."""
    edited = edit(TEXT, 1, {key: value})
    before, after = yaml.safe_load(TEXT), yaml.safe_load(edited)
    assert {**before["scalers"][1], **changed} == after["scalers"][1]
    assert before["scalers"][0] == after["scalers"][0]
    assert all(comment in edited for comment in ("# of the team", "# what it does", "# not used", "# a hard limit"))


@pytest.mark.parametrize(
    ("value", "line"),
    [("8", "8    #"), ("180", "180  #"), ("1800", "1800 #"), ("18000", "18000   #")],
)
def test_a_comment_stays_in_its_column(value: str, line: str) -> None:
    """Unless the value has grown beyond it."""
    assert f"    max_containers: {line} a hard limit\n" in edit(TEXT, 1, {"max_containers": value})


def test_items_of_a_list_are_changed_each_in_its_place() -> None:
    """All that stands between them stays."""
    edited = edit(TEXT, 1, {f"demand.steps.{index}.containers": str(20 * index + 2) for index in (0, 1)})
    assert edited == TEXT.replace("containers: 1}", "containers: 2}").replace("containers: 10}", "containers: 22}")


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("poll_interval", "queue: main"),
        ("hysteresis.rise_after", "max_containers: 40   # a hard limit"),
        ("min_containers", "# not used"),
        ("task.packing", "cooldown: {launch: 30s}"),
        ("demand.seconds_per_message", "- {backlog: 10, containers: 10}   # the highest"),
    ],
)
def test_a_missing_key_comes_where_the_schema_has_it(key: str, after: str) -> None:
    """After the nearest of those before it, and the comments that are further in; else after the last."""
    lines = edit(TEXT, 1, {key: "1"}).splitlines()
    place = next(index for index, line in enumerate(lines) if line.strip() == after)
    section, _, last = key.rpartition(".")
    added = lines[place + 1 : place + 3]
    in_place = section in {"", "demand"}
    assert (f"{'      ' if section == 'demand' else '    '}{last}: 1" if in_place else f"    {section}:") == added[0]
    assert in_place or added[1] == f"      {last}: 1"


@pytest.mark.parametrize("text", [TEXT.rstrip(), TEXT.replace("\n", "\r\n")], ids=["no last newline", "CRLF"])
def test_lines_end_as_those_of_the_file(text: str) -> None:
    """Whatever is added to its end."""
    edited = edit(text, 1, {"hysteresis.rise_after": "2"})
    newline = "\r\n" if "\r\n" in text else "\n"
    assert edited == text.rstrip() + f"{newline}    hysteresis:{newline}      rise_after: 2{newline}"


def test_an_empty_mapping_is_filled() -> None:
    """In braces, with all that the key is in."""
    text = "scalers: [{}]"
    assert "scalers: [{task: {packing: dense}}]" == edit(text, 0, {"task.packing": "dense"})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20, 40", ["20", "40"]),
        ("2m,5m", ["2m", "5m"]),
        ("[{backlog: 1, containers: 2}],[]", ["[{backlog: 1, containers: 2}]", "[]"]),
        ('[{"backlog":1,"containers":2}]', ['[{"backlog":1,"containers":2}]']),
        ("{at_first: 60}, 'a, b'", ["{at_first: 60}", "'a, b'"]),
    ],
)
def test_values_have_commas_between_and_may_have_some_inside(text: str, values: list[str]) -> None:
    """Words and numbers, and lists and mappings as YAML or JSON."""
    assert values == split_values(text)


@pytest.mark.parametrize("text", ["[1, 2", "{a: 1", "1,,2", " ", "[1], 2]", "[" * 500, "*a"])
def test_what_are_no_values_is_refused(text: str) -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match=r"cannot be read as values with commas between|there is no value"):
        split_values(text)


def test_an_anchor_and_its_alias_are_no_obstacle() -> None:
    """What is written for the alias stands in its place; a mapping that begins with an anchor takes a key like any."""
    text = """\
scalers:
  - name: one
    task: &task
      definition: worker
    min_containers: &few 2
    max_containers: *few   # no more
"""
    assert "    max_containers: 40     # no more\n" in edit(text, 0, {"max_containers": "40"})
    added = yaml.safe_load(edit(text, 0, {"task.max_tasks_per_launch": "7"}))["scalers"][0]
    assert {"definition": "worker", "max_tasks_per_launch": 7} == added["task"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("max_containers", "    demand: *promise   # the same\n    max_containers: 1\n    hysteresis:\n"),
        ("hysteresis.dead_band", "      fall_after: *few\n      dead_band: 1\n    task: *task\n"),
        ("cooldown.fall", "      fall_after: *few\n    cooldown:\n      fall: 1\n    task: *task\n"),
        ("zeal", "    task: *task\n    zeal: 1\n"),
    ],
)
def test_a_key_is_added_behind_an_alias_and_not_where_its_anchor_is(key: str, expected: str) -> None:
    """The anchor may be in another scaler, which would get the key."""
    text = """\
scalers:
  - name: one
    demand: &promise {start_within: 5m}
    task: &task
      definition: worker
  - name: two
    demand: *promise   # the same
    hysteresis:
      rise_after: &few 3
      fall_after: *few
    task: *task
"""
    edited = edit(text, 1, {key: "1"})
    assert expected in edited
    assert text.partition("  - name: two")[0] == edited.partition("  - name: two")[0]


@pytest.mark.skipif(which("patch") is None, reason="patch is not installed")
@pytest.mark.parametrize(
    "text", [TEXT, TEXT.rstrip("\n"), TEXT.replace("\n", "\r\n"), TEXT.replace("a hard", "a\thard\u3000")]
)
def test_patch_takes_the_changes(tmp_path: Path, text: str) -> None:
    """However the lines of the file end, and whatever is in them."""
    edited = edit(text, 1, {"max_containers": "80"})
    (tmp_path / "config.yaml").write_bytes(text.encode())
    changes = "".join(f"{show_source(line)}\n" for line in list_changes("config.yaml", text, edited))
    subprocess.run(["patch", "-p0"], input=changes.encode(), cwd=tmp_path, check=True, capture_output=True)
    assert edited.encode() == (tmp_path / "config.yaml").read_bytes()


def test_the_changes_are_a_diff_of_the_file() -> None:
    """As patch takes it."""
    diff = list_changes("config.yaml", TEXT, edit(TEXT, 1, {"max_containers": "80"}))
    assert ["--- config.yaml", "+++ config.yaml"] == diff[:2]
    assert "-    max_containers: 40   # a hard limit" in diff
    assert "+    max_containers: 80   # a hard limit" in diff


@pytest.mark.parametrize(("text", "key"), [("scalers: 5", "queue"), ("name: a", "queue"), (TEXT, "queue.name")])
def test_what_cannot_be_edited_is_refused(text: str, key: str) -> None:
    """No scalers, or something else than a mapping in the way."""
    with pytest.raises(ValueError, match=r"no such scaler|is not a mapping"):
        edit(text, 1, {key: "1"})
