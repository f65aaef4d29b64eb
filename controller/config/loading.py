"""A configuration file, from its path to what the program runs on."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from controller.config.advice import find_warnings
from controller.config.build import build, build_scalers
from controller.config.document import get
from controller.config.messages import translate_errors
from controller.config.places import Places
from controller.config.problems import ConfigError, Finding, Problem, sort_problems
from controller.config.rules import find_contradictions
from controller.config.run_task import RunTaskShape
from controller.config.schedule_advice import find_schedule_warnings
from controller.config.schema import MAX_SCALERS, Configuration
from controller.config.source import Source, parse_content, read_content, refuse_large
from controller.config.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from controller.config.spec import ControllerSpec, ScalerSpec
    from controller.core.address import Address

AT_ONCE = 250
"""Scalers that are validated together."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration."""

    path: Address
    hash: str
    """SHA-256, in hexadecimal digits, of the specification. It is the same whatever the file's layout and comments."""
    spec: ControllerSpec
    warnings: tuple[Problem, ...]
    _source: Source = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The file as it was read."""
        return self._source.text

    def locate(self, key: str, message: str) -> Problem:
        """Return a problem with the place of a dotted key such as ``scalers[0].queue``, or of its nearest parent."""
        return self._source.locate_key(key, message)

    def warn_of_time(self, now: float) -> tuple[Problem, ...]:
        """Return the warnings that depend on when they are asked for, seconds since the epoch."""
        return sort_problems(self._source.locate(find_schedule_warnings(self.spec, now)))

    def find_places(self) -> Places:
        """Return where the keys stand, for whoever keeps that longer than the file's content."""
        return Places(self._source.text)


def load(path: Path, content: bytes | None = None) -> Loaded:
    """Read, check and build the configuration in a file. Raises ConfigError with every problem found.

    ``content`` is what the file was seen to hold; None: the file is read.
    """
    return load_content(read_content(path) if content is None else content, path)


def load_content(content: bytes, address: Address) -> Loaded:
    """Check and build the configuration that was read from an address. Raises ConfigError with every problem found."""
    refuse_large(content, address)
    with _collections_put_off():
        return _load(content, address)


@contextmanager
def _collections_put_off() -> Iterator[None]:
    """Let the garbage collector rest: nothing that a load makes is a circle, and looking for one is half of its time.

    It rests in the whole process; what other threads leave of circles is collected afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(content: bytes, address: Address) -> Loaded:
    source = parse_content(content, address)
    spec = _build_checked(source)
    return Loaded(address, _hash(spec), spec, sort_problems(source.locate(find_warnings(spec))), source)


def _build_checked(source: Source) -> ControllerSpec:
    """Check the document and build what it describes. Raises ConfigError with every problem found."""
    spelling = Spelling()
    data = spelling.correct(source.take_data())
    contradictions = list(find_contradictions(data))
    parameters = list(RunTaskShape().find_wrong_parameters(data))
    is_sound = not (source.problems or spelling.findings or contradictions or parameters)
    invalid: list[Finding] = []
    scalers: list[ScalerSpec] = []
    configuration = None
    for first, part in _take_apart(data):
        configuration, found = _validate(part)
        invalid += _place(found, first)
        if configuration is not None and is_sound and not invalid:
            scalers += build_scalers(configuration, first)
    invalid_paths = {finding.path for finding in invalid}
    contradictions = [finding for finding in contradictions if finding.path not in invalid_paths]
    findings = [*spelling.findings, *spelling.drop_guessed([*invalid, *contradictions, *parameters])]
    problems = [*source.problems, *source.locate(findings)]
    if problems or configuration is None:
        raise ConfigError(problems)
    return build(configuration, scalers)


def _take_apart(data: Any) -> Iterator[tuple[int, Any]]:
    """Yield the document with a part of its scalers at a time, and which the first of them is.

    The models of ten thousand take twice as much room as all that is built of them.
    """
    scalers = get(data, list, "scalers") or []
    if not AT_ONCE < len(scalers) <= MAX_SCALERS:
        yield 0, data
        return
    for first in range(0, len(scalers), AT_ONCE):
        yield first, {**data, "scalers": scalers[first : first + AT_ONCE]}


def _place(findings: Iterable[Finding], first: int) -> Iterator[Finding]:
    """Yield the findings in a part of the scalers with their places in the file; what each part has is told once."""
    for finding in findings:
        match finding.path:
            case ["scalers", int(index), *below]:
                yield replace(finding, path=("scalers", first + index, *below))
            case _ if first == 0:
                yield finding


def _validate(data: Any) -> tuple[Configuration | None, list[Finding]]:
    try:
        return Configuration.model_validate(data), []
    except ValidationError as error:
        return None, list(translate_errors(error))


def _hash(spec: ControllerSpec) -> str:
    # Scaler by scaler: the text of ten thousand is as large as all that they are built of.
    digest = hashlib.sha256()
    for part in (replace(spec, scalers=()), *spec.scalers):
        digest.update(json.dumps(part, default=_to_plain, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def _to_plain(value: object) -> Any:
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a specification holds no {type(value).__name__}")
