"""What a user is told who asks for something that an extra of the distribution brings, and does not have it."""

from __future__ import annotations

from collections.abc import Collection

import click


def explain_missing(
    error: ModuleNotFoundError, subject: str, extra: str, brings: Collection[str], otherwise: str = ""
) -> click.ClickException:
    """Return the line that says what to install for ``subject``; ``otherwise`` is what can be done without.

    Raises the error itself for a module that the extra does not bring: then something else is wrong.
    """
    missing = (error.name or "").partition(".")[0]
    if missing not in brings:
        raise error
    return click.ClickException(
        f"{subject} needs {missing}, which is not installed: install the wheel with the extra {extra} "
        f"(pipx install --force 'WHEEL[{extra}]'), or run make setup in a checkout{otherwise}"
    )
