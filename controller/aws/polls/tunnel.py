"""Opening a connection: straight to the endpoint, or through a proxy's tunnel."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from aiohappyeyeballs import start_connection
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)

from controller.aws.polls.connection import Connection
from controller.aws.polls.endpoint import Endpoint, Proxy

P = TypeVar("P", bound=asyncio.Protocol)

HEAD_START = 0.25
"""Seconds that one address of a host gets before the next is tried beside it (RFC 8305)."""
LONGEST_REPLY = 8_192
"""Bytes of a proxy's reply to CONNECT."""
_END = b"\r\n\r\n"


async def open_connection(endpoint: Endpoint, within: float) -> Connection:
    """Return a new connection, TLS included, within so many seconds.

    Raises what botocore would: ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError.
    """
    try:
        async with asyncio.timeout(within):
            return await (_open(endpoint) if endpoint.proxy is None else _open_through(endpoint, endpoint.proxy))
    except BotoCoreError:
        raise  # some of botocore's errors are OSErrors as well
    except TimeoutError as error:
        raise ConnectTimeoutError(endpoint_url=endpoint.url) from error
    except ssl.SSLError as error:
        raise SSLError(endpoint_url=endpoint.url, error=error) from error
    except OSError as error:
        raise EndpointConnectionError(endpoint_url=endpoint.url) from error


async def _open(endpoint: Endpoint) -> Connection:
    name = endpoint.host if endpoint.tls else None
    _, connection = await _start(
        endpoint.host, endpoint.port, lambda: Connection(endpoint.url), ssl=endpoint.tls, server_hostname=name
    )
    return connection


async def _start(host: str, port: int, make: Callable[[], P], **settings: Any) -> tuple[asyncio.Transport, P]:
    """Connect to whichever of a host's addresses answers first, each tried a little after the one before.

    asyncio can do so itself, but in Python 3.11 leaves sockets and tasks behind where that is cancelled.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    connected = await start_connection(found, happy_eyeballs_delay=HEAD_START)
    try:
        return await loop.create_connection(make, sock=connected, **settings)
    except BaseException:
        connected.close()
        raise


async def _open_through(endpoint: Endpoint, proxy: Proxy) -> Connection:
    """Return a connection inside a tunnel. TLS is the endpoint's own: the proxy sees no more than the host's name."""
    loop = asyncio.get_running_loop()
    connection = Connection(endpoint.url)
    transport = await _make_tunnel(endpoint, proxy)
    try:
        secured = await loop.start_tls(transport, connection, endpoint.tls, server_hostname=endpoint.host)  # type: ignore[arg-type]
    except BaseException:
        transport.abort()
        raise
    if secured is None:  # the transport was closed meanwhile
        raise EndpointConnectionError(endpoint_url=endpoint.url)
    connection.connection_made(secured)
    return connection


async def _make_tunnel(endpoint: Endpoint, proxy: Proxy) -> asyncio.Transport:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    try:
        transport, asked = await _start(proxy.host, proxy.port, lambda: _Connect(f"{host}:{endpoint.port}", proxy))
        try:
            await asked.accepted
        except BaseException:
            transport.abort()
            raise
    except TimeoutError:
        raise
    except OSError as error:
        raise ProxyConnectionError(proxy_url=proxy.shown) from error
    return transport


class _Connect(asyncio.Protocol):
    """Asks a proxy for a tunnel to ``target``; ``accepted`` is done when there is one, or raises OSError."""

    def __init__(self, target: str, proxy: Proxy) -> None:
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lines = [
            f"CONNECT {target} HTTP/1.1",
            f"Host: {target}",
            *(f"{name}: {proxy.headers[name]}" for name in proxy.headers),
        ]
        self._request = "\r\n".join(lines).encode() + _END
        self._reply = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]  # a stream's, as the loop makes it

    def data_received(self, data: bytes) -> None:
        self._reply += data
        if self.accepted.done() or (_END not in self._reply and len(self._reply) < LONGEST_REPLY):
            return
        version, _, status = self._reply.partition(b"\r\n")[0].partition(b" ")
        if version.startswith(b"HTTP/1.") and status[:4].strip() == b"200" and _END in self._reply:
            self.accepted.set_result(None)
        else:
            self.accepted.set_exception(ConnectionRefusedError("the proxy makes no tunnel"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.accepted.done():
            self.accepted.set_exception(error or ConnectionResetError("the proxy closed the connection"))
