"""Keeps the user's AWS accounts and proxies out of the environment of the sandbox."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOREIGN = ("AWS_", "BOTO", "ECSQ_")
"""The prefixes of the variables that would direct boto3 or the controller to another place."""


def strip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without accounts, endpoints and configurations, and with made-up credentials."""
    kept = {name: value for name, value in environment.items() if not name.startswith(FOREIGN)}
    return kept | {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@contextmanager
def isolate() -> Iterator[None]:
    """Replace the environment of this process, and of those that it starts, by an isolated one in this context."""
    before = dict(os.environ)
    _replace_environment(strip_environment(before))
    try:
        yield
    finally:
        _replace_environment(before)


def _replace_environment(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
