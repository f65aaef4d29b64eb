"""The documents are held to the code: what they name exists, and closed sets are described whole."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from controller.aws.errors import Fault
from controller.aws.operations import ANSWERS
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.cli import COMMANDS, main
from controller.config import json_schema, load
from controller.core.decision.doctor import Ailment
from controller.core.decision.model import Outcome, Reason
from controller.core.notices import Kind
from controller.daemon.reload import NEEDS_RESTART
from controller.telemetry.assessment import HOLDS, Hold
from controller.telemetry.metrics import Metrics
from controller.telemetry.scalers import COUNTERS, GAUGES, STARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code(text: str) -> Iterator[str]:
    """Yield every line of code of a document: fenced, indented, and each piece of it within a sentence."""
    prose = []
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        else:
            prose.append(line)
    yield from re.findall(r"`([^`\n]+)`", "\n".join(prose))


def without_code(text: str) -> str:
    """Return a document's prose: what looks like a link or a heading inside of code is none."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def section(text: str, title: str) -> str:
    """Return what stands below a heading of the second level."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(text: str, title: str) -> list[list[str]]:
    """Return the cells of the rows of a section's tables that begin with code."""
    rows = [line for line in section(text, title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as the forges make them."""
    fenced_out = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", fenced_out, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets() -> set[str]:
    """Return the targets that ``make help`` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def options_of(command: str) -> set[str]:
    """Return the long options that a command of ``ecsq`` takes."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    return {"--help"}.union(*(parameter.opts for parameter in found.params))


def schema_at(key: str) -> Mapping[str, Any] | None:
    """Return the schema of a dotted key such as ``scalers[].task.cluster``; None if there is no such key."""
    schema = json_schema()
    node: Any = schema
    for part in key.split("."):
        node = (node.get("properties") or {}).get(part.removesuffix("[]"))
        if node is None:
            return None
        node = next((choice for choice in node.get("anyOf", ()) if "$ref" in choice), node)
        if part.endswith("[]"):
            node = node["items"]
        while "$ref" in node:
            node = {**schema["$defs"][node["$ref"].rpartition("/")[2]], "default": node.get("default")}
    return dict(node)


@each_document
def test_every_command_exists(document: Path) -> None:
    """A reader who types a command gets it, with the options that the document gives it."""
    wrong = []
    for line in code(document.read_text(encoding="utf-8")):
        for command, rest in re.findall(r"(?:^|[\s/:])ecsq ([a-z]+)([^|;&#,]*)", line):
            if command not in COMMANDS:
                wrong.append(f"ecsq {command}")
            elif unknown := set(re.findall(r"--[a-z-]+", rest)) - options_of(command):
                wrong.append(f"ecsq {command} {' '.join(sorted(unknown))}")
        wrong += [f"make {target}" for target in re.findall(r"^make ([a-z-]+)", line) if target not in make_targets()]
    assert [] == wrong


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    """A relative link names a file of the repository, and its anchor a heading there."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        led_to = (document.parent / path).resolve() if path else document
        if not led_to.exists() or (anchor and anchor not in anchors(led_to.read_text(encoding="utf-8"))):
            broken.append(target)
    assert [] == broken


@each_document
def test_every_file_exists(document: Path) -> None:
    """A file or folder of ours that a document names is there: from the root, or from the package."""
    named = re.compile(r"^(?:[\w.-]+/)*[\w.-]+(?:\.(?:py|sh|md|toml)|/)$|^(?:deploy|tests|docs|locks)/[\w./-]+$")
    roots = (ROOT, ROOT / "controller", document.parent)
    names = [piece for piece in code(document.read_text(encoding="utf-8")) if named.match(piece)]
    assert [] == [name for name in names if not any((root / name).exists() for root in roots)]


@each_document
def test_every_function_is_where_a_document_says(document: Path) -> None:
    """A name in brackets behind a file of the package is defined there."""
    named = re.findall(r"`([\w/]+\.py)` \(((?:`\w+`(?:, )?)+)\)", document.read_text(encoding="utf-8"))
    wrong = []
    for path, listed in named:
        text = (ROOT / "controller" / path).read_text(encoding="utf-8")
        defined = re.findall(r"^ *(?:def |class )?(\w+)", text, flags=re.MULTILINE)
        wrong += [f"{path}: {name}" for name in re.findall(r"\w+", listed) if name not in defined]
    assert [] == wrong


def test_every_command_is_described() -> None:
    """The table of commands is whole, and its options are those of the command."""
    rows = {name.strip("`").removeprefix("ecsq "): text for name, text in table(COMMAND_PAGE, "Commands")}
    assert list(COMMANDS) == list(rows)
    unknown = {name: set(re.findall(r"`(--[a-z-]+)", text)) - options_of(name) for name, text in rows.items()}
    assert {name: set() for name in COMMANDS} == unknown


def test_the_two_commands_are_named() -> None:
    """The README says how to run and how to test, as make targets."""
    assert {"make run", "make test"} <= {line.partition("  ")[0] for line in code(section(README, "Try it"))}


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    """What a reader copies from the README is taken, without a warning."""
    example = re.findall(r"^```yaml\n(.*?)^```", section(README, "The promise"), flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "config.yaml"
    path.write_text(example[0], encoding="utf-8")
    assert ((), 1) == (load(path).warnings, len(example))


def test_every_configuration_key_exists() -> None:
    """A key that the table names is one of the schema's."""
    rows = table(CONFIGURATION, "Keys")
    named = [key.strip("`") for key, _, _ in rows]
    named += re.findall(r"`(scalers\[\][\w.]+)`", " ".join(meaning for _, _, meaning in rows))
    assert len(rows) > 10
    assert [] == [key for key in named if schema_at(key) is None]


def test_every_default_is_true() -> None:
    """A default in the table of keys is the schema's."""
    said = {
        key.strip("`"): yaml.safe_load(default.strip("`"))
        for key, default, _ in table(CONFIGURATION, "Keys")
        if default
    }
    assert {key: (schema_at(key) or {}).get("default") for key in said} == said


def test_every_metric_is_described() -> None:
    """The table and the registry have the same metrics, of the same types, with the same labels."""
    metrics = Metrics("0", ANSWERS, REQUEST_OUTCOMES)
    of_scalers = {family.name: {"scaler", family.label} - {None} for family in (*GAUGES, *COUNTERS)}
    of_scalers |= {name: {"scaler"} for name in (STARTS[0], "found_queues", "found_queues_timestamp_seconds")}
    expected = {}
    for metric in metrics.registry._collector_to_names:
        for described in metric.describe() if hasattr(metric, "describe") else metric.collect():
            if not described.name.startswith("ecsq_"):  # The process's own: the client library explains them.
                continue
            name = f"{described.name}_total" if described.type == "counter" else described.name
            own = set(getattr(metric, "_labelnames", ()))
            expected[name] = (described.type, of_scalers.get(described.name.removeprefix("ecsq_"), own))
    said = {
        name.strip("`"): (kind, set(re.findall(r"`(\w+)`", labels)) | (set() if "no scaler" in labels else {"scaler"}))
        for name, kind, labels, _ in table(METRICS, "Metrics")
    }
    assert expected == said


@pytest.mark.parametrize(
    ("title", "values"),
    [("Reasons", Reason), ("Outcomes", Outcome), ("Launch failures", Fault), ("The queue doctor", Ailment)],
    ids=["reasons", "outcomes", "launch failures", "findings"],
)
def test_every_word_of_a_closed_set_is_explained(title: str, values: type[StrEnum]) -> None:
    """Whoever meets a reason, an outcome or a failure at night finds what it means."""
    assert sorted(value.value for value in values) == sorted(row[0].strip("`") for row in table(OPERATING, title))


def test_every_kind_of_event_is_explained() -> None:
    """Whoever writes a rule for a bus finds all that there is to match."""
    assert sorted(kind.value for kind in Kind) == sorted(row[0].strip("`") for row in table(EVENTS, "Kinds"))


def test_what_each_reason_says_of_the_last_success_is_told() -> None:
    """The page lists every reason once, in a row with those that are judged alike."""
    rows = [re.findall(r"`(\w+)`", row[0]) for row in table(OPERATING, "The last successful reconcile")]
    assert sorted(reason.value for reason in Reason) == sorted(chain.from_iterable(rows))
    judged = [{HOLDS[Reason(word)] for word in row} for row in rows if row != ["launch"]]
    assert [1] * len(Hold) == [len(holds) for holds in judged]


def test_what_needs_a_restart_is_said() -> None:
    """The page says which parts of the configuration a reload refuses."""
    refused = next(line for line in section(OPERATING, "Reload").splitlines() if "| refused" in line)
    assert list(NEEDS_RESTART) == re.findall(r"`(\w+)`", refused)
