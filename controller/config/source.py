"""A configuration file as text: read, capped, decoded and parsed, with the place of every key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from yaml.reader import Reader

from controller.config.nodes import Entry, Mark, Node, TreeBuilder, UnreadableError
from controller.config.problems import ConfigError, Fault, KeyPath, Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_BYTES = 1 << 20

# libyaml's parser where PyYAML was built with it: a tenth of the time. Both give the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY_PARTS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its data, and where each key of it stands."""

    file: str
    root: Node
    faults: tuple[Problem, ...]
    """What is wrong with the YAML, though it could be read."""

    def data(self) -> Any:
        """Return the document as dictionaries, lists and scalars."""
        return self.root.plain()

    def problems(self, faults: Iterable[Fault]) -> Iterator[Problem]:
        """Locate faults: at the value, at the key of a collection, or at the nearest parent that is there.

        What is wrong inside an anchor is told once, where it is first met, and not again for its aliases.
        """
        told: set[tuple[int, KeyPath, str]] = set()
        for fault in faults:
            entry, absent = self._find(fault.path)
            if (this := (id(entry.node), absent, fault.message)) not in told:
                told.add(this)
                mark = _mark(entry, at_key=fault.at_key and not absent)
                yield Problem(self.file, mark.line, mark.column, dotted(fault.path), fault.message)

    def problem_at(self, key: str, message: str) -> Problem:
        """Locate a problem by its dotted key, as ``scalers[0].queue``."""
        path = tuple(int(index) if index else name for index, name in _KEY_PARTS.findall(key))
        mark = _mark(self._find(path)[0], at_key=False)
        return Problem(self.file, mark.line, mark.column, key, message)

    def _find(self, path: KeyPath) -> tuple[Entry, KeyPath]:
        """Return the deepest entry on a path, and the rest of the path, which is not there."""
        entry = Entry(self.root.mark, self.root)
        for depth, part in enumerate(path):
            below = _child(entry.node, part)
            if below is None:
                return entry, path[depth:]
            entry = below
        return entry, ()


def _mark(entry: Entry, *, at_key: bool) -> Mark:
    is_scalar = not isinstance(entry.node.value, dict | list)
    return entry.node.mark if is_scalar and not at_key else entry.mark


def _child(node: Node, part: str | int) -> Entry | None:
    if isinstance(node.value, dict):
        return node.value.get(part)
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        return Entry(node.value[part].mark, node.value[part])
    return None


def read(path: Path) -> Source:
    """Read and parse a file; raises ConfigError if there is nothing that could be checked further."""
    return parse(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _failure(path, "does not exist; name the configuration with --config or ECSQ_CONFIG") from None
    except IsADirectoryError:
        raise _failure(path, "is a directory, not a configuration file") from None
    except OSError as error:
        raise _failure(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _failure(path, f"cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise _failure(path, f"is larger than {MAX_BYTES:,} bytes; no configuration is")
    return _decode(content, path)


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        message = f"is not UTF-8: the byte 0x{content[error.start]:02x} cannot stand here"
        raise ConfigError([_at_end_of(before, str(path), message)]) from error


def _failure(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem(str(path), 1, 1, "", message)])


def _at_end_of(before: str, file: str, message: str) -> Problem:
    return Problem(file, before.count("\n") + 1, len(before) - before.rfind("\n"), "", message)


def parse(text: str, file: str) -> Source:
    """Parse YAML text; ``file`` is its name in messages. Raises ConfigError as :func:`read` does."""
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable:
        message = f"is not YAML: the character U+{ord(unprintable.group()):04X} cannot stand here"
        raise ConfigError([_at_end_of(text[: unprintable.start()], file, message)])
    builder = TreeBuilder(iter(yaml.parse(text, Loader=_LOADER)))
    try:
        root = builder.build()
    except UnreadableError as stop:
        last = Problem(file, stop.mark.line, stop.mark.column, dotted(stop.path), stop.message)
        raise ConfigError([*_located(builder, file), last]) from None
    except yaml.YAMLError as error:
        raise ConfigError([*_located(builder, file), _syntax_problem(error, file)]) from error
    if root is None or root.value is None:
        raise ConfigError([Problem(file, 1, 1, "", "is empty; start from the commented example config.yaml")])
    return Source(file, root, tuple(_located(builder, file)))


def _located(builder: TreeBuilder, file: str) -> Iterable[Problem]:
    for mark, fault in builder.faults:
        yield Problem(file, mark.line, mark.column, dotted(fault.path), fault.message)


def _syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    """Tell what libyaml tells: what it stumbled over, and where the construct begins that it was reading."""
    mark, begin = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    if context and begin:
        reason += f" ({context}, begun in line {begin.line + 1})"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, "", f"is not YAML: {reason}")
