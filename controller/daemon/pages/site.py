"""The pages as routes: what each address shows, and the headers that keep a browser from doing anything else."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from controller.config.wording import find_nearest
from controller.core.status_lines import say_shard, say_where_else
from controller.core.words import format_clock
from controller.daemon.pages.export import FORMATS, read_since, write_csv, write_json
from controller.daemon.pages.overview import Wanted, count_budget, list_rows
from controller.daemon.pages.scaler import SPANS, read_scaler
from controller.daemon.pages.sight import Sight
from controller.daemon.pages.trouble import list_troubles
from controller.telemetry.past import read_past

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy: files of our own and nothing else, so no script or style of an odd name ever runs."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
HTML = "text/html; charset=utf-8"


def add_pages(application: Starlette, sight: Sight) -> None:
    """Let an application serve the pages of what a controller shows."""
    site = _Site(sight)
    application.router.routes += [
        Route("/", site.show_overview),
        Route("/scalers/{name:path}", site.show_scaler),
        Route("/history", site.show_history),
        *(Route(f"/static/{name}", _serve(name, kind)) for name, kind in STATIC.items()),
    ]


class _Site:
    """The pages of one controller. Each is made in a thread of the web server's pool."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        loader = PackageLoader("controller.daemon.pages")
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    def show_overview(self, request: Request) -> Response:
        """Show all scalers, or those that the reader wants."""
        asked, now = request.query_params, self._sight.clock.now()
        page = asked.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < len("1000000") else 1
        wanted = Wanted(asked.get("name", "").strip().lower(), asked.get("state", ""), number)
        return self._render(
            request, "overview.html", now, root="", wanted=wanted, **list_rows(self._sight, wanted, now)
        )

    def show_scaler(self, request: Request) -> Response:
        """Show one scaler."""
        name, now = request.path_params["name"], self._sight.clock.now()
        scalers = self._sight.scalers()
        if name not in scalers:
            nearest = find_nearest(name, frozenset(scalers))
            root = "../" * (1 + name.count("/"))
            return self._render(request, "missing.html", now, 404, root=root, asked=name, nearest=nearest)
        span = request.query_params.get("span", "")
        told = read_scaler(self._sight, scalers[name], span if span in SPANS else "2h", now)
        return self._render(request, "scaler.html", now, root="../", **told)

    def show_history(self, request: Request) -> Response:
        """Give what was kept of one scaler."""
        asked, now = request.query_params, self._sight.clock.now()
        kind, name = asked.get("format", "json"), asked.get("scaler")
        if name is None:
            return _refuse("name a scaler: /history?scaler=NAME", 400)
        if kind not in FORMATS:
            return _refuse("format is json or csv", 400)
        try:
            since = read_since(asked.get("since", "0"))
        except ValueError as error:
            return _refuse(str(error), 400)
        scaler = self._sight.scalers().get(name)
        if scaler is None:
            elsewhere = say_where_else(self._sight.describe(now)["shard"])
            return _refuse(f"no scaler has this name; / lists all of them{elsewhere}", 404)
        past = read_past(self._sight.history, scaler.track, since, now)
        body = write_csv(past) if kind == "csv" else write_json(name, past, since, now)
        return _answer(request, body.encode(), FORMATS[kind])

    def _render(self, request: Request, template: str, now: float, status: int = 200, **told: Any) -> Response:
        told |= self._describe_controller(now)
        body = self._templates.get_template(template).render(told)
        return _answer(request, body.encode(), HTML, status)

    def _describe_controller(self, now: float) -> dict[str, Any]:
        """Return what stands at the top of each page."""
        sight = self._sight
        scalers, head = sight.scalers(), sight.describe(now)
        reload = head["config"]["last_reload"]
        return {
            "head": head,
            "shard": say_shard(head["shard"]).removeprefix(", "),
            "peers_problem": head["shard"] and head["shard"]["problem"],
            "up_since": format_clock(head["started_at"], now),
            "reloaded_at": format_clock(reload["at"], now),
            "troubles_of_aws": list_troubles(scaler.last for scaler in scalers.values()),
            "budget": sight.running.configuration.spec.budget,
            "configured": len(sight.running.configuration.spec.scalers),
            "budget_used": count_budget(scalers),
        }


def _serve(name: str, kind: str) -> Callable[[Request], Response]:
    content = files("controller.daemon.pages").joinpath("static", name).read_bytes()

    def show(request: Request) -> Response:
        return _answer(request, content, kind)

    return show


def _answer(request: Request, body: bytes, kind: str, status: int = 200) -> Response:
    """Return a page, or say that the reader has it already."""
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    headers = HEADERS | {"ETag": tag}
    known = request.headers.get("if-none-match", "")
    if status == 200 and tag in [each.strip() for each in known.split(",")]:  # noqa: PLR2004 - OK, and nothing else
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, kind)


def _refuse(why: str, status: int) -> Response:
    return PlainTextResponse(f"{why}\n", status, HEADERS)
