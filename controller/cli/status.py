"""``ecsq status``: what a running daemon last decided and why: of every scaler in a row, or of one line by line."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from threading import Event
from typing import Any

import click

from controller.cli.daemon_status import base_url, fetch_status, not_a_daemon
from controller.cli.output import has_colour, is_terminal, say_json, say_safe
from controller.cli.status_table import draw_table, wrap
from controller.clock import machine_clock
from controller.config.wording import find_nearest
from controller.core.printable import show
from controller.core.status_lines import draw_head, draw_scaler, say_where_else

DEFAULT_URL = "http://127.0.0.1:8080"
WATCH_EVERY = 2.0
"""Seconds between two looks."""
FOUND_TOLD = 10
"""Names that are told of the scalers of one search."""
MIN_WIDTH = 60
"""Columns that the table takes on any terminal."""
_NO_STATUS = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError)
"""What comes of reading a document that is no status, of its times too."""
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


@click.command("status")
@click.argument("url", default=DEFAULT_URL)
@click.option(
    "--scaler", metavar="NAME", help="Only this scaler: its last decision and how it was reached, line by line."
)
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's own JSON, for programs.")
@click.option("--watch", is_flag=True, help="Look again every 2 seconds, until Ctrl-C.")
def command(url: str, scaler: str | None, *, as_json: bool, watch: bool) -> None:
    """Show what the daemon at URL (default http://127.0.0.1:8080) last decided for every scaler, trouble first."""
    if as_json and watch:
        raise click.UsageError("--watch has no effect with --json: leave one of the two out")
    if watch:
        _watch(url, scaler)
        return
    status = fetch_status(url)
    if as_json:
        say_json(status if scaler is None else _choose(url, status, scaler))
    else:
        say_safe(_draw(url, status, scaler, None))


def _watch(url: str, scaler: str | None) -> None:
    """Show the status again and again, in its place on a terminal. A daemon that restarts is waited for."""
    clock = machine_clock(Event())
    drawn = _draw(url, fetch_status(url), scaler, _find_height())
    try:
        while True:
            _redraw(drawn)
            clock.pause(WATCH_EVERY)
            try:
                drawn = _draw(url, fetch_status(url), scaler, _find_height())
            except click.ClickException as error:
                drawn = wrap(show(error.message), _find_width())
    except KeyboardInterrupt:
        click.echo()


def _redraw(lines: list[str]) -> None:
    """Write over what a terminal shows; anywhere else, below it."""
    if not is_terminal():
        say_safe([*lines, ""])
        return
    say_safe([_HOME + "\n".join(f"{line}{_REST_OF_LINE}" for line in lines) + _REST_OF_SCREEN])


def _draw(url: str, status: Mapping[str, Any], scaler: str | None, height: int | None) -> list[str]:
    """Return the lines to show; of the table as many rows as a screen of ``height`` lines has room for.

    Raises click.ClickException for a document that is no status, and a scaler that is not there.
    """
    width = _find_width()
    chosen = None if scaler is None else _choose(url, status, scaler)
    try:
        head = [part for line in draw_head(status) for part in wrap(show(line), width)]
        if chosen is not None:
            lines = [*head, "", *(show(line) for line in draw_scaler(chosen, status["now"]))]
            return lines if height is None else lines[: height - 1]
        lines = [*head, "", *draw_table(status, width, None, colour=has_colour())]
        if height is not None and len(lines) >= height:
            # Room for the line that counts the rest; half a screen of rows goes before what is told below them.
            over = len(lines) + 2 - height
            rows_shown = max(height // 2, len(status["scalers"]) - over)
            lines = [*head, "", *draw_table(status, width, rows_shown, colour=has_colour())][: height - 1]
    except _NO_STATUS as error:
        raise not_a_daemon(url) from error
    return lines


def _choose(url: str, status: Mapping[str, Any], scaler: str) -> Mapping[str, Any]:
    """Return a scaler's part of the status. Raises click.ClickException if there is none of that name."""
    try:
        by_name: dict[str, Mapping[str, Any]] = {str(each["name"]): each for each in status["scalers"]}
        elsewhere = say_where_else(status["shard"])
    except _NO_STATUS as error:
        raise not_a_daemon(url) from error
    if scaler not in by_name:
        said = hint(scaler, by_name)
        raise click.ClickException(f"the daemon at {base_url(url)} has no scaler {scaler!r}; {said}{elsewhere}")
    return by_name[scaler]


def hint(scaler: str, by_name: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what somebody may have meant who names a scaler that is not there."""
    found = [name for name, each in by_name.items() if each.get("found_by") == scaler]
    if found:
        more = f" and {len(found) - FOUND_TOLD} more" if len(found) > FOUND_TOLD else ""
        return f"it has a scaler for each queue that {scaler} has found: {', '.join(found[:FOUND_TOLD])}{more}"
    nearest = find_nearest(scaler, frozenset(by_name))
    return f"did you mean {nearest}?" if nearest else f"without --scaler it shows all {len(by_name)}"


def _find_width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size().columns)


def _find_height() -> int | None:
    """Return the lines of the terminal; None if there is none."""
    return shutil.get_terminal_size().lines if is_terminal() else None
