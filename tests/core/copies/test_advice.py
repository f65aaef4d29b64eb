"""What deserves a second look in a template, in tables over its shapes."""

from typing import Any

import pytest

from controller.core.copies.advice import find_warnings
from controller.core.copies.template import Template
from tests.core.copies.templates import after, container, ec2, template

QUEUE_WORKER = container("worker", essential=False)
ON_FARGATE = {"launchType": "FARGATE"}
IIS = "mcr.microsoft.com/windows/servercore/iis"


def lingers(others: str, *, several: bool = False) -> str:
    """Return the warning of tasks that stay as long as ``others`` run."""
    are, do, run = ("are", "do", "run") if several else ("is", "does", "runs")
    return (
        f"task definition content-worker:7: container worker is not essential and {others} {are}, so a task does not "
        f"end with its workers: it stays, and is paid, as long as {others} {run}. If {others} {do} not end soon after "
        "the work, make worker essential"
    )


@pytest.mark.parametrize("most", [1, 2, 9])
@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(template(QUEUE_WORKER, container("web")), lingers("web"), id="a server"),
        pytest.param(
            template(QUEUE_WORKER, container("web"), container("log_router")),
            lingers("web, log_router", several=True),
            id="a server and a router",
        ),
        pytest.param(
            template(QUEUE_WORKER, container("web", dependsOn=after("worker", "START"))),
            lingers("web"),
            id="a server that waits for the worker's start",
        ),
        pytest.param(
            template(
                QUEUE_WORKER,
                container("web"),
                container("upload", essential=False, dependsOn=after("worker", "COMPLETE")),
            ),
            lingers("web"),
            id="what runs after the worker is not essential",
        ),
        pytest.param(template(QUEUE_WORKER, container("upload", dependsOn=after("worker", "COMPLETE"))), None, id="it"),
        pytest.param(
            template(
                QUEUE_WORKER,
                container("zip", essential=False, dependsOn=after("worker", "SUCCESS")),
                container("upload", dependsOn=after("zip", "COMPLETE")),
                container("web"),
            ),
            None,
            id="what runs after what runs after the worker ends the task",
        ),
        pytest.param(template(container("worker"), container("web")), None, id="an essential worker"),
        pytest.param(template(), None, id="a worker alone"),
        pytest.param(
            template(container("worker"), container("agent", essential=False)), None, id="a sidecar not essential"
        ),
    ],
)
def test_tasks_that_outlive_their_workers(of: Template, expected: str | None, most: int) -> None:
    """A worker that is not essential ends no task, alone or with its copies; what waits for its end does."""
    assert [expected] * (expected is not None) == list(find_warnings(of, "worker", most, ON_FARGATE))


def checked(command: str, **members: Any) -> dict[str, Any]:
    """Return a worker with that health check."""
    return container("worker", memory=9, healthCheck={"command": ["CMD-SHELL", command]}, **members)


@pytest.mark.parametrize(
    ("of", "port", "source"),
    [
        (template(checked("curl -f http://localhost:8080/")), "port 8080", "healthCheck"),
        (template(checked("wget -qO- http://127.0.0.1/health || exit 1")), "port 80", "healthCheck"),
        (template(checked("curl -k https://[::1]/")), "port 443", "healthCheck"),
        (template(checked("nc -z localhost 5000")), "port 5000", "healthCheck"),
        (template(checked("pg_isready -h localhost -p 5432")), "port 5432", "healthCheck"),
        (template(checked("echo > /dev/tcp/localhost/99")), "port 99", "healthCheck"),
        (template(checked("grpc_health_probe -addr=:50051")), "port 50051", "healthCheck"),
        (template(checked("curl http://localhost:$PORT/")), "a port", "healthCheck"),
        (template(checked("redis-cli -h localhost ping")), "a port", "healthCheck"),
        (ec2(checked("curl localhost:81"), networkMode="host"), "port 81", "healthCheck"),
        (template(container("worker", portMappings=[{"containerPort": 80}])), "port 80", "portMappings"),
        (
            template(container("worker", portMappings=[{"containerPortRange": "90-99"}])),
            "port 90-99",
            "portMappings",
        ),
        (
            template(checked("curl http://localhost:80/ http://localhost:81/", portMappings=[{"containerPort": 80}])),
            "port 80, 81",
            "portMappings and healthCheck",
        ),
    ],
)
def test_copies_that_need_the_same_port(of: Template, port: str, source: str) -> None:
    """Where the containers of a task share their ports, one copy gets it; a worker alone in its task is fine."""
    mode = of.definition["networkMode"]
    expected = (
        f"task definition content-worker:7: container worker seems to listen on {port} (by its {source}), and the "
        f"copies in a task share one port space (networkMode {mode}): in all copies but one the port is taken, and "
        "most servers then fail; let the worker listen on no port, or set max_containers_per_task to 1"
    )
    assert (expected,) == find_warnings(of, "worker", 3, {})
    assert () == find_warnings(of, "worker", 1, {})


