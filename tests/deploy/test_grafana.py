"""The dashboard: valid JSON of Grafana, about metrics that exist, and with data from a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from controller.sandbox.aws import EmbeddedAws, queue_metrics
from tests.deploy.documents import DEPLOY
from tests.support.aws import create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, free_port, running, scaler
from tests.support.states import provoke
from tests.telemetry.test_metrics import DOCUMENTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Document

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target["refId"], target["expr"]) for panel in PANELS for target in panel["targets"]]
ANNOTATIONS = [(note["name"], "", note["expr"]) for note in DASHBOARD["annotations"]["list"]]
EVERY = [*TARGETS, *ANNOTATIONS]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
PROMETHEUS = shutil.which("prometheus")
OF_PROMETHEUS = {"job", "instance"}
OUR_OWN = re.compile(r"\b(?:ecsq|process)_\w+|\bup\b")
"""The names of metrics in an expression."""
ends = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
KNOWN = {
    f"{name if name.startswith('process_') else f'ecsq_{name}'}{end}": labels
    for kind, metrics in DOCUMENTED.items()
    for name, labels in metrics.items()
    for end in ends[kind]
} | {"up": set()}

ELSEWHERE = {"process_max_fds", "process_open_fds", "process_virtual_memory_bytes"}
"""Of the process, and nothing that anybody looks for."""
SECONDS_FOR_MINUTES = [
    f"controller.scaling.{constant}"
    for constant in ("questions:MINUTE=1", "questions:TOLD_AFTER=1", "ages:MINUTE=1", "ages:ASK_EVERY=1")
]
"""CloudWatch has what happened a second ago, and not a minute."""

each_expression = pytest.mark.parametrize(
    ("title", "ref", "expr"), EVERY, ids=[f"{each[0]} {each[1]}" for each in EVERY]
)


def fill_in(expr: str) -> str:
    """Return an expression as Grafana asks it: with everything chosen, over the last minute."""
    values = {name: ".+" if "query" == each["type"] else each["query"] for name, each in VARIABLES.items()}
    values |= {"__rate_interval": "20s", "__interval": "5s", "__range_s": "60", "__range": "60s"}
    return re.sub(r"\$\{?(\w+)\}?", lambda found: str(values[found[1]]), expr)


def test_classic_json() -> None:
    """It is the classic model that every Grafana imports, without an id or inputs of somebody's own."""
    assert (42, None, "ecs-queue-controller") == (DASHBOARD["schemaVersion"], DASHBOARD.get("id"), DASHBOARD["uid"])
    assert {"__inputs", "__requires", "elements", "layout"}.isdisjoint(DASHBOARD)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert sorted(set(ids)) == sorted(ids)


def test_the_rows() -> None:
    """Whoever looks finds what the controller is for first, and its own health last."""
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert [
        "Promise and wait",
        "Backlog and fleet",
        "Decisions by reason",
        "Launches and failures",
        "AWS: requests and latency",
        "Cost",
        "Health",
    ] == rows


