from typing import Any

import pytest

from controller.core.copies.derive import derive, find_copies_limit
from controller.core.copies.template import CannotCopy, Template
from tests.core.copies.templates import ARN, WITHOUT_DEADLINE, after, allowed, container, ec2, template

WORKER = container("worker")
SIDECARS = [container(f"sidecar-{letter}", essential=False) for letter in "abcdefgh"]
LONG = "w" * 254


def find_limit(given: Template) -> tuple[int, str]:
    return find_copies_limit(given, given.containers[0]["name"], WITHOUT_DEADLINE, allowed())


@pytest.mark.parametrize(
    ("given", "part_of_the_reason"),
    [
        pytest.param(
            template(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
            "it runs on Windows, where the keeper, a POSIX shell script, cannot run",
            id="Windows",
        ),
        pytest.param(
            template(container("worker", restartPolicy={"enabled": True})), "has a restartPolicy", id="restarts"
        ),
        pytest.param(ec2(networkMode="none"), "cannot reach the task metadata endpoint", id="no network"),
        pytest.param(
            ec2(trustedExecutionConfiguration={"isolationMode": "CONFIDENTIAL_SANDBOX", "attestationPolicy": "cA=="}),
            "its attestationPolicy names the containers that may run",
            id="attested containers",
        ),
        pytest.param(
            ec2(container("worker", memory=64, resourceRequirements=[{"type": "GPU", "value": "ALL"}])),
            "container worker takes all GPUs of an instance",
            id="all GPUs",
        ),
        pytest.param(
            ec2(container("worker", memory=64, resourceRequirements=[{"type": "NeuronDevice", "value": "ALL"}])),
            "container worker takes all NeuronDevices of an instance",
            id="Neuron devices",
        ),
        pytest.param(
            ec2(
                container("worker", memory=64, resourceRequirements=[{"type": "InferenceAccelerator", "value": "d1"}]),
                inferenceAccelerators=[{"deviceName": "d1", "deviceType": "eia2.medium"}],
            ),
            "container worker uses the inference accelerator d1",
            id="an inference accelerator",
        ),
        pytest.param(
            template(container("worker", firelensConfiguration={"type": "fluentbit"})),
            "is the task's log router",
            id="router",
        ),
        pytest.param(
            template(proxyConfiguration={"type": "APPMESH", "containerName": "worker"}),
            "is the task's proxy",
            id="proxy",
        ),
        pytest.param(
            template(container("worker", essential=False), container("next", dependsOn=after("worker", "SUCCESS"))),
            "container next depends on worker with the condition SUCCESS",
            id="one that waits for success",
        ),
        pytest.param(
            template(WORKER, container("next", dependsOn=after("worker", "HEALTHY"))),
            "container next depends on worker with the condition HEALTHY",
            id="one that waits for health",
        ),
        pytest.param(ec2(WORKER, container("web", links=["worker:db"])), "container web links to worker", id="a link"),
        pytest.param(
            ec2(WORKER, container("web", volumesFrom=[{"sourceContainer": "worker"}])),
            "container web mounts the volumes of worker",
            id="volumes from the worker",
        ),
        pytest.param(template(WORKER, container("worker-4")), "container worker-4 has a name that", id="a copy's name"),
        pytest.param(
            template(WORKER, container("ecsq-keeper")), "container ecsq-keeper has a name that", id="the keeper's name"
        ),
        pytest.param(template(container(LONG)), "shorten its name", id="a container's name too long"),
        pytest.param(template(family=LONG), "a shorter family name, or set", id="a family's name too long"),
        pytest.param(template(taskDefinitionArn=f"{ARN[:-2]}{LONG}:7"), "its ARN has", id="an ARN too long for a tag"),
        *(
            pytest.param(
                ec2(placementConstraints=[{"type": "memberOf", "expression": f"attribute:ecs.{constraint}"}]),
                "it runs on Windows",
                id=constraint,
            )
            for constraint in ("os-type == windows", "os-type in [windows]", "os-family == WINDOWS_SERVER_2022_CORE")
        ),
        pytest.param(
            ec2(volumes=[{"name": "share", "fsxWindowsFileServerVolumeConfiguration": {"fileSystemId": "fs-1"}}]),
            "it runs on Windows",
            id="Windows by its volume",
        ),
        *(
            pytest.param(template(container("worker", image=image)), "it runs on Windows", id=image)
            for image in (
                "mcr.microsoft.com/windows/servercore/iis",
                "mcr.microsoft.com/windows:ltsc2022",
                "mcr.microsoft.com/windows/nanoserver:ltsc2022@sha256:0a1b",
                "mcr.microsoft.com/dotnet/framework/runtime:4.8",
                "mcr.microsoft.com/powershell:lts-nanoserver-1809",
                "microsoft/iis",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/base/servercore:7",
                "golang:1.24-windowsservercore-ltsc2022",
            )
        ),
        pytest.param(
            template(container("worker"), container("agent", image="mcr.microsoft.com/windows/nanoserver:1809")),
            "it runs on Windows",
            id="Windows by the image of a sidecar",
        ),
        pytest.param(
            template(tags=tuple({"key": f"k{n}", "value": ""} for n in range(48))), "it has 48 tags", id="too many tags"
        ),
        pytest.param(template(WORKER, *SIDECARS), "the template's 8 other containers", id="no room for two"),
        pytest.param(
            template(WORKER, container("proxy", cpu=1024, memory=512)),
            "container worker of content-worker:7 has no cpu of its own",
            id="sidecars take all CPU",
        ),
        pytest.param(
            template(WORKER, container("proxy", memory=2048)), "has no memory of its own", id="sidecars take all memory"
        ),
        pytest.param(template(cpu="32768", memory="61440"), "no task size is large enough", id="no size for two"),
        pytest.param(
            ec2(container("worker", cpu=100_000, memory=512), cpu="100000"),
            "no task size is large enough",
            id="192 vCPU",
        ),
        pytest.param(
            template(ephemeralStorage={"sizeInGiB": 101}), "ephemeralStorage would be 202 GiB", id="no storage for two"
        ),
        pytest.param(
            template(container("worker", environment=[{"name": "A", "value": "x" * 30_000}])),
            "the definition would be larger than 64 KB",
            id="no definition for two",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused_with_the_reason(given: Template, part_of_the_reason: str) -> None:
    """The limit is one worker a task, and ``derive`` refuses two with the same reason, which names the template."""
    most, why = find_limit(given)
    assert 1 == most
    assert part_of_the_reason in why
    assert f"task definition {given.label}" in why
    with pytest.raises(CannotCopy) as refused:
        derive(given, given.containers[0]["name"], 2, WITHOUT_DEADLINE, allowed())
    assert why == str(refused.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(template(cpu="256", memory="512"), 9, id="nine copies and the keeper"),
        pytest.param(template(WORKER, *SIDECARS[:3], cpu="256", memory="512"), 6, id="less three sidecars"),
        pytest.param(template(WORKER, *SIDECARS[:7]), 2, id="less seven"),
        pytest.param(template(cpu="4096", memory="8192"), 8, id="32 vCPU hold eight of 4"),
        pytest.param(template(cpu="4096", memory="30720"), 8, id="240 GB hold eight of 30"),
        pytest.param(template(cpu="16384", memory="65536"), 2, id="two of 16 vCPU"),
        pytest.param(template(ephemeralStorage={"sizeInGiB": 50}), 4, id="200 GiB hold four of 50"),
        pytest.param(
            template(container("worker", environment=[{"name": "A", "value": "x" * 10_000}])),
            5,
            id="64 KB hold five of 10",
        ),
        pytest.param(ec2(container("worker", memory=100_000)), 9, id="EC2 without task figures has no size to fit"),
        pytest.param(
            template(container("worker", restartPolicy={"enabled": False})), 9, id="a restart policy that is off"
        ),
        pytest.param(
            ec2(placementConstraints=[{"type": "memberOf", "expression": "not(attribute:ecs.os-type == windows)"}]),
            9,
            id="anything but Windows",
        ),
        *(
            pytest.param(template(container("worker", image=image), cpu="256", memory="512"), 9, id=image)
            for image in (
                "mcr.microsoft.com/dotnet/runtime:8.0",
                "acme/windows-exporter:1",
                "acme/observer:1",
                "registry/iis:1",
            )
        ),
        pytest.param(
            template(
                container("worker", image="acme/nanoserver:1"),
                runtimePlatform={"operatingSystemFamily": "LINUX"},
                cpu="256",
                memory="512",
            ),
            9,
            id="Linux by its own word",
        ),
        pytest.param(template(WORKER, container("worker-10")), 8, id="a name that no copy takes"),
        pytest.param(
            template(tags=tuple({"key": f"aws:{n}", "value": ""} for n in range(50))), 9, id="tags that do not count"
        ),
    ],
)
def test_the_limit_is_the_greatest_k_that_fits(given: Template, expected: int) -> None:
    """The copies are limited by ten containers a task, Fargate's sizes and storage, and the definition's length."""
    assert expected == find_limit(given)[0]


def test_the_limits_reason_names_the_k_that_does_not_fit() -> None:
    """The reason tells what one more copy would need."""
    given: dict[str, Any] = {"ephemeralStorage": {"sizeInGiB": 50}}
    expected = (
        "task definition content-worker:7 with 5 workers a task: ephemeralStorage would be 250 GiB, "
        "and Fargate gives a task at most 200: lower it, or set max_containers_per_task to 4"
    )
    assert (4, expected) == find_limit(template(**given))
