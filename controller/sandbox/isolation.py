"""The environment of the sandbox: no AWS account of the user's, no proxy between it and loopback."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOREIGN = ("AWS_", "BOTO", "ECSQ_")
"""How the variables begin that would lead boto3 or the controller elsewhere."""


def isolated_environment(environment: Mapping[str, str]) -> dict[str, str]:
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
def isolation() -> Iterator[None]:
    """Let this process, and those that it starts, see the isolated environment for a while."""
    before = dict(os.environ)
    _become(isolated_environment(before))
    try:
        yield
    finally:
        _become(before)


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
