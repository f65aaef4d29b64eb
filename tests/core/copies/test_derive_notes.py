from dataclasses import replace

import pytest

from controller.core.copies.copy_notes import describe_changes
from controller.core.copies.template import Template
from tests.core.copies.templates import WITHOUT_DEADLINE, after, container, ec2, template

ROUTER = {"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/fluent.conf"}}


def test_the_template_itself_has_no_notes() -> None:
    """One worker a task changes nothing, so there are no notes."""
    assert () == describe_changes(template(), "worker", 1, WITHOUT_DEADLINE)


def test_a_plain_template() -> None:
    """The notes tell who is in the task, what is paid and how much of it is rounding, and what the copies share."""
    expected = (
        "worker becomes worker-1 to worker-3, each of which ends by itself; "
        "ecsq-keeper keeps the task running until all of them have ended",
        "the task size of 1024 CPU units and 2048 MiB becomes 4096 CPU units and 8192 MiB, "
        "of which 1024 CPU units and 2048 MiB are rounding",
        "the copies share 20 GiB of ephemeral storage, which is what one worker has: "
        "set ephemeralStorage, and it grows with the number of copies",
    )
    assert expected == describe_changes(template(), "worker", 3, WITHOUT_DEADLINE)


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
            "server is essential and worker is not, as in the template: the task ends when server does, "
            "whether the copies have ended or not",
            id="a task that does not end with its worker",
        ),
        pytest.param(
            template(container("worker", logConfiguration={"logDriver": "awsfirelens"}), container("router")),
            "ecsq-keeper has no log: the log router would have to run longer than ecsq-keeper, and nothing does",
            id="a keeper without a log",
        ),
        pytest.param(
            replace(template(), unknown=("containerDefinitions.sandboxProfile", "isolation")),
            "the derived revision lacks these members, because the installed botocore does not know them: "
            "containerDefinitions.sandboxProfile, isolation; a newer one may know them",
            id="members that botocore does not know",
        ),
        pytest.param(
            template(container("worker", portMappings=[{"containerPort": 80}, {"containerPortRange": "90-99"}])),
            "the copies have no portMappings (the template has 80/tcp, 90-99/tcp): with awsvpc or host networking all "
            "copies would need the same port, and with bridge networking nobody could tell which port belongs to which "
            "copy",
            id="ports",
        ),
        pytest.param(
            template(container("worker"), container("agent", dependsOn=after("worker", "START"))),
            "agent waits for ecsq-keeper to START, and no longer for worker: it starts together with the copies",
            id="one that starts after the worker",
        ),
        pytest.param(
            template(container("worker", essential=False), container("up", dependsOn=after("worker", "COMPLETE"))),
            "up runs once all copies have ended; until then ECS shows the task as PENDING",
            id="one that runs after the worker",
        ),
        pytest.param(
            template(container("worker", logConfiguration={"logDriver": "splunk", "options": {"tag": "w"}})),
            "log option tag gets the number of the copy, w-1 for the first, so that each copy has its own log stream",
            id="a stream named by hand",
        ),
        pytest.param(
            template(
                container("worker", logConfiguration={"logDriver": "awsfirelens"}),
                container("router", firelensConfiguration=ROUTER),
            ),
            "router reads its rules from /fluent.conf: they must match the tags of the copies, such as "
            "worker-1-firelens-..., and not only the tag worker-firelens-...",
            id="a router with rules of its own",
        ),
        pytest.param(
            template(container("worker", cpu=256, memory=512)),
            "each copy is sized with its own cpu of 256; in the template the one worker could use up to 1024",
            id="a worker that could use more CPU",
        ),
        pytest.param(
            template(container("worker", memoryReservation=512)),
            "the memoryReservation of worker (512 MiB) is not a limit, so each copy is sized with all the memory that "
            "the template's task leaves to its worker: set memory to what it needs, and the task becomes smaller",
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
            "GPU: 2 for each copy, so the task needs 4 on one instance",
            id="GPUs",
        ),
        pytest.param(
            ec2(
                container("worker", memory=512, resourceRequirements=[{"type": "GPU", "value": "1"}]),
                container("encoder", memory=512, resourceRequirements=[{"type": "GPU", "value": "1"}]),
            ),
            "GPU: 1 for each copy, so the task needs 3 on one instance",
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
            "volume data is created for each task by task.run_task.volumeConfigurations, of the size given there, "
            "and the copies share it",
            id="an EBS volume",
        ),
        pytest.param(
            template(tags=({"key": "aws:stack", "value": "s"}, {"key": "team", "value": "t"})),
            "the derived revision lacks these tags, because they are reserved: aws:stack",
            id="tags",
        ),
        pytest.param(
            template(requiresCompatibilities=["EC2"]),
            "the task size of 1024 CPU units and 2048 MiB becomes 2048 CPU units and 4096 MiB, "
            "none of which is rounding",
            id="EC2 rounds nothing",
        ),
    ],
)
def test_each_change_has_a_note(given: Template, expected: str) -> None:
    """Each thing that two copies drop, share or change has a line of its own."""
    assert expected in describe_changes(given, "worker", 2, WITHOUT_DEADLINE)


def test_an_essential_container_after_the_worker_has_one_note() -> None:
    """It cannot both run after all copies and end the task before they have ended."""
    given = template(container("app", essential=False), container("after", dependsOn=after("app", "COMPLETE")))
    assert ["after runs once all copies have ended; until then ECS shows the task as PENDING"] == [
        note for note in describe_changes(given, "app", 2, WITHOUT_DEADLINE) if note.startswith("after ")
    ]


@pytest.mark.parametrize(
    "given",
    [
        template(pidMode=None, ipcMode=None),
        ec2(container("worker", memory=9), ipcMode="none", volumes=[{"name": "scratch", "host": {}}]),
    ],
    ids=["unset", "private"],
)
def test_what_copies_do_not_share_has_no_note(given: Template) -> None:
    """Copies with namespaces of their own, and volumes that RunTask does not create, need no note."""
    said = " ".join(describe_changes(given, "worker", 2, WITHOUT_DEADLINE))
    assert [] == [word for word in ("pidMode", "ipcMode", "hostname", "volumeConfigurations", "GPU") if word in said]
