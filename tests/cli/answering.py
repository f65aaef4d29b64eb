"""A server in the daemon's place, that answers ``/status`` as a test wants."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from click.testing import CliRunner, Result

from controller.cli import main


@contextmanager
def serving(status: int | None, body: bytes) -> Iterator[str]:
    """Answer one request so, and give the address; without a status say the body and nothing of HTTP."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        thread.join()


def answered(status: int | None, body: bytes, *arguments: str, columns: int = 80) -> Result:
    """Run ``ecsq status`` against a server that answers so; without a status it says the body and nothing of HTTP."""
    with serving(status, body) as url:
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["status", url, *arguments])
