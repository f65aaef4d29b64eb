"""``/status`` of a running daemon, as the commands read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from threading import Event
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import click

from controller.clock import machine_clock

TIMEOUT = 5.0
"""Seconds that a daemon has to begin its answer, and to go on with it."""
MAX_SECONDS = 30.0
"""Seconds that the whole answer may take."""
MAX_BYTES = 256 << 20
"""Of an answer: above what 10,000 scalers take, with all that is kept of their decisions."""
CHUNK = 1 << 16
"""Bytes that are read at a time, at most."""

_DIRECTLY = build_opener(ProxyHandler({}))
"""A proxy knows neither this machine's loopback nor addresses inside a VPC."""


def fetch_status(url: str) -> Mapping[str, Any]:
    """Return the ``/status`` of the daemon at ``url``: its address, with or without scheme and path.

    Raises click.ClickException when nobody answers there, or somebody else.
    """
    base = base_url(url)
    try:
        with _DIRECTLY.open(f"{base}/status", timeout=TIMEOUT) as answer:
            status = json.loads(_read(answer))
    except HTTPError as error:
        with error:
            reason = " ".join(str(error.reason).split())
            raise click.ClickException(f"{base} answers, but {error.url} is {error.code} {reason}") from error
    except (URLError, OSError, HTTPException) as error:
        why = " ".join(str(getattr(error, "reason", error)).split())
        raise click.ClickException(f"no daemon answers at {base}: {why}") from error
    except (ValueError, RecursionError) as error:
        raise not_a_daemon(url) from error
    if not isinstance(status, dict):
        raise not_a_daemon(url)
    return status


def base_url(url: str) -> str:
    """Return the address of a daemon as others are built on it: with a scheme, and without ``/status``.

    Raises click.ClickException for what is no address of HTTP, or has a password in it.
    """
    if "@" in url:
        raise click.ClickException("a daemon takes no user and password: write its address as http://HOST:PORT")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise click.ClickException(f"{url!r} is not the address of a daemon: write it as http://HOST:PORT")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/status")


def not_a_daemon(url: str) -> click.ClickException:
    """Return the error for an answer that no daemon of ours gives."""
    return click.ClickException(f"what answers at {base_url(url)}/status is not ecsq, or another version of it")


def _read(answer: HTTPResponse) -> bytes:
    """Read an answer whole. Raises OSError when it takes too long, and ValueError when it is too large."""
    clock = machine_clock(Event())
    began, parts, size = clock.elapsed(), [], 0
    while part := answer.read1(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise ValueError("the answer is too large")
        if clock.elapsed() - began > MAX_SECONDS:
            raise TimeoutError(f"its answer was not complete after {MAX_SECONDS:.0f} s")
    return b"".join(parts)