@pytest.mark.parametrize(
    "of",
    [
        template(checked("test -f /tmp/alive")),
        template(checked("curl http://queue.internal:80/")),
        template(checked("curl http://my-localhost:80/")),
        template(checked("curl localhost:9901"), container("envoy", portMappings=[{"containerPort": 9901}])),
        ec2(checked("curl http://localhost:80/", portMappings=[{"containerPort": 80}])),
        template(container("worker"), container("web", portMappings=[{"containerPort": 80}])),
    ],
    ids=["a file", "another host", "a longer name", "a sidecar's port", "a network each", "only a sidecar listens"],
)
def test_copies_that_share_no_port(of: Template) -> None:
    """A health check that asks nobody, or somebody else, says nothing of a port of the worker's own."""
    assert () == find_warnings(of, "worker", 3, {})


SPOT = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}
PUBLIC = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}}


@pytest.mark.parametrize(
    ("of", "call", "expected"),
    [
        pytest.param(
            template(container("worker", restartPolicy={"enabled": True})),
            {},
            "container worker has a restartPolicy: ECS starts it again whenever it ends, so its tasks never end; "
            "remove it, or add 0 to its ignoredExitCodes",
            id="a worker that is started again",
        ),
        pytest.param(
            template(container("worker", image=IIS)),
            ON_FARGATE,
            "it has images of Windows and no runtimePlatform, so Fargate takes it for Linux and its tasks fail to "
            "start: name the operatingSystemFamily of its images there",
            id="Windows that Fargate takes for Linux",
        ),
        pytest.param(
            template(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
            SPOT,
            "it runs on Windows, for which there is no FARGATE_SPOT: leave that out of task.capacity_providers",
            id="Windows on Fargate Spot",
        ),
        pytest.param(
            template(),
            {"enableExecuteCommand": True},
            "it has no taskRoleArn, which ECS Exec needs: give it a task role, "
            "or leave enableExecuteCommand out of task.run_task",
            id="ECS Exec without a role",
        ),
        pytest.param(
            template(),
            {"capacityProviderStrategy": [{"capacityProvider": "big-machines", "weight": 1}], **PUBLIC},
            "ECS refuses public addresses on EC2 instances: if big-machines has such, remove task.assign_public_ip",
            id="a public address on instances",
        ),
    ],
)
def test_what_is_hardly_meant(of: Template, call: dict[str, Any], expected: str) -> None:
    """It is said for one worker a task as well, with what to do."""
    assert (f"task definition content-worker:7: {expected}",) == find_warnings(of, "worker", 1, call)


@pytest.mark.parametrize(
    ("of", "call"),
    [
        (template(container("worker", restartPolicy={"enabled": False})), {}),
        (template(container("worker", restartPolicy={"enabled": True, "ignoredExitCodes": [0]})), {}),
        (ec2(container("worker", image=IIS, memory=9)), {"launchType": "EC2"}),
        (template(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}), ON_FARGATE),
        (template(taskRoleArn="arn:aws:iam::123456789012:role/worker"), {"enableExecuteCommand": True}),
        (template(), {"enableExecuteCommand": False}),
        (template(), {**SPOT, **PUBLIC}),
    ],
    ids=["no restart", "success ends it", "EC2", "Windows said", "a role", "no ECS Exec", "Fargate Spot"],
)
def test_what_is_as_it_should_be(of: Template, call: dict[str, Any]) -> None:
    """Nothing is said of what works."""
    assert () == find_warnings(of, "worker", 1, call)
