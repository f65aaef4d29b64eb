"""The names of points in a picture, each beside its own and none on another."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from controller.simulate.comparison import THIS

SIDES = ((7, 4), (7, -11), (-7, 4), (-7, -11))
"""Where the name of a point may go, in points of print from it."""
LETTER, LINE, POINT = 0.0135, 0.045, 0.012
"""The width of a letter, the height of a line and half of a point, as shares of the picture."""
_Box = tuple[float, float, float, float]
"""Left, bottom, width and height, in such shares."""
CELLS = 40
"""Points in the same of so many cells of a side lie on each other."""


def name_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write the names of rows; those of points that lie on each other stand together, and none on another."""
    to_share = axes.transData + axes.transAxes.inverted()
    together: dict[tuple[int, int], list[tuple[float, float, str]]] = {}
    # A point is as much in the way as a name.
    taken: list[_Box] = []
    for wait, cost, name in points:
        x, y = (float(share) for share in to_share.transform((wait, cost)))
        taken.append((x, y, POINT, POINT))
        together.setdefault((round(x * CELLS), round(y * CELLS)), []).append((wait, cost, name))
    for group in together.values():
        names = ", ".join(name for _, _, name in group)
        x, y = (float(share) for share in to_share.transform(group[0][:2]))
        side, box = _find_place(x, y, LETTER * len(names), taken)
        taken.append(box)
        axes.annotate(names, group[0][:2], xytext=SIDES[side], textcoords="offset points", zorder=4,
                      ha="left" if SIDES[side][0] > 0 else "right",
                      fontweight="bold" if THIS in (name for _, _, name in group) else "normal")  # fmt: skip


def _find_place(x: float, y: float, width: float, taken: Sequence[_Box]) -> tuple[int, _Box]:
    """Return on which side of a point a name goes, and its box: the first that is free, else the first of all.

    None goes over the axis of dollars.
    """
    boxes = [
        (x + POINT if right > 0 else x - POINT - width, y + (0 if above > 0 else -LINE), width, LINE)
        for right, above in SIDES
    ]
    inside = ((side, box) for side, box in enumerate(boxes) if box[0] > 0)
    free = (side for side, box in inside if not any(_overlap(box, other) for other in taken))
    side = next(free, 0)
    return side, boxes[side]


def _overlap(box: _Box, other: _Box) -> bool:
    return all(box[axis] < other[axis] + other[axis + 2] and other[axis] < box[axis] + box[axis + 2] for axis in (0, 1))
