from __future__ import annotations

from typing import Any

import pytest

from controller.core.copies.derive import derive, find_copies_limit, keep_allowed
from controller.core.copies.difference import MAX_VALUE_LENGTH, compare_definitions
from controller.core.copies.template import Template
from tests.core.copies.templates import WITHOUT_DEADLINE, after, allowed, container, ec2, template

TAGS = ({"key": "team", "value": "ingest"},)
PORT = {"containerPort": 80}


def compare_with_template(given: Template, k: int) -> tuple[str, ...]:
    """Return the difference of k copies from their template."""
    derived = derive(given, "worker", k, WITHOUT_DEADLINE, allowed())
    return compare_definitions(
        keep_allowed({**given.definition, "tags": list(given.tags)}, allowed()), derived, "worker", k
    )


def section(lines: tuple[str, ...], title: str) -> list[str]:
    """Return the lines below a heading."""
    start = lines.index(f"@@ {title} @@") + 1
    rest = [number for number, line in enumerate(lines) if line.startswith("@@") and number >= start]
    return list(lines[start : min(rest, default=len(lines))])


def test_the_template_does_not_differ_from_itself() -> None:
    """One worker a task runs the template itself, so there is no difference."""
    definition = keep_allowed(template().definition, allowed())
    assert () == compare_definitions(definition, definition, "worker", 1)


def test_what_changes_of_the_task() -> None:
    """The family, the size and the controller's tags are shown; members that stay the same are not."""
    lines = section(compare_with_template(template(tags=TAGS), 3), "task")
    assert [
        '-family: "content-worker"',
        '+family: "content-worker-x3"',
        '-cpu: "1024"',
        '+cpu: "4096"',
        '-memory: "2048"',
        '+memory: "8192"',
    ] == lines[:6]
    assert ["ecsq:fingerprint", "ecsq:template", "ecsq:containers"] == [
        line.split('"')[3] for line in lines[6:] if line.startswith("+tags: ")
    ]
    assert 9 == len(lines)


def test_a_copy_is_compared_with_the_worker() -> None:
    """Only the copy's own name, its part in the task and the members that it has lost are left to show."""
    log = {"logDriver": "syslog", "options": {"tag": "w", "syslog-format": "rfc5424"}}
    given = template(container("worker", portMappings=[PORT], logConfiguration=log), container("agent"))
    assert [
        '-name: "worker"',
        '+name: "worker-2"',
        "-essential: true",
        "+essential: false",
        '-portMappings: {"containerPort": 80}',
        '-logConfiguration.options.tag: "w"',
        '+logConfiguration.options.tag: "w-2"',
        '+dependsOn: {"containerName": "ecsq-keeper", "condition": "START"}',
    ] == section(compare_with_template(given, 2), "container worker-2, a copy of worker")


def test_the_keeper_is_new_and_its_script_is_cut() -> None:
    """All of it is added, and a value that would fill a screen is shown by its beginning and its length."""
    lines = section(compare_with_template(template(), 2), "container ecsq-keeper, new")
    assert {"+"} == {line[0] for line in lines}
    [script] = [line for line in lines if line.endswith("characters)")]
    assert script.startswith('+command: "# The keeper of a task of copies')
    assert MAX_VALUE_LENGTH < len(script) < MAX_VALUE_LENGTH + 50


def test_sidecars_show_only_what_changed_of_them() -> None:
    """A sidecar that waited for the worker waits for another container now; the others are named as unchanged."""
    given = template(container("worker"), container("agent", dependsOn=after("worker", "START")), container("proxy"))
    lines = compare_with_template(given, 2)
    assert [
        '-dependsOn: {"containerName": "worker", "condition": "START"}',
        '+dependsOn: {"containerName": "ecsq-keeper", "condition": "START"}',
    ] == section(lines, "container agent")
    assert "@@ unchanged: proxy @@" == lines[-1]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"volumes": []}, {}, (), id="an empty list is as good as none"),
        pytest.param({"a": {}}, {}, ("-a: {}",), id="an empty structure is not"),
        pytest.param({}, {"a": {"b": {"c": 1}}}, ("+a.b.c: 1",), id="a path through structures"),
        pytest.param({"a": [1, 2]}, {"a": [2, 3]}, ("-a: 1", "+a: 3"), id="items of a list"),
        pytest.param({"a": [2, 1]}, {"a": [1, 2]}, (), id="the order of a list"),
        pytest.param({"a": [1, 1]}, {"a": [1]}, ("-a: 1",), id="the same item twice"),
        pytest.param({"a": "é"}, {"a": None}, ('-a: "é"', "+a: null"), id="as JSON writes it"),
    ],
)
def test_values(before: dict[str, Any], after: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Each value is a line with its path; a change is a removed line and an added one."""
    containers = {"containerDefinitions": [{"name": "worker"}]}
    copies = {"containerDefinitions": [{"name": "worker-1"}, {"name": "worker-2"}]}
    lines = compare_definitions(before | containers, after | copies, "worker", 2)
    assert list(expected) == (section(lines, "task") if "@@ task @@" in lines else [])


def test_every_container_has_its_place() -> None:
    """For each k that the template allows, every container of the derived revision is shown or named exactly once."""
    given = ec2(container("worker", memory=64), container("db", memory=64, links=[]))
    most, _ = find_copies_limit(given, "worker", WITHOUT_DEADLINE, allowed())
    for k in range(2, most + 1):
        headings = [line for line in compare_with_template(given, k) if line.startswith("@@")]
        copies = [f"@@ container worker-{number}, a copy of worker @@" for number in range(1, k + 1)]
        assert ["@@ task @@", "@@ container ecsq-keeper, new @@", *copies, "@@ unchanged: db @@"] == headings
