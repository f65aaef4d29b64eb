"""The report: one file of HTML with the table, the verdict and the pictures, without a script and without a network."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from controller.simulate.canvas import INK, Picture, render
from controller.simulate.measures import Row
from controller.simulate.tables import COLUMNS

_CODE = re.compile("`([^`]*)`")
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --ground: #ffffff; --line: #d8dee4; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --ground: #0d1117; --line: #30363d; } }
body { color: var(--ink); background: var(--ground); font: 15px/1.5 system-ui, sans-serif; max-width: 80rem;
       margin: 2rem auto; padding: 0 1rem; }
.scrolls { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 12.5px; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .35rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tbody tr:first-child { font-weight: 600; }
pre { font-size: 12.5px; overflow-x: auto; }
figure { margin: 2rem 0; break-inside: avoid; }
img { width: 100%; min-width: 44rem; height: auto; }
@media print { body { max-width: none; margin: 0; } table { font-size: 7px; } th, td { padding: .2rem; }
               pre { font-size: 10px; white-space: pre-wrap; }
               img { min-width: 0; } .scrolls { overflow: visible; } }
"""


def write_report(
    path: Path,
    scaler: str,
    rows: Sequence[Row],
    paragraphs: Sequence[str],
    pictures: Sequence[Picture],
    explored: Sequence[str] = (),
) -> None:
    """Write the report, with paragraphs above the table, and below the first picture what was explored, line by line.

    Raises OSError.
    """
    title = f"{escape(scaler)}: what this configuration would do"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *(f"<p>{_mark_keys(each)}</p>" for each in paragraphs),
        f'<div class="scrolls">{_draw_table(rows)}</div>',
        *(_embed(picture) for picture in pictures[:1]),
        _draw_explored(explored),
        *(_embed(picture) for picture in pictures[1:]),
        "</body></html>",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _mark_keys(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _draw_explored(lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    return f"<h2>Which key to change</h2><pre>{escape(text)}</pre>" if lines else ""


def write_pngs(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write each picture as ``NAME.png`` and ``NAME-dark.png``. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        render(picture, "light", folder / f"{picture.name}.png", "png")
        render(picture, "dark", folder / f"{picture.name}-dark.png", "png")


def _embed(picture: Picture) -> str:
    """Return a picture in both colours, of which the browser shows one; on paper the light one."""
    light, dark = (_encode(picture, theme) for theme in INK)
    return (
        f"<figure><figcaption><h2>{escape(picture.title)}</h2></figcaption>"
        '<div class="scrolls"><picture>'
        f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(picture.title)}"></picture></div></figure>'
    )


def _encode(picture: Picture, theme: str) -> str:
    stream = BytesIO()
    render(picture, theme, stream, "svg")
    return f"data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode()}"


def _draw_table(rows: Sequence[Row]) -> str:
    header = "".join(f"<th>{escape(name)}</th>" for name, _ in COLUMNS)
    lines = (
        f"<tr><td>{escape(row.name)}</td>{''.join(f'<td>{escape(cell(row))}</td>' for _, cell in COLUMNS)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr><th></th>{header}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
