"""What the commands print: nothing from outside goes to a terminal as it came, and a full disk is one clear line."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import click

from controller.core.printable import show

_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def say(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines of text from anywhere; whatever stands in one of them, it stays one."""
    say_safe((show(line) for line in lines), err=err)


def say_safe(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines that are fit for a terminal, ours and with our colours perhaps; signs that it lacks are escaped."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    for line in lines:
        click.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=err)


def say_json(document: object) -> None:
    """Print a document as JSON, which has every sign beyond ASCII and every control character but one as an escape."""
    click.echo(json.dumps(document, indent=2).replace("\x7f", "\\u007f"))


def is_terminal() -> bool:
    """Say whether standard output is a terminal; it is None if it was closed before the process began."""
    return sys.stdout is not None and sys.stdout.isatty()


def has_colour() -> bool:
    """Say whether standard output is a terminal that shows colours, and nobody has asked for none (no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def ending_well() -> Iterator[None]:
    """End with one clear line when the output cannot be written, and well when its reader has gone: ``| head``.

    What an error of ours says is made fit for a terminal as well.
    """
    try:
        yield
    except click.ClickException as error:
        if type(error) is not click.ClickException:
            # An error of usage: what it quotes are the user's own arguments.
            raise
        raise click.ClickException(show(error.message)) from error
    except BrokenPipeError as error:
        _write_no_more()
        raise click.exceptions.Exit(0) from error
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        _write_no_more()
        raise click.ClickException(f"cannot write the output: {error.strerror}") from error


def _write_no_more() -> None:
    """Let what is still in the buffer of standard output go nowhere: the interpreter would try once more at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
