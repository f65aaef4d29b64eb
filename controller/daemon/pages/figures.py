"""Numbers as lines and areas: the paths of SVG pictures, in whole units of their own grids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Heights = Sequence[float | None]
"""A height for each equal part of the width, from the left; None is unknown, and is left out."""


def draw_steps(values: Heights, most: float, width: int, height: int) -> str:
    """Return the path of a line that stands at each value for its part of the width; ``most`` is at the top."""
    path, at, shown = [], -1, None
    for x, y in _place(values, most, width, height):
        if y is None:
            shown = None
        elif shown is None:
            path.append(f"M{x} {y}")
            shown = y
        elif y != shown:
            path.append(f"H{x}V{y}")
            shown = y
        at = x
    return _extend(path, shown, at, width)


def draw_area(values: Heights, most: float, width: int, height: int) -> str:
    """Return the path of the area below such a line."""
    path: list[str] = []
    shown: int | None = None
    for x, y in [*_place(values, most, width, height), (width, None)]:
        if shown is not None and y is None:
            path.append(f"H{x}V{height}Z")
        elif shown is None and y is not None:
            path.append(f"M{x} {height}V{y}")
        elif y != shown:
            path.append(f"H{x}V{y}")
        shown = y
    return "".join(path)


def find_most(*every: Iterable[float | None]) -> float:
    """Return the highest of all values, at least 1."""
    return max((value for values in every for value in values if value is not None), default=1) or 1


def _extend(path: list[str], shown: int | None, at: int, width: int) -> str:
    if shown is not None and at < width:
        path.append(f"H{width}")
    return "".join(path)


def _place(values: Heights, most: float, width: int, height: int) -> Iterator[tuple[int, int | None]]:
    """Yield where each part of the width begins, and how far from the top its value is."""
    for part, value in enumerate(values):
        x = round(part * width / len(values))
        yield x, None if value is None else round(height - min(1.0, value / most) * (height - 2)) - (value == 0)
