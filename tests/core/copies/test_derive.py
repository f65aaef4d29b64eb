from typing import Any

import pytest

from controller.core.copies.derive import derive, find_copies_limit, keep_allowed
from controller.core.copies.fingerprint import fingerprint, read_fingerprint
from controller.core.copies.keeper import SCRIPT, KeeperSettings
from controller.core.copies.template import CannotCopy, Template, find_worker
from tests.core.copies.templates import (
    ARN,
    KEEPER_IMAGE,
    WITHOUT_DEADLINE,
    after,
    allowed,
    container,
    ec2,
    find_faults,
    template,
)

FIRELENS = {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}}
AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/w", "awslogs-stream-prefix": "w"}}

RICH = container(
    "worker",
    secrets=[{"name": "TOKEN", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/token"}],
    environmentFiles=[{"value": "arn:aws:s3:::bucket/worker.env", "type": "s3"}],
    environment=[{"name": "MODE", "value": "drain"}],
    mountPoints=[{"sourceVolume": "efs", "containerPath": "/data", "readOnly": True}],
    ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
    healthCheck={"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
    linuxParameters={"initProcessEnabled": True, "capabilities": {"add": ["SYS_PTRACE"], "drop": []}},
    dockerLabels={"team": "ingest"},
    logConfiguration=AWSLOGS,
    stopTimeout=120,
    versionConsistency="disabled",
)
REALISTIC = {
    "one container": template(),
    "everything a worker may have": template(
        RICH,
        volumes=[{"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED"}}],
        ephemeralStorage={"sizeInGiB": 21},
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        pidMode="task",
        placementConstraints=[],
        executionRoleArn="arn:aws:iam::123456789012:role/execution",
        tags=({"key": "team", "value": "ingest"}, {"key": "aws:cloudformation:stack-name", "value": "s"}),
    ),
    "FireLens": template(
        container("worker", logConfiguration={"logDriver": "awsfirelens", "options": {"Name": "stdout"}}),
        container("log_router", firelensConfiguration=FIRELENS, memoryReservation=50, logConfiguration=AWSLOGS),
        cpu="512",
        memory="1024",
    ),
    "init container and proxy": template(
        container("worker", dependsOn=[*after("init", "SUCCESS"), *after("proxy", "HEALTHY")]),
        container("init", essential=False),
        container("proxy", cpu=128, memory=256, healthCheck={"command": ["CMD", "true"]}),
    ),
    "one that runs after the worker": template(
        container("worker", essential=False), container("upload", dependsOn=after("worker", "COMPLETE"))
    ),
    "an agent that starts after the worker": template(
        container("worker"), container("agent", dependsOn=after("worker", "START"))
    ),
    "EC2 with bridge networking and GPU": ec2(
        container(
            "worker", cpu=512, memory=2048, links=["db:db"], resourceRequirements=[{"type": "GPU", "value": "1"}]
        ),
        container("db", memoryReservation=128, portMappings=[{"containerPort": 5432, "hostPort": 0}]),
        ipcMode="task",
        placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ g5.*"}],
    ),
    "volumes of every kind": template(
        container(
            "worker",
            mountPoints=[
                {"sourceVolume": name, "containerPath": f"/{name}"} for name in ("ebs", "bind", "efs", "docker")
            ],
            volumesFrom=[{"sourceContainer": "agent", "readOnly": True}],
        ),
        container("agent", essential=False, restartPolicy={"enabled": True, "ignoredExitCodes": [0]}),
        volumes=[
            {"name": "ebs", "configuredAtLaunch": True},
            {"name": "bind", "host": {}},
            {"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
            {"name": "docker", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}},
        ],
    ),
    "a service mesh": template(
        container("worker", dependsOn=after("envoy", "HEALTHY"), portMappings=[{"containerPort": 8080}]),
        container("envoy", user="1337", healthCheck={"command": ["CMD", "true"]}),
        proxyConfiguration={"type": "APPMESH", "containerName": "envoy", "properties": []},
        enableFaultInjection=False,
    ),
    "EC2 with host networking and a task size": ec2(
        container("worker", memory=300), networkMode="host", cpu="300", memory="700"
    ),
}


def derive_copies(given: Template, k: int = 3) -> dict[str, Any]:
    return derive(given, "worker", k, WITHOUT_DEADLINE, allowed())


def find_container(definition: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in definition["containerDefinitions"] if each["name"] == name)


def list_dependencies(definition: dict[str, Any], name: str) -> list[tuple[str, str]]:
    return [(on["containerName"], on["condition"]) for on in find_container(definition, name).get("dependsOn", [])]


@pytest.mark.parametrize("given", REALISTIC.values(), ids=REALISTIC.keys())
def test_what_is_derived_can_be_registered(given: Template) -> None:
    """For every k that the template allows, botocore and ECS's own rules find no fault."""
    most, _ = find_copies_limit(given, "worker", WITHOUT_DEADLINE, allowed())
    assert most > 1
    assert [[]] * (most - 1) == [find_faults(derive_copies(given, k)) for k in range(2, most + 1)]


@pytest.mark.parametrize("given", REALISTIC.values(), ids=REALISTIC.keys())
def test_one_more_than_the_limit_is_refused_with_the_limits_reason(given: Template) -> None:
    """``derive`` refuses one copy more than the limit, with the reason that came with the limit."""
    most, why = find_copies_limit(given, "worker", WITHOUT_DEADLINE, allowed())
    with pytest.raises(CannotCopy) as refused:
        derive_copies(given, most + 1)
    assert why == str(refused.value)


def test_copies_are_the_worker_but_for_name_and_part_in_the_task() -> None:
    """A copy keeps all that the worker has, but ends by itself, starts after the keeper, and maps no ports."""
    given = REALISTIC["everything a worker may have"]
    definition = derive_copies(given)
    for name in ("worker-1", "worker-2", "worker-3"):
        own = {**RICH, "name": name, "essential": False, "dependsOn": after("ecsq-keeper", "START")}
        own.pop("portMappings")
        assert own == find_container(definition, name)


def test_the_task_is_the_template_but_for_family_containers_size_and_tags() -> None:
    """Members that only ECS sets (status, revision, who registered it) are not passed on."""
    given = REALISTIC["everything a worker may have"]
    definition = derive_copies(given)
    changed = {"family", "containerDefinitions", "cpu", "memory", "ephemeralStorage", "tags"}
    kept = {
        "requiresCompatibilities",
        "networkMode",
        "volumes",
        "runtimePlatform",
        "pidMode",
        "placementConstraints",
        "executionRoleArn",
    }
    assert changed | kept == set(definition)
    assert {name: given.definition[name] for name in kept} == {name: definition[name] for name in kept}
    assert ("content-worker-x3", {"sizeInGiB": 63}) == (definition["family"], definition["ephemeralStorage"])


def test_the_keeper_is_essential_and_names_the_copies() -> None:
    """It carries its script, needs neither a writable root nor a user, and its log goes beside the worker's."""
    keeper = find_container(derive_copies(REALISTIC["everything a worker may have"]), "ecsq-keeper")
    expected = {
        "name": "ecsq-keeper",
        "image": KEEPER_IMAGE,
        "essential": True,
        "entryPoint": ["sh", "-c"],
        "command": [SCRIPT, "ecsq-keeper", "worker-1", "worker-2", "worker-3"],
        "readonlyRootFilesystem": True,
        "user": "65534:65534",
        "logConfiguration": AWSLOGS,
    }
    assert expected == keeper


def test_the_keeper_reserves_memory_only_where_the_task_has_no_figure() -> None:
    """ECS wants a figure then, and a hard limit could end the task while its workers are working."""
    without = find_container(derive_copies(REALISTIC["EC2 with bridge networking and GPU"]), "ecsq-keeper")
    assert (32, None) == (without["memoryReservation"], without.get("memory"))
    assert "memoryReservation" not in find_container(derive_copies(template()), "ecsq-keeper")


def test_the_keeper_does_not_log_through_the_router() -> None:
    """The router would have to start before the keeper and stop after it."""
    assert "logConfiguration" not in find_container(derive_copies(REALISTIC["FireLens"]), "ecsq-keeper")


@pytest.mark.parametrize(
    ("image", "keeper_image", "same"),
    [
        ("registry.example/worker:1", "registry.example/worker:1", True),
        ("registry.example/worker:1", "registry.example/tools/busybox", True),
        ("registry.example:5000/worker:1", "registry.example/busybox", False),
        ("registry.example/worker:1", KEEPER_IMAGE, False),
        ("team/worker:1", "busybox", True),
        ("team/worker:1", "localhost/busybox", False),
    ],
    ids=["the worker's own", "beside it", "another port", "a public one", "Docker Hub", "this host"],
)
def test_the_keeper_is_pulled_with_the_workers_credentials_from_the_same_registry(
    image: str, keeper_image: str, *, same: bool
) -> None:
    """Credentials for the worker's registry serve for the keeper's image there, and are not sent to any other."""
    credentials = {"credentialsParameter": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry"}
    given = template(container("worker", image=image, repositoryCredentials=credentials))
    keeper = find_container(derive(given, "worker", 2, KeeperSettings(keeper_image, None), allowed()), "ecsq-keeper")
    assert (credentials if same else None) == keeper.get("repositoryCredentials")


def test_the_keeper_waits_for_what_the_worker_waits_for() -> None:
    """If the init container fails, the essential keeper cannot start and ECS ends the task, as with the worker."""
    definition = derive_copies(REALISTIC["init container and proxy"])
    assert [("init", "SUCCESS"), ("proxy", "HEALTHY")] == list_dependencies(definition, "ecsq-keeper")
    assert [("init", "SUCCESS"), ("proxy", "HEALTHY"), ("ecsq-keeper", "START")] == list_dependencies(
        definition, "worker-2"
    )


def test_the_keeper_starts_no_sooner_than_the_copies_may() -> None:
    """A keeper that started sooner would count the copies as missing while something is prepared for them."""
    given = template(
        container("worker", dependsOn=after("server", "START")),
        container("server", dependsOn=after("download", "SUCCESS")),
        container("download", essential=False),
        container("agent", essential=False, dependsOn=after("worker", "START")),
    )
    definition = derive_copies(given, 2)
    assert [("server", "START"), ("ecsq-keeper", "START")] == list_dependencies(definition, "worker-1")
    assert [("server", "START")] == list_dependencies(definition, "ecsq-keeper")
    assert [("ecsq-keeper", "START")] == list_dependencies(definition, "agent")


def test_a_task_that_does_not_end_with_its_worker_does_not_end_with_the_copies() -> None:
    """The keeper waits for the essential containers then, and the first of them to end ends the task, as before."""
    given = template(container("worker", essential=False), container("uploader"), container("agent", essential=False))
    assert ["worker-1", "worker-2", "uploader"] == find_container(derive_copies(given, 2), "ecsq-keeper")["command"][2:]
    with_router = template(container("worker"), container("router"))
    assert ["worker-1", "worker-2"] == find_container(derive_copies(with_router, 2), "ecsq-keeper")["command"][2:]


def test_sidecars_wait_for_each_other_as_in_the_template() -> None:
    """Only dependencies on the worker are turned to the copies."""
    given = template(
        container("worker", essential=False),
        container("a", dependsOn=after("b", "HEALTHY")),
        container("b", dependsOn=[*after("worker", "COMPLETE"), *after("c", "START")]),
        container("c"),
    )
    definition = derive_copies(given, 2)
    assert [("b", "HEALTHY")] == list_dependencies(definition, "a")
    assert [("worker-1", "COMPLETE"), ("worker-2", "COMPLETE"), ("c", "START")] == list_dependencies(definition, "b")


def test_each_copy_takes_the_devices_of_the_worker() -> None:
    """A GPU belongs to one container, so each copy asks for its own; the keeper takes none."""
    definition = derive_copies(REALISTIC["EC2 with bridge networking and GPU"], 4)
    needs = {each["name"]: each.get("resourceRequirements") for each in definition["containerDefinitions"]}
    one = [{"type": "GPU", "value": "1"}]
    assert {"ecsq-keeper": None, **{f"worker-{n}": one for n in range(1, 5)}, "db": None} == needs


def test_volumes_are_passed_on_whole() -> None:
    """A volume that RunTask configures keeps its name, by which volumeConfigurations find it."""
    given = REALISTIC["volumes of every kind"]
    definition = derive_copies(given)
    assert given.definition["volumes"] == definition["volumes"]
    worker = given.container("worker")
    for name in ("worker-1", "worker-2", "worker-3"):
        mounted = find_container(definition, name)
        assert (worker["mountPoints"], worker["volumesFrom"]) == (mounted["mountPoints"], mounted["volumesFrom"])


def test_what_runs_after_the_worker_runs_after_all_copies() -> None:
    """The keeper waits for it too, since its own end would end the task before that container has run."""
    definition = derive_copies(REALISTIC["one that runs after the worker"], 2)
    assert [("worker-1", "COMPLETE"), ("worker-2", "COMPLETE")] == list_dependencies(definition, "upload")
    assert ["worker-1", "worker-2", "upload"] == find_container(definition, "ecsq-keeper")["command"][2:]


def test_the_keeper_waits_for_a_chain_that_runs_after_the_worker() -> None:
    """A follower of a follower counts; a container that only starts beside it does not."""
    given = template(
        container("report", dependsOn=after("upload", "SUCCESS")),
        container("worker", essential=False),
        container("upload", essential=False, dependsOn=after("worker", "COMPLETE")),
        container("agent", essential=False, dependsOn=after("upload", "START")),
    )
    assert ["worker-1", "worker-2", "report", "upload"] == find_container(derive_copies(given, 2), "ecsq-keeper")[
        "command"
    ][2:]


def test_what_starts_after_the_worker_starts_after_the_keeper() -> None:
    """ECS counts START only while the other container runs, so a copy that ended at once would block the sidecar."""
    definition = derive_copies(REALISTIC["an agent that starts after the worker"])
    assert [("ecsq-keeper", "START")] == list_dependencies(definition, "agent")


def test_sidecars_stay_as_they_are() -> None:
    """An essential sidecar stays essential: if the log router ends, the task ends, as in the template."""
    given = REALISTIC["FireLens"]
    assert given.container("log_router") == find_container(derive_copies(given), "log_router")


def test_sidecars_keep_their_ports() -> None:
    """Only the copies would share a port, so only they lose it."""
    mapping = [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]
    given = template(container("worker", portMappings=mapping), container("proxy", portMappings=mapping))
    definition = derive_copies(given, 2)
    assert mapping == find_container(definition, "proxy")["portMappings"]
    assert [False, False] == ["portMappings" in find_container(definition, f"worker-{number}") for number in (1, 2)]


@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        pytest.param("awslogs", AWSLOGS["options"], AWSLOGS["options"], id="awslogs names streams by container"),
        pytest.param("awsfirelens", {"Name": "s3"}, {"Name": "s3"}, id="FireLens tags by container"),
        pytest.param(
            "awsfirelens", {"log_stream_name": "w"}, {"log_stream_name": "w-2"}, id="a FireLens stream named by hand"
        ),
        pytest.param(
            "awsfirelens", {"log_stream_name": "$(tag)"}, {"log_stream_name": "$(tag)"}, id="a stream named by tag"
        ),
        pytest.param("json-file", {"tag": "w"}, {"tag": "w"}, id="json-file writes a file for each container"),
        pytest.param("syslog", {"tag": "w"}, {"tag": "w-2"}, id="syslog records only the tag"),
        pytest.param("splunk", {"tag": "w/{{.Name}}"}, {"tag": "w/{{.Name}}"}, id="a tag by container"),
    ],
)
def test_each_copy_has_its_own_log_stream(driver: str, options: dict[str, str], expected: dict[str, str]) -> None:
    """Most drivers name the container by themselves; a stream named by hand gets the copy's number."""
    given = template(container("worker", logConfiguration={"logDriver": driver, "options": options}))
    assert expected == find_container(derive_copies(given), "worker-2")["logConfiguration"]["options"]


def test_an_unnamed_log_driver_option_is_left_alone() -> None:
    """A log configuration may have no options at all."""
    given = template(container("worker", logConfiguration={"logDriver": "syslog"}))
    assert {"logDriver": "syslog"} == find_container(derive_copies(given), "worker-1")["logConfiguration"]


def test_tags_are_the_templates_and_the_fingerprint() -> None:
    """The user's tags are kept, AWS's own are dropped because they are reserved, and the controller's are added."""
    given = REALISTIC["everything a worker may have"]
    mark = fingerprint(ARN, "worker", 3, KEEPER_IMAGE, SCRIPT)
    expected = [
        {"key": "team", "value": "ingest"},
        {"key": "ecsq:fingerprint", "value": mark},
        {"key": "ecsq:template", "value": ARN},
        {"key": "ecsq:containers", "value": "3"},
    ]
    assert expected == derive_copies(given)["tags"]
    assert (mark, None) == (read_fingerprint(expected), read_fingerprint(list(given.tags)))


def test_the_fingerprint_ignores_what_ecs_fills_in() -> None:
    """A revision that ECS describes with further members still has the same derived revision."""
    plain = template()
    filled = Template.from_description({**plain.definition, "registeredBy": "x", "requiresAttributes": [{"name": "y"}]})
    assert derive_copies(plain)["tags"] == derive_copies(filled)["tags"]


@pytest.mark.parametrize(
    "other",
    [
        (ARN[:-1] + "8", "worker", 3, "image", "script"),
        (ARN, "other", 3, "image", "script"),
        (ARN, "worker", 4, "image", "script"),
        (ARN, "worker", 3, "other", "script"),
        (ARN, "worker", 3, "image", "other"),
        (ARN, "worker", 3, "image", "script", ["isolation"]),
    ],
    ids=["template revision", "container", "k", "keeper's image", "keeper's script", "what was left out"],
)
def test_every_part_counts_in_the_fingerprint(other: Any) -> None:
    """A change in any part is another derived revision."""
    assert fingerprint(ARN, "worker", 3, "image", "script") != fingerprint(*other)


def test_the_fingerprint_is_the_same_for_ever() -> None:
    """Another value would make every controller register everything again."""
    expected = "0b98aa751277c9ef4b2c2fa789e364fb92c2cece0e3ecdd2d1a8d3cba4572414"
    assert expected == fingerprint(ARN, "worker", 3, "image", "script")


def test_a_key_that_aws_adds_later_survives() -> None:
    """The shape that is handed in decides, at every depth, which members are passed on."""
    newer = {**allowed(), "newKey": None}
    newer["containerDefinitions"] = {**newer["containerDefinitions"], "newList": {"inner": None}}
    added = container("worker", newList=[{"inner": 1, "outputOnly": 2}])
    given = template(added, newKey={"any": "thing"})
    definition = derive(given, "worker", 2, WITHOUT_DEADLINE, newer)
    assert {"any": "thing"} == definition["newKey"]
    assert [{"inner": 1}] == find_container(definition, "worker-2")["newList"]
    assert "newKey" not in derive_copies(given)


def test_nothing_derived_is_shared_with_the_template() -> None:
    """A caller may change the copy, and the original stays as it is."""
    given = {"labels": {"a": ["b"]}}
    copy = keep_allowed(given, {"labels": None})
    copy["labels"]["a"].append("c")
    assert {"labels": {"a": ["b"]}} == given


def test_one_worker_a_task_is_not_derived() -> None:
    """One worker a task runs the template itself, for which nothing is registered."""
    with pytest.raises(CannotCopy, match="one worker a task runs the template itself, so nothing is derived"):
        derive_copies(template(), 1)


@pytest.mark.parametrize(
    ("given", "configured", "expected"),
    [
        pytest.param(template(), None, "worker", id="the only one"),
        pytest.param(REALISTIC["FireLens"], None, "worker", id="the only one beside a log router"),
        pytest.param(
            template(
                container("log_router", firelensConfiguration={"type": "fluentbit"}),
                container("envoy"),
                container("worker"),
                proxyConfiguration={"type": "APPMESH", "containerName": "envoy"},
            ),
            None,
            "worker",
            id="the only one beside a log router and a proxy",
        ),
        pytest.param(
            template(container("router", firelensConfiguration={"type": "fluentbit"})),
            None,
            "router",
            id="a router alone",
        ),
        pytest.param(REALISTIC["FireLens"], "worker", "worker", id="the configured one"),
    ],
)
def test_the_worker_container(given: Template, configured: str | None, expected: str) -> None:
    """The container to copy need not be configured if one is neither log router nor proxy."""
    assert expected == find_worker(given, configured)


TWO_WORKERS = template(
    container("a"), container("b"), container("log_router", firelensConfiguration={"type": "fluentbit"})
)


@pytest.mark.parametrize(
    ("given", "configured", "message"),
    [
        (
            template(container("a"), container("b")),
            None,
            "task definition content-worker:7 has 2 containers (a, b): "
            "set task.container to the one that does the work",
        ),
        (
            TWO_WORKERS,
            None,
            "task definition content-worker:7 has 2 containers beside log_router (a, b): "
            "set task.container to the one that does the work",
        ),
        (
            REALISTIC["FireLens"],
            "wroker",
            "task definition content-worker:7 has no container 'wroker': "
            "set task.container to one of worker, log_router",
        ),
    ],
    ids=["several and none configured", "several beside a router", "none of that name"],
)
def test_an_unknown_worker_container_is_named_with_those_there_are(
    given: Template, configured: str | None, message: str
) -> None:
    """The message can be acted on without looking at the template."""
    with pytest.raises(CannotCopy) as refused:
        find_worker(given, configured)
    assert message == str(refused.value)
