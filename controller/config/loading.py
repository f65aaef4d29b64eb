"""A configuration file, from its path to what the program runs on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from controller.config import advice, messages, rules
from controller.config.build import build
from controller.config.problems import ConfigError, Fault, Problem, in_order
from controller.config.run_task import RunTaskShape
from controller.config.schema import Configuration
from controller.config.source import Source, read
from controller.config.spelling import Spelling

if TYPE_CHECKING:
    from pathlib import Path

    from controller.config.spec import ControllerSpec


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without errors."""

    path: Path
    hash: str
    """SHA-256, hexadecimal, of what it says with every default filled in: layout and comments do not count."""
    spec: ControllerSpec
    warnings: tuple[Problem, ...]
    _source: Source = field(repr=False, compare=False)

    def problem(self, key: str, message: str) -> Problem:
        """Return a problem at a dotted key, as ``scalers[0].queue``; at the nearest parent if the key is absent."""
        return self._source.problem_at(key, message)


def load(path: Path) -> Loaded:
    """Read, check and build the configuration; raises ConfigError with every problem found."""
    source = read(path)
    spelling = Spelling()
    data = spelling.corrected(source.data())
    configuration, wrong = _validate(data)
    ill_formed = {fault.path for fault in wrong}
    contradictions = [fault for fault in rules.faults(data) if fault.path not in ill_formed]
    others = spelling.others([*wrong, *contradictions, *RunTaskShape().faults(data)])
    found = [*source.faults, *source.problems([*spelling.faults, *others])]
    if found or configuration is None:
        raise ConfigError(found)
    spec = build(configuration)
    return Loaded(path, _hash(spec), spec, in_order(source.problems(advice.warnings(spec))), source)


def _validate(data: Any) -> tuple[Configuration | None, list[Fault]]:
    try:
        return Configuration.model_validate(data), []
    except ValidationError as error:
        return None, list(messages.faults(error))


def _hash(spec: ControllerSpec) -> str:
    text = json.dumps(spec, default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a specification holds no {type(value).__name__}")
