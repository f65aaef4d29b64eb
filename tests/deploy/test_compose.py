import json
import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from controller.config import load
from tests.deploy.documents import DEPLOY, ROOT, dockerfile_stages

CONFIG = DEPLOY / "compose" / "config.yaml"
COMPOSE = ROOT / "docker-compose.yml"


def service(name: str) -> dict[str, Any]:
    found = yaml.safe_load(COMPOSE.read_text())["services"][name]
    assert isinstance(found, dict)
    return found


@pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="docker-compose is not installed (Debian: docker-compose)"
)
def test_compose_takes_the_file() -> None:
    """Old docker-compose 1.29 and the plugin of today read the same file."""
    result = subprocess.run(
        ["docker-compose", "--file", str(COMPOSE), "config", "--quiet"],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("name", ["aws", "controller"])
def test_images_are_targets_of_the_dockerfile(name: str) -> None:
    """Each service builds a stage that exists."""
    assert service(name)["build"]["target"] in dockerfile_stages((ROOT / "Dockerfile").read_text())


@pytest.mark.parametrize("name", ["controller", "prometheus", "grafana"])
def test_everything_reaches_the_embedded_aws_over_loopback(name: str) -> None:
    """It listens on loopback only, so the others share its network namespace."""
    assert service(name)["network_mode"] == "service:aws"
    assert "ports" not in service(name)


def test_ports_are_published_to_this_machine_only() -> None:
    """Nothing of it is open to the network."""
    ports = service("aws")["ports"]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_keepers_can_execute_what_the_sandbox_writes_for_them() -> None:
    """Its image has no wget, its root is read-only, and Docker mounts a tmpfs noexec unless told otherwise."""
    assert ["exec"] == [mount.partition(":")[2] for mount in service("aws")["tmpfs"]]


def test_the_controller_runs_as_in_production() -> None:
    """Read-only root, no capability, an orderly end, and the configuration watched."""
    controller = service("controller")
    assert (
        controller["read_only"],
        controller["cap_drop"],
        controller["command"],
    ) == (True, ["ALL"], ["run", "--watch"])
    assert int(controller["stop_grace_period"].removesuffix("s")) > 20


@pytest.mark.parametrize("name", ["controller", "prometheus", "grafana"])
def test_what_is_mounted_exists(name: str) -> None:
    """Docker would put an empty folder in the place of a file that is missing."""
    sources = [volume.split(":")[0] for volume in service(name)["volumes"]]
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_configuration_is_valid_and_without_warnings() -> None:
    """As `ecsq check` reads it."""
    assert load(CONFIG).warnings == ()


def test_the_configuration_is_for_what_the_embedded_aws_has() -> None:
    """Its endpoint, cluster, queues and task definitions."""
    spec = load(CONFIG).spec
    port = service("aws")["command"][service("aws")["command"].index("--port") + 1]
    assert f"http://127.0.0.1:{port}" == spec.aws.endpoint_url
    assert {("drain", "sandbox", "drain-worker", "worker"), ("single", "sandbox", "single-worker", "worker")} == {
        (scaler.queues[0], scaler.task.cluster, scaler.task.definition, scaler.task.container)
        for scaler in spec.scalers
    }


def test_prometheus_scrapes_the_port_that_the_controller_serves() -> None:
    """One port in the configuration, the scrape, the image's health check and the task definition."""
    scrape = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"][0]
    (container,) = json.loads((DEPLOY / "task-definition.json").read_text())["containerDefinitions"]
    port = load(CONFIG).spec.server.port
    assert [f"127.0.0.1:{port}"] == scrape["static_configs"][0]["targets"]
    assert [port] == [mapping["containerPort"] for mapping in container["portMappings"]]
    assert f", {port}," in container["healthCheck"]["command"][-1]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    """The data source is the Prometheus beside it, and the folder that is looked into is the one that is mounted."""
    folder = DEPLOY / "compose" / "grafana"
    (source,) = yaml.safe_load((folder / "datasource.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    assert ("prometheus", "http://127.0.0.1:9090") == (source["type"], source["url"])
    mounted = {volume.split(":")[0]: volume.split(":")[1] for volume in service("grafana")["volumes"]}
    home = service("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (home, provider["options"]["path"]) == (mounted["./deploy/grafana/dashboard.json"], home.rpartition("/")[0])
    assert {"127.0.0.1:3000:3000", "127.0.0.1:8080:8080"} <= set(service("aws")["ports"])
