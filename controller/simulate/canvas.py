"""The canvas: a picture in light and in dark, and its axes of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from controller.core.words import format_span

INK = {"light": ("#1b1f24", "#ffffff", "#d8dee4"), "dark": ("#e6edf3", "#0d1117", "#30363d")}
"""Text, ground and grid."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999999", "#a6761d")
"""Told apart by people who see few colours (Okabe and Ito), on both grounds."""
STEPS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""Round spans of time, seconds."""
FAR_APART = (0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 172_800, 604_800, 2_592_000)
"""The same for an axis on which each is some times the one before."""
TICKS = 9


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, to be drawn in light and in dark."""

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]


@contextmanager
def in_colours(theme: str) -> Iterator[None]:
    """Draw in the colours of ``light`` or ``dark``."""
    text, ground, grid = INK[theme]
    style: Any = {
        "text.color": text, "axes.labelcolor": text, "xtick.color": text, "ytick.color": text, "axes.edgecolor": grid,
        "grid.color": grid, "figure.facecolor": ground, "axes.facecolor": ground, "savefig.facecolor": ground,
        "legend.facecolor": ground, "legend.edgecolor": grid, "axes.grid": True, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "font.size": 9.5, "svg.fonttype": "none",
        "svg.hashsalt": "ecsq", "axes.prop_cycle": cycler(color=COLOURS),
    }  # fmt: skip
    with mpl.rc_context(style):
        yield


def render(picture: Picture, theme: str, target: Any, kind: str) -> None:
    """Write a picture to a path or a stream, as ``png`` or ``svg``."""
    with in_colours(theme):
        figure = Figure(figsize=picture.size, layout="constrained", dpi=120)
        picture.draw(figure)
        figure.savefig(target, format=kind, metadata={"Date": None} if kind == "svg" else None)


def write_spans(axes: Axes) -> None:
    """Let the ticks of an axis of seconds be round spans of time."""
    least, most = axes.get_xlim()
    axes.xaxis.set_major_formatter(lambda seconds, _: format_span(max(0.0, seconds)))
    if axes.get_xscale() == "log":
        axes.set_xticks([step for step in FAR_APART if least <= step <= most])
        axes.minorticks_off()
        return
    step = next((step for step in STEPS if most / step <= TICKS), STEPS[-1] * max(1, round(most / STEPS[-1] / TICKS)))
    axes.set_xticks(np.arange(0, most, step))


def to_dates(times: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return seconds since the epoch as an axis of dates takes them."""
    return (np.asarray(times, dtype=float) * 1000).astype("datetime64[ms]")


def write_dates(axes: Axes) -> None:
    """Let the ticks of an axis of dates be times of day, in UTC."""
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
