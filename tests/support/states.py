"""A scaler in each state that there is, on an embedded AWS that fails where it is to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.core.condition import Condition
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_cluster, create_queue, register_template, send_messages
from tests.support.daemon import configuration, scaler

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.daemon import Document

STATES = {
    "denied": Condition.FAILED,
    "absent": Condition.UNKNOWN,
    "broken": Condition.FAILING,
    "full": Condition.SHORT,
    "patient": Condition.WAITING,
    "busy": Condition.WORKING,
    "held": Condition.PAUSED,
    "quiet": Condition.IDLE,
}
"""The scalers and the states that they come to."""
WAITING = {"denied": 3, "broken": 6, "full": 20, "patient": 4, "busy": 2, "held": 4}
"""Messages in their queues."""
DENIAL = (
    "User: arn:aws:sts::123456789012:assumed-role/queue-controller/i-0 is not authorized to perform: ecs:RunTask on "
    "resource: arn:aws:ecs:us-east-1:123456789012:task-definition/worker:1 because no identity-based policy allows the "
    "ecs:RunTask action <script>alert(1)</script>"
)


def provoke(aws: EmbeddedAws) -> Document:
    """Set the stage, and return the configuration of a controller whose scalers come to all states."""
    create_cluster(aws, "main")
    for name in STATES.keys() - {"absent"}:
        send_messages(aws, create_queue(aws, name).url, WAITING.get(name, 0))
    worker, bad = register_template(aws, "worker"), register_template(aws, "bad-worker")
    # A family that is copied has the number of its copies behind its name.
    aws.ecs.fail_starts(None, when=lambda _, family: family.startswith("bad-worker"))
    aws.disturbances.add(
        Disturbance(
            "ecs",
            "RunTask",
            "error",
            times=None,
            where=lambda asked: asked.get("group") == "denied",
            status=400,
            code="AccessDeniedException",
            message=DENIAL,
        )
    )
    return configuration(
        aws,
        scaler("denied", worker, cluster="main"),
        scaler("absent", worker, cluster="main"),
        scaler("broken", bad, cluster="main"),
        scaler("full", worker, cluster="main", max_containers=3),
        scaler("patient", worker, cluster="main", hysteresis={"rise_after": 1000}),
        scaler("busy", worker, cluster="main"),
        scaler("held", worker, cluster="main", paused=True),
        scaler("quiet", worker, cluster="main"),
        budget={"max_containers": 40},
    )
