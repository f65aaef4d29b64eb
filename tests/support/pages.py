"""The pages of a controller that asks no AWS: a test shows its scalers what they would have seen."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from prometheus_client import CollectorRegistry

from controller.config import ServerSpec
from controller.config.kept import KeptFile
from controller.core.record import LaunchResult, Reconciled
from controller.core.repeats import follow
from controller.daemon.pages.sight import Sight
from controller.daemon.pages.site import add_pages
from controller.daemon.reload import KeptConfiguration
from controller.daemon.status import Running
from controller.daemon.web import WebServer, bind, build_application
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.core.decision.deciding import decide
from tests.support.clock import ManualClock
from tests.support.controller import NOBODY_LISTENS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

    from controller.core.decision.model import Fleet, QueueCounts
    from controller.core.decision.state import ScalerState

BEGAN = 1_999_999_980.0
"""When the process begins; a whole minute."""
NOW = BEGAN + 600


class Answer(NamedTuple):
    """What came back, as it came."""

    status: int
    headers: Message
    text: str


def document(*names: str, **members: Any) -> dict[str, Any]:
    """Return a configuration with scalers of those names; ``scaler_`` members go into each of them."""
    own = {key.removeprefix("scaler_"): members.pop(key) for key in list(members) if key.startswith("scaler_")}
    task = {"cluster": "main", "definition": "worker", "subnets": ["subnet-0a1b2c3d"]}
    return {
        "aws": {"region": "us-east-1", "endpoint_url": NOBODY_LISTENS},
        **members,
        "scalers": [
            {"name": name, "queue": name, "demand": {"messages_per_container": 1}, "task": task} | own for name in names
        ],
    }


class Shown:
    """A controller's pages on a free port of loopback."""

    def __init__(self, directory: Path, configuration: dict[str, Any], *, dry_run: bool = False) -> None:
        """Load the configuration and bind the port; nothing is served yet."""
        self.path = directory / "config.yaml"
        self.path.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
        self.clock = ManualClock(BEGAN)
        self.file = KeptConfiguration(KeptFile(self.path), self.clock)
        clock = self.clock.handed_in()
        self.services = connect(self.file.spec, clock, dry_run=False)
        self.services.configure(self.file.spec.budget, self.file.spec.scalers)
        self.scalers = {spec.name: Reconciler(spec, self.services) for spec in self.file.spec.scalers}
        self.shard: dict[str, Any] | None = None
        self.searches: list[dict[str, Any]] = []
        running = Running("1.0", BEGAN, dry_run, self.file, lambda: self.searches)
        self.sight = Sight(running, self.services.history, clock, lambda: self.scalers, lambda: self.shard)
        bound = bind(ServerSpec("127.0.0.1", 0))
        self.address = f"127.0.0.1:{bound.getsockname()[1]}"
        application = build_application(CollectorRegistry(), lambda: None, list, self._status)
        add_pages(application, self.sight)
        self.server = WebServer(application, bound)

    def _status(self) -> Iterator[str]:
        return self.sight.running.write(list(self.scalers.values()), self.clock.now, self.shard)

    def show(
        self,
        name: str,
        queue: QueueCounts | None,
        fleet: Fleet | None,
        *,
        state: ScalerState,
        at: float = NOW,
        launch: LaunchResult | None = None,
        **members: Any,
    ) -> None:
        """Let a scaler have seen that at such a moment, and what came of it."""
        scaler = self.scalers[name]
        decision, _ = decide(scaler.spec.policy, queue, fleet, state, at)
        changes = {key: members.pop(key) for key in ("reason",) if key in members}
        self.keep(name, Reconciled(name, replace(decision, **changes), launch, **members))

    def keep(self, name: str, done: Reconciled) -> None:
        """Keep a reconcile of a scaler as its last one."""
        scaler = self.scalers[name]
        scaler.decisions = (*scaler.decisions, follow(scaler.last, done).kept)
        scaler.track.note(done)
        self.clock.now = max(self.clock.now, done.decision.at)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for a page; ``_`` in the name of a header is ``-``."""
        connection = HTTPConnection(self.address, timeout=30)
        with closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            body = response.read()
        gzipped = response.headers["Content-Encoding"] == "gzip"
        return Answer(response.status, response.headers, str(len(body)) if gzipped else body.decode())


class Page(HTMLParser):
    """A page as a browser takes it apart: its elements, and the text of each that has an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input"}:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            continue

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name is not None:
                self.texts[name] = self.texts.get(name, "") + data

    def attributes(self, tag: str, name: str) -> list[str | None]:
        """Return what every element of that tag has for an attribute."""
        return [attributes[name] for each, attributes in self.tags if each == tag and name in attributes]