def test_no_panel_covers_another() -> None:
    """Each has a place of its own within the 24 columns."""
    places = [(panel["title"], panel["gridPos"]) for panel in DASHBOARD["panels"]]
    assert [] == [title for title, at in places if at["x"] + at["w"] > 24]
    cells = [
        (column, line)
        for _, at in places
        for column in range(at["x"], at["x"] + at["w"])
        for line in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_every_metric_is_on_it() -> None:
    """What the controller tells can be seen over time, and nobody has to write an expression for it."""
    asked = " ".join(expr for _, _, expr in EVERY)
    of_all = {name.removesuffix("_sum").removesuffix("_count").removesuffix("_bucket") for name in KNOWN} - ELSEWHERE
    assert [] == [name for name in sorted(of_all) if not re.search(rf"\b{name}(?:_bucket)?\b", asked)]


def test_gauges_are_not_added_up_over_two_controllers() -> None:
    """While one takes over from another both tell of the same queue and the same tasks."""
    of_scalers = "|".join(f"ecsq_{name}" for name, labels in DOCUMENTED["gauge"].items() if "scaler" in labels)
    added = re.compile(rf"\b(?:sum|avg)(?: by \([^)]*\))? ?\((?:{of_scalers})\b")
    assert [] == [title for title, _, expr in EVERY if added.search(expr)]


@each_expression
def test_every_metric_and_label_exists(title: str, ref: str, expr: str) -> None:
    """A metric is one that the controller has, and whatever it is matched, grouped or named by is a label of it."""
    named = OUR_OWN.findall(re.sub(r"\{[^}]*\}", "", expr))
    assert named
    assert [] == [name for name in named if name not in KNOWN]
    labels = set().union(*(KNOWN[name] for name in named)) | OF_PROMETHEUS | {"le"}
    used = {label for group in re.findall(r"by \(([^)]*)\)", expr) for label in re.split(r", ?", group)}
    used |= {label for matchers in re.findall(r"\{([^}]*)\}", expr) for label in re.findall(r"(\w+)[!=]~?", matchers)}
    assert used <= labels


def test_every_legend_names_a_label_that_is_left() -> None:
    """What stands below a graph tells its lines apart."""
    wrong = []
    for panel in PANELS:
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
            left = set(re.split(r", ?", grouped[0])) if grouped else {"version"} | OF_PROMETHEUS
            if not wanted <= left:
                wrong.append((panel["title"], target["refId"]))
    assert [] == wrong


def test_panels_lead_to_the_page_of_the_scaler() -> None:
    """A line of a scaler is a link to the page that says why, on the address that the reader has given."""
    links = [
        link["url"]
        for panel in PANELS
        for link in panel["fieldConfig"]["defaults"].get("links", ())
        if any("{{scaler}}" in target["legendFormat"] for target in panel["targets"])
    ]
    assert {"${page}/scalers/${__field.labels.scaler}"} == set(links)
    assert ["${page}/"] == [link["url"] for link in DASHBOARD["links"]]


def test_the_variables_are_used() -> None:
    """There is none that changes nothing, and every panel goes by the chosen data source and controller."""
    text = json.dumps(DASHBOARD)
    assert [] == [name for name in VARIABLES if not re.search(rf"\$\{{?{name}\b", text)]
    assert {"${datasource}"} == {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
    assert [] == [title for title, _, expr in EVERY if "$controller" not in expr]


class Scraping:
    """A Prometheus that scrapes a daemon every second."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that an expression has had over the last minutes, those of numbers."""
        now = float(self._get("query?query=time()")["result"][1])
        asked = f"query_range?query={quote(expr)}&start={now - 120}&end={now}&step=1"
        result: list[dict[str, Any]] = self._get(asked)["result"]
        return [series for series in result if any(value != "NaN" for _, value in series["values"])]

    def _get(self, path: str) -> dict[str, Any]:
        with urlopen(f"{self.url}/api/v1/{path}", timeout=SOON) as answer:  # noqa: S310 - our own http URL
            data: dict[str, Any] = json.loads(answer.read())["data"]
            return data


@contextmanager
def scraping(folder: Path, target: str) -> Iterator[Scraping]:
    """Run a Prometheus on loopback that scrapes ``target``."""
    assert PROMETHEUS is not None
    scrape = {"job_name": "ecs-queue-controller", "static_configs": [{"targets": [target]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield Scraping(port)
        finally:
            process.terminate()


def provoke_all(aws: EmbeddedAws) -> Document:
    """Return the configuration of a controller of which every metric tells something."""
    wanted = provoke(aws)
    dead_letters = {"deadLetterTargetArn": create_queue(aws, "dead").arn, "maxReceiveCount": "3"}
    send_messages(aws, create_queue(aws, "promised", RedrivePolicy=json.dumps(dead_letters)).url, 2)
    for _ in range(2):  # the second has to prove itself
        register_template(aws, "promising")
    promised = scaler(
        "promised",
        "promising",
        cluster="main",
        rollout={},
        demand={"start_within": "5m", "seconds_per_message": 60},
        task_capacity=["FARGATE_SPOT", "FARGATE"],
        task_deadline="2h",
        schedule=[{"cron": "* * * * *", "for": "1h", "max_containers": 80}],
    )
    for name in ("many-a", "many-b"):
        create_queue(aws, name)
    many = scaler("many", register_template(aws, "many"), cluster="main", queues={"prefix": "many-"})
    return wanted | {
        "aws": wanted["aws"] | {"message_age": True},
        "events": [{"webhook": f"http://127.0.0.1:{free_port()}/"}],
        "scalers": [*wanted["scalers"], promised, many],
    }


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraping]:
    """Let Prometheus see a controller through launches, failures, a refused and a taken edit, and a restart."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    folder = tmp_path_factory.mktemp("grafana")
    port = free_port()
    delays, starts = cycle((0.0, 2.0, 4.0)), dict[str, float]()
    # Tasks that start one after the other are seen by several scrapes.
    aws_with_delays = EmbeddedAws(start_delay=lambda arn: starts.setdefault(arn, next(delays)))
    with (
        pytest.MonkeyPatch.context() as patch,
        aws_with_delays as aws,
        scraping(folder, f"127.0.0.1:{port}") as found,
    ):
        patch.setattr(queue_metrics, "MINUTE", 1)
        aws.queue_metrics.delay = 0.0
        document = provoke_all(aws) | {"server": {"host": "127.0.0.1", "port": port}}
        with running(folder, document, "--watch", hurry=SECONDS_FOR_MINUTES) as daemon:
            eventually(lambda: found.ask('sum(ecsq_task_start_duration_seconds_count{scaler="full"}) > 2'), within=SOON)
            aws.client("sqs").purge_queue(QueueUrl=aws.client("sqs").get_queue_url(QueueName="held")["QueueUrl"])
            daemon.reload("scalers: []")
            daemon.reload(document | {"log": {"format": "json", "level": "debug"}})
            eventually(lambda: found.ask('ecsq_config_reloads_total{outcome="success"} > 0'), within=SOON)
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(SOON)
        with running(folder, document, "--watch", hurry=SECONDS_FOR_MINUTES):
            yield found


@each_expression
def test_every_expression_has_data(prometheus: Scraping, title: str, ref: str, expr: str) -> None:
    """A real Prometheus takes it, and has numbers for it from a run in which everything happened."""
    assert eventually(lambda: prometheus.ask(fill_in(expr)), within=SOON)
