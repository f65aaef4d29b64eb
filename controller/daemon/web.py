"""The HTTP server: metrics, health, readiness and status. Read-only; nothing here calls AWS."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from threading import Thread

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from controller.config import ServerSpec
from controller.daemon.connections import BoundedConfig, BoundedServer, Limits, find_limits
from controller.telemetry.exposition import expose

STOP_WITHIN = 2.0
"""Seconds that open connections get when the server stops."""
COMPRESSION = 5
"""gzip's level. On metrics, level 9 takes five times as long for a sixth less, and polls need the processor too."""

NAMED = 20
"""Scalers that ``/readyz`` names at most."""


class CannotListenError(Exception):
    """The configured address cannot be had."""


def bind(spec: ServerSpec, check: str = "server.host and server.port") -> socket.socket:
    """Return a socket that listens on an address; ``check`` is what to look at if it cannot. Raises CannotListenError.

    Bound before the server starts: uvicorn would end its thread with SystemExit, seen by nobody. And listening: until
    one of them does, two processes may bind the same port.
    """
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((spec.host, spec.port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise CannotListenError(
            f"cannot listen on {spec.host} port {spec.port}: {error.strerror}; check {check}"
        ) from error
    return bound


def build_application(
    registry: CollectorRegistry,
    find_stuck: Callable[[], str | None],
    missing: Callable[[], list[str]],
    status: Callable[[], Iterable[str]],
) -> Starlette:
    """Return the application.

    ``find_stuck`` says what is stuck, ``missing`` names the scalers not observed yet, ``status`` gives JSON in parts.
    """

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return StreamingResponse(expose(registry, encode), media_type=content_type)

    def readyz(_: Request) -> Response:
        if names := missing():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            return PlainTextResponse(f"not observed yet: {', '.join(names[:NAMED])}{more}\n", 503)
        return PlainTextResponse("ok\n")

    def show_status(_: Request) -> Response:
        return StreamingResponse(status(), media_type="application/json")

    served = {"/metrics": metrics, "/healthz": _tell_health(find_stuck), "/readyz": readyz, "/status": show_status}
    pages = Starlette(
        routes=[Route(path, endpoint) for path, endpoint in served.items()],
        middleware=[Middleware(GZipMiddleware, compresslevel=COMPRESSION)],
    )
    # A redirect would lead to whatever host the request names.
    pages.router.redirect_slashes = False
    return pages


def build_waiting_application(find_cut_off: Callable[[], str | None], find_reason: Callable[[], str]) -> Starlette:
    """Return what is served until there is a configuration: whether it is of use, and why it is not ready."""

    def readyz(_: Request) -> Response:
        return PlainTextResponse(f"{find_reason()}\n", 503)

    pages = Starlette(routes=[Route("/healthz", _tell_health(find_cut_off)), Route("/readyz", readyz)])
    pages.router.redirect_slashes = False
    return pages


def _tell_health(find_trouble: Callable[[], str | None]) -> Callable[[Request], Response]:
    """Return the page that says what is wrong with the process, if anything is."""

    def healthz(_: Request) -> Response:
        if trouble := find_trouble():
            return PlainTextResponse(f"{trouble}\n", 503)
        return PlainTextResponse("ok\n")

    return healthz


class WebServer:
    """The application on a bound socket, in a thread of its own."""

    def __init__(self, app: Starlette, bound: socket.socket, limits: Limits | None = None) -> None:
        """Make the server; its connections keep to the limits, by default to those of the process."""
        self._server = BoundedServer(BoundedConfig(app, limits or find_limits(), stop_within=STOP_WITHIN))
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [bound]}, name="web", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is open, and stop. It may not have started yet; then it ends as soon as it has."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(2 * STOP_WITHIN)
