"""``/status`` of a running daemon, as the commands read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import click

TIMEOUT = 5.0
"""Seconds that a daemon has to answer."""
_DIRECTLY = build_opener(ProxyHandler({}))
"""A proxy knows neither this machine's loopback nor addresses inside a VPC."""


def fetch_status(url: str) -> Mapping[str, Any]:
    """Return the ``/status`` of the daemon at ``url``: its address, with or without scheme and path.

    Raises click.ClickException when nobody answers there, or somebody else.
    """
    base = base_url(url)
    try:
        with _DIRECTLY.open(f"{base}/status", timeout=TIMEOUT) as answer:
            status = json.load(answer)
    except HTTPError as error:
        with error:
            raise click.ClickException(f"{base} answers, but {error.url} is {error.code} {error.reason}") from error
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise click.ClickException(f"no daemon answers at {base}: {' '.join(str(reason).split())}") from error
    except ValueError as error:
        raise not_a_daemon(url) from error
    if not isinstance(status, dict):
        raise not_a_daemon(url)
    return status


def base_url(url: str) -> str:
    """Return the address of a daemon as others are built on it: with a scheme, and without ``/status``."""
    with_scheme = url if url.startswith(("http://", "https://")) else f"http://{url}"
    return with_scheme.rstrip("/").removesuffix("/status")


def not_a_daemon(url: str) -> click.ClickException:
    """Return the error for an answer that no daemon of ours gives."""
    return click.ClickException(f"what answers at {base_url(url)}/status is not ecsq")
