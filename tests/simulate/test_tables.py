from __future__ import annotations

import re

import pytest

from controller.simulate.measures import Row
from controller.simulate.tables import COLUMNS, draw_table

ROWS = [
    Row(name, dict.fromkeys(("p50", "p95", "p99", "max"), 61.0), 0.5, 0, 12.3, 4.5, 6.7, 8.9, peak=100)
    for name in ("this", "keda-accurate")
]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_table_fits_the_terminal(width: int) -> None:
    """What is wider goes on below, with the rows named again; every column is there once."""
    lines = draw_table(ROWS, width)
    assert max(map(len, lines)) <= width
    blocks = "\n".join(lines).split("\n\n")
    heads = [re.split(" {2,}", block.splitlines()[0].strip()) for block in blocks]
    assert [name for name, _ in COLUMNS] == [name for head in heads for name in head]
    assert [["this", "keda-accurate"]] * len(blocks) == [
        [line.split()[0] for line in block.splitlines()[2:]] for block in blocks
    ]


def test_a_table_may_be_as_wide_as_it_is() -> None:
    """Nothing wraps then."""
    header, line, *rows = draw_table(ROWS)
    assert (len(header), 2) == (len(line), len(rows))
