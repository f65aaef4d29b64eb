"""What measurements share: an AWS that answers at once, and what a process takes."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.loopback import END

if TYPE_CHECKING:
    from collections.abc import Callable


class Immediate(asyncio.Protocol):
    """Answers each request as soon as it is whole."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        """``answer`` gives the whole answer to a request's body."""
        self._answer = answer
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._data += data
        head, end, body = self._data.partition(END)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        if end and len(body) >= length:
            self._data = body[length:]
            self._transport.write(self._answer(body[:length]))  # type: ignore[attr-defined]


async def listen(folder: str, answer: Callable[[bytes], bytes]) -> asyncio.Server:
    """Listen on loopback with the certificate in ``folder``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Immediate(answer), "127.0.0.1", 0, ssl=context)


def resident(pid: int) -> float:
    """Return a process's resident memory, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak(pid: int) -> float:
    """Return the most resident memory that a process has had, MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
