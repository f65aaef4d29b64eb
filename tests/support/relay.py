"""A relay between a TCP port of loopback and a socket in the file system, which network namespaces share.

``python -m tests.support.relay inside PORT PATH`` runs in a namespace and gives it a port that leads to the socket;
``outside PORT PATH`` leads from the socket to the port of the same number where it runs.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _serve(side: str, port: int, path: str) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await (
                asyncio.open_unix_connection(path) if side == "inside" else asyncio.open_connection("127.0.0.1", port)
            )
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, far[1]), _pass_on(far[0], writer))

    if side == "inside":
        server = await asyncio.start_server(connect, "127.0.0.1", port)
    else:
        server = await asyncio.start_unix_server(connect, path)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
