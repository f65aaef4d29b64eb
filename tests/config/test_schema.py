from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from controller.config import json_schema
from tests.config.files import LEAST, demand, scaler, task

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def sections(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema["$defs"].values()]


def test_the_schema_is_one() -> None:
    """The JSON Schema is a valid JSON Schema."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_every_key_is_described() -> None:
    """Every key has a description for editors, either its own or that of its section."""
    keys = [
        (s["title"], key)
        for s in sections(json_schema())
        for key, p in s["properties"].items()
        if "description" not in p and "$ref" not in p
    ]
    assert keys == []
    assert [section["title"] for section in sections(json_schema()) if "description" not in section] == []


def test_unknown_keys_are_forbidden() -> None:
    """No section accepts a key that it does not name."""
    assert [False] * len(sections(json_schema())) == [s["additionalProperties"] for s in sections(json_schema())]


def test_defaults_of_durations_are_durations() -> None:
    """A default is shown as a user would write it."""
    assert json_schema()["properties"]["poll_interval"]["default"] == "10s"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LEAST, id="least"),
        pytest.param((Path(__file__).parents[2] / "config.yaml").read_text(), id="example"),
        pytest.param(scaler("breaker: off"), id="off, which YAML 1.1 reads as false"),
        pytest.param(scaler('breaker: "off"'), id="off as text"),
        pytest.param(scaler("breaker: {after: 3, within: 5s}"), id="a breaker"),
    ],
)
def test_valid(text: str) -> None:
    """A configuration that is valid for the controller is valid for an editor."""
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(scaler("pausd: true"), "$.scalers[0]", id="unknown key"),
        pytest.param(scaler("poll_interval: 5 min"), "$.scalers[0].poll_interval", id="duration"),
        pytest.param(task("packing: tight"), "$.scalers[0].task.packing", id="word"),
        pytest.param(scaler("busy: runing"), "$.scalers[0].busy", id="busy"),
        pytest.param(scaler("breaker: on"), "$.scalers[0].breaker", id="on"),
        pytest.param(scaler("breaker: {aftr: 3}"), "$.scalers[0].breaker", id="unknown key of a breaker"),
        pytest.param(
            demand("steps: [{backlog: 1, containers: 1}]\nseconds_per_message: 5"), "$.scalers[0].demand", id="half"
        ),
        pytest.param(
            demand("steps: [{backlog: 1, containers: 1}]\nmessages_per_container: 1"), "$.scalers[0].demand", id="2"
        ),
    ],
)
def test_invalid(text: str, path: str) -> None:
    """An editor finds the mistakes that a JSON Schema can express."""
    assert [path] == errors(text)
