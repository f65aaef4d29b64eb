"""From a configuration file to a document in which every key knows its place.

A file that is too large, is not UTF-8 or is not YAML is refused here.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import yaml
from yaml.reader import Reader

from controller.config.nodes import Entry, Mark, Node, TreeBuilder, UnreadableError, ValueBuilder
from controller.config.problems import ConfigError, Finding, KeyPath, Problem, format_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from controller.core.address import Address

MAX_BYTES = 8 << 20

# libyaml's parser takes a tenth of the time, where PyYAML was built with it. Both give the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEY_PARTS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class Source:
    """A parsed file: what it says and, where that is asked for, the place of each key."""

    def __init__(self, file: str, text: str) -> None:
        """Parse YAML text. ``file`` is its name in messages. Raises ConfigError if it cannot be checked any further."""
        self.file = file
        self.text = text
        self.problems: tuple[Problem, ...] = ()
        """Mistakes in the YAML that did not keep it from being read, such as duplicate keys."""
        builder = ValueBuilder(_parse_events(text))
        try:
            self._data = builder.build()
            is_sound = not builder.is_flawed
        except (UnreadableError, yaml.YAMLError):
            is_sound = False
        if not is_sound:
            self.problems = self._tree[1]
        if self._data is None:
            raise ConfigError([Problem(file, 1, 1, "", "is empty; start from the commented example config.yaml")])

    def take_data(self) -> Any:
        """Return the document as dictionaries, lists and scalars, once: where each key stands the text tells."""
        data, self._data = self._data, None
        return data

    @cached_property
    def _tree(self) -> tuple[Node, tuple[Problem, ...]]:
        """The document once more, with the place of each key, and the mistakes in it. Raises ConfigError."""
        builder = TreeBuilder(_parse_events(self.text))
        try:
            root = builder.build()
        except UnreadableError as stop:
            last = Problem(self.file, stop.mark.line, stop.mark.column, format_path(stop.path), stop.message)
            raise ConfigError([*_locate_findings(builder, self.file), last]) from None
        except yaml.YAMLError as error:
            raise ConfigError(
                [*_locate_findings(builder, self.file), _describe_syntax_error(error, self.file)]
            ) from error
        return root, tuple(_locate_findings(builder, self.file))

    def locate(self, findings: Iterable[Finding]) -> Iterator[Problem]:
        """Yield the findings with their places: the value, the key of a collection, or the nearest parent that exists.

        What is wrong inside an anchor is reported once, at its first use, and not again for each alias.
        """
        reported: set[tuple[int, KeyPath, str]] = set()
        for finding in findings:
            entry, absent = self._find(finding.path)
            if (this := (id(entry.node), absent, finding.message)) not in reported:
                reported.add(this)
                mark = _choose_mark(entry, at_key=finding.at_key and not absent)
                yield Problem(self.file, mark.line, mark.column, format_path(finding.path), finding.message)

    def locate_key(self, key: str, message: str) -> Problem:
        """Return a problem with the place of its dotted key, as ``scalers[0].queue``."""
        path = tuple(int(index) if index else name for index, name in _KEY_PARTS.findall(key))
        mark = _choose_mark(self._find(path)[0], at_key=False)
        return Problem(self.file, mark.line, mark.column, key, message)

    def _find(self, path: KeyPath) -> tuple[Entry, KeyPath]:
        """Return the deepest entry on a path that exists, and the rest of the path, which does not."""
        root, _ = self._tree
        entry = Entry(root.mark, root)
        for depth, part in enumerate(path):
            below = _get_child(entry.node, part)
            if below is None:
                return entry, path[depth:]
            entry = below
        return entry, ()


def _choose_mark(entry: Entry, *, at_key: bool) -> Mark:
    is_scalar = not isinstance(entry.node.value, dict | list)
    return entry.node.mark if is_scalar and not at_key else entry.mark


def _get_child(node: Node, part: str | int) -> Entry | None:
    if isinstance(node.value, dict):
        return node.value.get(part)
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        return Entry(node.value[part].mark, node.value[part])
    return None


def read_content(path: Path) -> bytes:
    """Return what a file or pipe holds, read once and at most MAX_BYTES of it.

    Raises ConfigError if it cannot be read or is larger. Waits for as long as the file lets it wait.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
            is_a_file = S_ISREG(os.fstat(stream.fileno()).st_mode)
    except FileNotFoundError:
        raise _make_error(path, "does not exist; name the configuration with --config or ECSQ_CONFIG") from None
    except IsADirectoryError:
        raise _make_error(path, "is a directory, not a configuration file") from None
    except OSError as error:
        raise _make_error(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _make_error(path, f"cannot be read: {error}") from error
    refuse_large(content, path)
    if not content and not is_a_file:
        raise _make_error(path, "has nothing to read: what a pipe held is gone once it was read; name a file instead")
    return content


def refuse_large(content: bytes, address: Address) -> None:
    """Raise ConfigError for a content with more bytes than a configuration may have."""
    if len(content) > MAX_BYTES:
        raise _make_error(address, f"is larger than {MAX_BYTES:,} bytes, the most that a configuration may have")


def parse_content(content: bytes, path: Address) -> Source:
    """Parse what a file held. Raises ConfigError if it cannot be checked any further."""
    return parse(_decode(content, path), str(path))


def _decode(content: bytes, path: Address) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        message = f"is not UTF-8: the byte 0x{content[error.start]:02x} is not valid here; save the file as UTF-8"
        raise ConfigError([_locate_after(before, str(path), message)]) from error


def _make_error(path: Address, message: str) -> ConfigError:
    return ConfigError([Problem(str(path), 1, 1, "", message)])


def _locate_after(before: str, file: str, message: str) -> Problem:
    return Problem(file, before.count("\n") + 1, len(before) - before.rfind("\n"), "", message)


def parse(text: str, file: str) -> Source:
    """Parse YAML text. ``file`` is its name in messages. Raises ConfigError as :func:`parse_content` does."""
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable:
        message = f"is not YAML: the character U+{ord(unprintable.group()):04X} is not allowed; remove it"
        raise ConfigError([_locate_after(text[: unprintable.start()], file, message)])
    return Source(file, text)


def read_tree(text: str) -> Node:
    """Return the document of a text that is known to be sound, with the place of each key."""
    root: Node = TreeBuilder(_parse_events(text)).build()
    return root


def _parse_events(text: str) -> Iterator[yaml.Event]:
    # Past the last event there is None, which the builder never asks for.
    return iter(_LOADER(text).get_event, None)


def _locate_findings(builder: TreeBuilder, file: str) -> Iterator[Problem]:
    for mark, finding in builder.findings:
        yield Problem(file, mark.line, mark.column, format_path(finding.path), finding.message)


def _describe_syntax_error(error: yaml.YAMLError, file: str) -> Problem:
    """Say what libyaml says: what it did not expect, and where the construct begins that it was reading."""
    mark, begin = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    if context and begin:
        reason += f" ({context}, which begins in line {begin.line + 1})"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, "", f"is not YAML: {reason}")
