from dataclasses import replace

import pytest

from controller.core.copies.copy_notes import notes
from controller.core.copies.template import Template
from tests.core.copies.templates import after, container, ec2, template

ROUTER = {"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/fluent.conf"}}


def test_nothing_is_said_of_the_template_itself() -> None:
    """K = 1 changes nothing."""
    assert notes(template(), "worker", 1) == ()


def test_a_plain_template() -> None:
    """Who there is, what is paid and how much of it is rounding, what is shared."""
    expected = (
        "worker becomes worker-1 to worker-3, which end one by one; ecsq-keeper keeps the task up until all have",
        "task size 1024 CPU units and 2048 MiB becomes 4096 CPU units and 8192 MiB, "
        "of which 1024 CPU units and 2048 MiB are rounding",
        "the 20 GiB of ephemeral storage are shared by the copies: set ephemeralStorage to scale it",
    )
    assert expected == notes(template(), "worker", 3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            template(container("worker"), container("proxy")),
            "proxy is essential, as in the template: if it ends, ECS ends the task and all copies",
            id="an essential sidecar",
        ),
        pytest.param(
            template(container("worker", essential=False), container("server")),
            "server is essential and worker is not, as in the template: the task ends with it, early or never, and not "
            "with the copies",
            id="a task that does not end with its worker",
        ),
        pytest.param(
            template(container("worker", logConfiguration={"logDriver": "awsfirelens"}), container("router")),
            "ecsq-keeper has no log: through the router it could not outlive it",
            id="a keeper without a log",
        ),
        pytest.param(
            replace(template(), unknown=("containerDefinitions.sandboxProfile", "isolation")),
            "not passed on, because the installed botocore does not know it: containerDefinitions.sandboxProfile, "
            "isolation; a newer one may, and then it is",
            id="members that botocore does not know",
        ),
        pytest.param(
            template(container("worker", portMappings=[{"containerPort": 80}, {"containerPortRange": "90-99"}])),
            "portMappings dropped from the copies (80/tcp, 90-99/tcp): with awsvpc or host networking they would share "
            "a port, and with bridge nobody could tell whose is whose",
            id="ports",
        ),
        pytest.param(
            template(container("worker"), container("agent", dependsOn=after("worker", "START"))),
            "agent waited for worker to START: it starts beside the copies, after ecsq-keeper",
            id="one that starts after the worker",
        ),
        pytest.param(
            template(container("worker", essential=False), container("up", dependsOn=after("worker", "COMPLETE"))),
            "up runs once all copies have ended; until then ECS shows the task as PENDING",
            id="one that runs after the worker",
        ),
        pytest.param(
            template(container("worker", logConfiguration={"logDriver": "splunk", "options": {"tag": "w"}})),
            "log option tag gets the number of the copy, so that streams are told apart: w-1",
            id="a stream named by hand",
        ),
        pytest.param(
            template(
                container("worker", logConfiguration={"logDriver": "awsfirelens"}),
                container("router", firelensConfiguration=ROUTER),
            ),
            "router reads /fluent.conf: its rules must match the tags of copies, worker-1-firelens-..., "
            "and not only worker-firelens-...",
            id="a router with rules of its own",
        ),
        pytest.param(
            template(container("worker", cpu=256, memory=512)),
            "each copy counts with its own cpu of 256; the template's one could use up to 1024",
            id="a worker that could use more CPU",
        ),
        pytest.param(
            template(container("worker", memoryReservation=512)),
            "the memoryReservation of worker (512 MiB) is no limit, so each copy counts with all that the template's "
            "task leaves to it: set memory to what it needs, and the task becomes smaller",
            id="a worker whose memory has no limit",
        ),
        pytest.param(
            template(ephemeralStorage={"sizeInGiB": 30}),
            "ephemeralStorage becomes 60 GiB, shared by the copies",
            id="storage",
        ),
        pytest.param(
            template(
                container(
                    "worker",
                    mountPoints=[
                        {"sourceVolume": "a", "containerPath": "/a"},
                        {"sourceVolume": "b", "containerPath": "/b", "readOnly": True},
                    ],
                )
            ),
            "the copies write to the same volumes at /a",
            id="volumes",
        ),
        pytest.param(
            ec2(container("worker", memory=512, resourceRequirements=[{"type": "GPU", "value": "2"}])),
            "GPU: 2 for each copy, 4 for the task, on one instance",
            id="GPUs",
        ),
        pytest.param(
            ec2(
                container("worker", memory=512, resourceRequirements=[{"type": "GPU", "value": "1"}]),
                container("encoder", memory=512, resourceRequirements=[{"type": "GPU", "value": "1"}]),
            ),
            "GPU: 1 for each copy, 3 for the task, on one instance",
            id="a sidecar's GPU",
        ),
        pytest.param(
            ec2(
                container(
                    "worker",
                    memory=9,
                    resourceRequirements=[{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"maxComputePercent": 20}}}],
                )
            ),
            "GPU: shared by the copies (nvidiaMps)",
            id="a shared GPU",
        ),
        pytest.param(template(pidMode="task"), "the copies see each other's processes (pidMode)", id="one PID space"),
        pytest.param(
            ec2(container("worker", memory=9), ipcMode="host"),
            "the copies share semaphores, message queues and shared memory (ipcMode)",
            id="one IPC space",
        ),
        pytest.param(
            ec2(container("worker", memory=9, hostname="w")), "the copies have the same hostname, w", id="a hostname"
        ),
        pytest.param(
            template(volumes=[{"name": "data", "configuredAtLaunch": True}]),
            "volume data is made by task.run_task.volumeConfigurations: one for each task, shared by the copies, of "
            "the size given there",
            id="an EBS volume",
        ),
        pytest.param(
            template(tags=({"key": "aws:stack", "value": "s"}, {"key": "team", "value": "t"})),
            "tags not passed on, because they are reserved: aws:stack",
            id="tags",
        ),
        pytest.param(
            template(requiresCompatibilities=["EC2"]),
            "task size 1024 CPU units and 2048 MiB becomes 2048 CPU units and 4096 MiB, nothing of it rounding",
            id="EC2 rounds nothing",
        ),
    ],
)
def test_what_changes_is_said(given: Template, expected: str) -> None:
    """Each thing that two copies drop, share or change has its line."""
    assert expected in notes(given, "worker", 2)


@pytest.mark.parametrize(
    "given",
    [
        template(pidMode=None, ipcMode=None),
        ec2(container("worker", memory=9), ipcMode="none", volumes=[{"name": "scratch", "host": {}}]),
    ],
    ids=["unset", "private"],
)
def test_what_copies_do_not_share_is_not_said(given: Template) -> None:
    """A namespace of one's own, and a volume that is there without RunTask's doing."""
    said = " ".join(notes(given, "worker", 2))
    assert [] == [word for word in ("pidMode", "ipcMode", "hostname", "volumeConfigurations", "GPU") if word in said]
