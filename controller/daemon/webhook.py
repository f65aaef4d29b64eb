"""A POST to a webhook. Its URL is a secret: no error, and so no log line, has any of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers, parse_url

CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 10.0
"""Seconds until an answer begins."""
_OK = range(200, 300)
_PASSES = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses that may pass by themselves."""
_LONGEST_WAIT = 300.0
"""Seconds that an answer may ask to be left alone for, at most."""


class UnsentError(Exception):
    """An event was not taken. Its text names no address."""

    def __init__(self, message: str, *, passes: bool, wait: float = 0.0) -> None:
        """Take whether it may pass by itself, and the seconds to wait until it is sent again, at least."""
        super().__init__(message)
        self.passes = passes
        self.wait = wait


def post(url: str, content_type: str, document: Mapping[str, Any]) -> None:
    """Send a JSON document; a redirect is not followed. Raises UnsentError."""
    if not url.startswith(("http://", "https://")):
        raise UnsentError("its address is no http or https URL", passes=False)
    headers = {"Content-Type": content_type, "User-Agent": "ecs-queue-controller"}
    try:
        with _open_pool(url) as pool:
            response = pool.request(
                "POST",
                url,
                body=json.dumps(document).encode(),
                headers=headers,
                timeout=Timeout(connect=CONNECT_WITHIN, read=ANSWER_WITHIN),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            response.close()
    except (HTTPError, ValueError) as error:
        # The error's own words have the URL in them.
        passes = not isinstance(error, ValueError)
        raise UnsentError(f"no answer ({type(error).__name__})", passes=passes) from None
    if response.status not in _OK:
        wait = _read_wait(response.headers.get("Retry-After"))
        raise UnsentError(f"answered {response.status}", passes=response.status in _PASSES, wait=wait)


def _open_pool(url: str) -> PoolManager:
    """Return a pool for one request: a change is told seldom, and an idle connection would have been closed by then."""
    parsed = parse_url(url)
    proxy = getproxies().get(parsed.scheme or "")
    if proxy is None or proxy_bypass(parsed.host or ""):
        return PoolManager()
    auth = parse_url(proxy).auth
    return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=unquote(auth)) if auth else None)


def _read_wait(header: str | None) -> float:
    """Return the seconds of a Retry-After; a date in it is passed over."""
    is_number = header is not None and header.isascii() and header.isdecimal()
    return min(float(header or 0), _LONGEST_WAIT) if is_number else 0.0
