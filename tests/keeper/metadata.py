"""A task metadata endpoint that answers as a test tells it, and documents in the form of ECS's endpoint."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Respond = Callable[[BaseHTTPRequestHandler], None]
PATIENCE = 60.0
"""Seconds until a test gives up on what it waits for."""


def statuses(**known: str) -> str:
    """Return the document of a task with the keeper and containers in these statuses; ``worker_1`` is ``worker-1``."""
    containers = [listed(name.replace("_", "-"), status) for name, status in known.items()]
    return task([listed("ecsq-keeper", "RUNNING"), *containers])


def task(containers: list[dict[str, Any]], **members: Any) -> str:
    """Return the document of a task that is RUNNING."""
    arn = "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c"
    return json.dumps(
        {
            "Cluster": "default",
            "TaskARN": arn,
            "Family": "content-worker-x3",
            "Revision": "26",
            "DesiredStatus": "RUNNING",
            "KnownStatus": "RUNNING",
            "Limits": {"CPU": 0.25, "Memory": 512},
            "PullStartedAt": "2026-01-08T20:09:11.44527186Z",
            "AvailabilityZone": "us-west-2d",
            "LaunchType": "FARGATE",
            "Containers": containers,
            "ClockDrift": {"ClockErrorBound": 0.5458234999999999, "ClockSynchronizationStatus": "SYNCHRONIZED"},
            "EphemeralStorageMetrics": {"Utilized": 261, "Reserved": 20496},
            **members,
        },
        separators=(",", ":"),
    )


def listed(name: str, status: str, **members: Any) -> dict[str, Any]:
    """Return a container as the endpoint lists it, with all its nested objects."""
    exited = {"ExitCode": 0, "FinishedAt": "2026-01-08T21:00:00Z"} if status == "STOPPED" else {}
    return {
        "DockerId": "ee08638adaaf009d78c248913f629e38299471d45fe7dc944d1039077e3424ca",
        "Name": name,
        "DockerName": f"ecs-content-worker-x3-26-{name}-a0e7dbee8bd9c3f1a001",
        "Image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/worker:latest",
        "Labels": {
            "com.amazonaws.ecs.cluster": "default",
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-definition-family": "content-worker-x3",
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": status,
        "Limits": {"CPU": 10, "Memory": 128},
        "CreatedAt": "2026-01-08T20:09:11.44527186Z",
        **exited,
        "Health": {"status": "HEALTHY", "statusSince": "2026-01-08T20:09:11Z", "output": '{"ok": "}"}'},
        "Type": "NORMAL",
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.61"], "AttachmentIndex": 0}],
        **members,
    }


def says(body: str, status: int = 200) -> Respond:
    """Answer with a body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


def cut(body: str) -> Respond:
    """Promise the whole body, send half of it and close the connection."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2].encode())

    return answer


def silence(request: BaseHTTPRequestHandler) -> None:
    """Take the request and stay silent until the caller hangs up."""
    while request.connection.recv(1024):
        pass


def reset(request: BaseHTTPRequestHandler) -> None:
    """Reset the connection."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


class Endpoint:
    """The endpoint on a loopback port. It gives its answers one after the other, and the last one for ever."""

    def __init__(self, *answers: Respond) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked.append(self.path)
                endpoint._next()(self)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a reset is on purpose
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}/v4/1234-5678"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def now(self, answer: Respond) -> None:
        """Answer with this from now on."""
        self._answers = [answer]

    def wait_for(self, questions: int) -> None:
        """Wait until this many more questions have come."""
        until, goal = time.monotonic() + PATIENCE, len(self.asked) + questions
        while len(self.asked) < goal:
            assert time.monotonic() < until, f"the keeper asked {len(self.asked)} of {goal} times"
            time.sleep(0.005)

    def _next(self) -> Respond:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
