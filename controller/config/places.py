"""Where the keys of a configuration stand in its file, for as long as it is in force.

Whoever shows a decision names the key that would move it, and the line in which that is to be edited. Nobody may ever
look, and a large file takes long to be read for its places, so it is kept packed until somebody does; from then on
there are a few bytes for each key.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from zlib import compress, decompress

from controller.config.nodes import Entry, Node
from controller.config.source import read_tree

DEPTH = 2
"""How deep below a scaler a key is still one that somebody edits by itself: ``task.definition``."""


PACKED_FAST = 1
"""zlib's level."""


@dataclass(frozen=True, slots=True)
class Place:
    """A key and where it stands."""

    key: str
    """Dotted, within its scaler or the whole file: ``cooldown.launch``."""
    line: int
    """1-based; of its section, its scaler or the file's beginning if it is not set."""
    is_set: bool
    """Whether the file has it; else its default holds."""


class Places:
    """The lines of all keys that a file sets."""

    def __init__(self, text: str) -> None:
        """Keep the text of a sound file. An alias is where its anchor is written."""
        self._packed: bytes | None = compress(text.encode(), PACKED_FAST)
        self._numbers: dict[str, int] = {}
        self._top = array("I")
        self._scalers: list[array[int]] = []
        self._reading = Lock()

    def _read(self) -> None:
        """Read the places, once."""
        with self._reading:
            if self._packed is None:
                return
            root = read_tree(decompress(self._packed).decode())
            self._top = self._note(root)
            scalers = root.value.get("scalers") if isinstance(root.value, dict) else None
            listed = scalers.node.value if scalers is not None and isinstance(scalers.node.value, list) else []
            self._scalers = [self._note(scaler) for scaler in listed]
            self._packed = None

    def find(self, key: str, scaler: int | None = None) -> Place:
        """Return the place of a key of the scaler with that index, or of the file; of what it is in, if not set."""
        self._read()
        lines = self._top if scaler is None else self._scalers[scaler]
        name = key
        while True:
            number = self._numbers.get(name)
            if number is not None and number < len(lines) and lines[number]:
                return Place(key, lines[number], name == key)
            if not name:
                return Place(key, 1, is_set=False)
            name = name.rpartition(".")[0]

    def find_set(self, section: str, scaler: int) -> Place:
        """Return the place of the first key that a section of a scaler sets: of its strategy, for ``demand``."""
        self._read()
        lines = self._scalers[scaler]
        for name, number in self._numbers.items():
            if name.startswith(f"{section}.") and number < len(lines) and lines[number]:
                return Place(name, lines[number], is_set=True)
        return self.find(section, scaler)

    def _note(self, node: Node) -> array[int]:
        lines = array("I")
        for key, line in [("", node.mark.line), *_list_keys(node, "", DEPTH)]:
            number = self._numbers.setdefault(key, len(self._numbers))
            lines.extend([0] * (number + 1 - len(lines)))
            lines[number] = line
        return lines


def _list_keys(node: Node, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    if not isinstance(node.value, dict) or not depth:
        return
    entries: dict[str, Entry] = node.value
    for key, entry in entries.items():
        name = f"{prefix}{key}"
        yield name, entry.mark.line
        yield from _list_keys(entry.node, f"{name}.", depth - 1)
