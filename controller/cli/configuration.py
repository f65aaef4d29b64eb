"""The configuration as the commands read it, from wherever it is kept."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from controller.cli.output import say
from controller.clock import machine_clock
from controller.config import ConfigError, Loaded, load_content
from controller.config.kept import Kept, KeptFile
from controller.core.address import Address


def load_or_exit(address: Address) -> Loaded:
    """Return the configuration at an address.

    Every problem is a line on standard error, and then the exit code is 1.
    """
    return load_content_or_exit(read_or_exit(address), address)


def read_or_exit(address: Address) -> bytes:
    """Return what is at an address, not checked yet; ends as ``load_or_exit`` does."""
    try:
        return open_address(address).read()
    except ConfigError as error:
        raise _complain(error) from error


def load_content_or_exit(content: bytes, address: Address) -> Loaded:
    """Check what was read; ends as ``load_or_exit`` does."""
    try:
        return load_content(content, address)
    except ConfigError as error:
        raise _complain(error) from error


def open_address(address: Address) -> Kept:
    """Return the place that an address names. Asks nothing yet."""
    if isinstance(address, Path):
        return KeptFile(address)
    from controller.aws.configurations import open_kept  # noqa: PLC0415 - boto3 takes a second, and a file needs none

    return open_kept(address, machine_clock(Event()))


def _complain(error: ConfigError) -> SystemExit:
    say(map(str, error.problems), err=True)
    return SystemExit(1)
