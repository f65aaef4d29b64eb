import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.deploy.documents import ROOT, dockerfile_stages, inherited, read_json

STAGES = dockerfile_stages((ROOT / "Dockerfile").read_text())
IMAGES = ["controller", "sandbox"]


def health_command() -> list[str]:
    """Return the exec form of the image's HEALTHCHECK."""
    (check,) = inherited(STAGES, "controller", "HEALTHCHECK")
    command = json.loads(check.partition(" CMD ")[2])
    assert isinstance(command, list)
    return command


def probe(port: int) -> int:
    """Run the image's health check against another port of loopback and return its exit code."""
    _, *flags, script = health_command()
    return subprocess.run(
        [sys.executable, *flags, script.replace("8080", str(port))], stderr=subprocess.DEVNULL, timeout=60, check=False
    ).returncode


@pytest.fixture
def health_server() -> Iterator[HTTPServer]:
    """Serve on loopback: answer GET /healthz with the server's `status`, and everything else with 404."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("image", IMAGES)
def test_the_command_is_pid_1_itself(image: str) -> None:
    """Exec form, so that SIGTERM and SIGHUP reach the controller and no shell."""
    assert json.loads(inherited(STAGES, image, "ENTRYPOINT")[-1]) == ["ecsq"]
    assert json.loads(inherited(STAGES, image, "CMD")[-1]) == ["run"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_does_not_run_as_root(image: str) -> None:
    """The last USER is a number above 0, as runAsNonRoot needs one."""
    user, _, group = inherited(STAGES, image, "USER")[-1].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_default_target_is_the_controller() -> None:
    """`docker build .` makes the image without the embedded AWS."""
    assert list(STAGES)[-1] == "controller"


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_carries_a_finished_venv_only(image: str) -> None:
    """Nothing is installed or fetched in the final stages: no package manager, no curl, no build backend."""
    commands = " ".join(inherited(STAGES, image, "RUN"))
    copies = inherited(STAGES, image, "COPY")
    assert [f"--from={image}-venv /opt/ecsq /opt/ecsq"] == copies
    assert [word for word in ("apt", "curl", "wget", "pip") if word in commands] == []


def test_every_dependency_is_installed_by_its_hash_and_the_project_without_asking_a_registry() -> None:
    """Each pip command takes a lock with --require-hashes, or builds or installs the project alone."""
    commands = [
        command.strip()
        for stage in STAGES.values()
        for run in stage.all("RUN")
        for command in run.split("&&")
        if " pip " in command
    ]
    locked = [command for command in commands if "--require-hashes" in command]
    assert [command.rpartition("locks/")[2].removesuffix(".txt") for command in locked] == ["build", "run", "sandbox"]
    assert all("--no-deps" in command for command in commands if command not in locked)
    (build,) = [command for command in commands if " wheel " in command]
    assert "--no-build-isolation" in build


def test_everything_copied_from_the_project_is_in_the_build_context() -> None:
    """.dockerignore lets in what the Dockerfile copies, and what it copies exists."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:].rstrip("/") for line in ignore if line.startswith("!")]
    sources = [
        source.rstrip("/")
        for stage in STAGES.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    ]
    assert sources
    assert [source for source in sources if not any(fnmatchcase(source, pattern) for pattern in let_in)] == []
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_says_what_it_is(image: str) -> None:
    """Its labels are OCI's own words, with the version and the revision that the build was given."""
    (labels,) = inherited(STAGES, image, "LABEL")
    named = re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', labels)
    assert {"title", "description", "licenses", "version", "revision"} == {name for name, _ in named}
    assert {"version": "${VERSION}", "revision": "${REVISION}"}.items() <= dict(named).items()


def test_ecs_asks_for_health_as_the_image_does() -> None:
    """One probe, in the Dockerfile and in the task definition."""
    (container,) = read_json("task-definition.json")["containerDefinitions"]
    assert ["CMD", *health_command()] == container["healthCheck"]["command"]


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1), (404, 1)])
def test_health_is_what_healthz_answers(health_server: HTTPServer, status: int, exit_code: int) -> None:
    """Exit 0 on 200 and 1 on anything else, the only two codes that Docker and ECS know."""
    health_server.status = status
    assert exit_code == probe(health_server.server_port)


def test_nothing_listening_is_unhealthy() -> None:
    """A refused connection is exit code 1."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert probe(silent.getsockname()[1]) == 1
