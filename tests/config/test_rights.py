from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.config import ControllerSpec, load_content
from controller.config.stack import Account, Rights, WorkerRoles, list_rights, pack, render_policy
from controller.config.stack.policies import measure
from controller.core.address import Parameter, Remote, StoredObject

HERE = Account("aws", "eu-west-1", "111122223333")
ECS = "arn:aws:ecs:eu-west-1:111122223333"
NO_ROLES = WorkerRoles()


def build(*scalers: dict[str, Any]) -> ControllerSpec:
    """Return a specification of scalers that say no more than what differs."""
    written = [
        {
            "name": f"s{number}",
            "queue": f"q{number}",
            "demand": {"messages_per_container": 1},
            **scaler,
            "task": {"definition": "worker", "subnets": ["subnet-0a1b2c3d"], **scaler.get("task", {})},
        }
        for number, scaler in enumerate(scalers)
    ]
    return load_content(yaml.safe_dump({"scalers": written}).encode(), Path("c.yaml")).spec


def find(sid: str, *scalers: dict[str, Any], address: Remote | None = None) -> list[Rights]:
    """Return the statements whose name begins like this."""
    rights = list_rights(build(*scalers), HERE, NO_ROLES, address)
    return [each for each in rights if each.sid.startswith(sid)]


def resources(sid: str, *scalers: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return what such statements name, without what is the same in each ARN."""
    return [tuple(arn.removeprefix(f"{ECS}:") for arn in each.resources) for each in find(sid, *scalers)]


@pytest.mark.parametrize(
    ("queue", "sid", "expected"),
    [
        ("orders", "ReadQueues", "arn:aws:sqs:eu-west-1:111122223333:orders"),
        ("orders.fifo", "ReadQueues", "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"),
        ("arn:aws:sqs:eu-west-1:444455556666:orders", "ReadQueues", "arn:aws:sqs:eu-west-1:444455556666:orders"),
        (
            "https://sqs.eu-central-1.amazonaws.com/444455556666/orders",
            "CountQueues",
            "arn:aws:sqs:eu-central-1:444455556666:orders",
        ),
        ("http://127.0.0.1:4566/444455556666/orders", "CountQueues", "arn:aws:sqs:eu-west-1:444455556666:orders"),
    ],
    ids=["name", "fifo", "arn of another account", "url", "url of an endpoint"],
)
def test_a_queue_is_named_by_its_arn(queue: str, sid: str, expected: str) -> None:
    """However the configuration names it; only one that is given by its URL is never looked up."""
    (right,) = [each for each in find("", {"queue": queue}) if each.actions[0].startswith("sqs:")]
    assert (sid, (expected,)) == (right.sid, right.resources)


def test_a_queue_of_two_scalers_is_named_once() -> None:
    """Whoever may look a queue up may count it as well."""
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
    named = find("", {"queue": "orders"}, {"queue": url})
    assert ["ReadQueues"] == [each.sid for each in named if each.actions[0].startswith("sqs:")]


def test_each_family_runs_in_its_own_clusters() -> None:
    """A statement for each cluster: what runs in one is not allowed in the other."""
    scalers = [{"task": {"cluster": "a"}}, {"task": {"cluster": f"{ECS}:cluster/b", "definition": "other:3"}}]
    assert [
        ("task-definition/worker:*", "task-definition/worker-x?:*"),
        ("task-definition/other:*", "task-definition/other-x?:*"),
    ] == resources("RunWorkers", *scalers)
    assert [f"{ECS}:cluster/a", f"{ECS}:cluster/b"] == [
        each.conditions["ArnEquals"]["ecs:cluster"][0] for each in find("RunWorkers", *scalers)
    ]


@pytest.mark.parametrize(("number", "length"), [(9, 10), (80, 10), (20, 255)], ids=["few", "many", "longest names"])
def test_clusters_fit_into_policies_and_are_all_seen(number: int, length: int) -> None:
    """A condition cannot be divided, so the statements are: each cluster is listed and described under its own name."""
    names = [f"{cluster:0{length}}" for cluster in range(number)]
    rights = find("", *({"task": {"cluster": name}} for name in names))
    assert [] == [policy for policy in pack(rights, most=25, place=HERE) if measure(render_policy(policy), HERE) > 6144]
    for action in ("ecs:ListTasks", "ecs:DescribeTasks"):
        conditions = [each.conditions["ArnEquals"]["ecs:cluster"] for each in rights if action in each.actions]
        assert [f"{ECS}:cluster/{name}" for name in names] == list(chain.from_iterable(conditions))
    described = [each.resources for each in rights if "ecs:DescribeTasks" in each.actions]
    assert [f"{ECS}:task/{name}/*" for name in names] == list(chain.from_iterable(described))


@pytest.mark.parametrize("shared_in", ["own", f"{ECS}:cluster/own", "default"], ids=["name", "arn", "the workers'"])
def test_controllers_that_share_are_seen_in_their_cluster(shared_in: str) -> None:
    """They are tasks as the workers are; a cluster that has both is named once."""
    rights = list_rights(build({}), HERE, NO_ROLES, None, shared_in)
    names = list(dict.fromkeys(["default", shared_in.rpartition("/")[2]]))
    listing, describing = [each for each in rights if each.sid in {"ListTasks", "DescribeTasks"}]
    clusters = {"ArnEquals": {"ecs:cluster": tuple(f"{ECS}:cluster/{name}" for name in names)}}
    assert [clusters, clusters] == [listing.conditions, describing.conditions]
    assert (("*",), tuple(f"{ECS}:task/{name}/*" for name in names)) == (listing.resources, describing.resources)


@pytest.mark.parametrize(
    ("scaler", "copies"),
    [
        ({}, True),
        ({"max_containers": 1}, False),
        ({"task": {"max_containers_per_task": 1}}, False),
        ({"task": {"max_containers_per_task": 1, "deadline": "2h"}}, True),
    ],
    ids=["many", "one container", "one container a task", "one with a deadline"],
)
def test_copies_are_registered_only_where_some_are_made(scaler: dict[str, Any], *, copies: bool) -> None:
    """A scaler of single workers needs neither the derived families nor the listing of definitions, but for a deadline.

    That has a keeper beside a single worker, too, which is registered.
    """
    rights = find("", scaler)
    actions = {action for each in rights for action in each.actions}
    assert copies == ("ecs:RegisterTaskDefinition" in actions) == ("ecs:ListTaskDefinitions" in actions)
    assert copies == any("-x?" in arn for each in rights for arn in each.resources)


def test_revisions_are_listed_where_one_has_to_prove_itself() -> None:
    """A single worker a task needs them listed for nothing else, and none registered."""
    (rights,) = find("ReadTaskDefinitions", {"max_containers": 1, "rollout": {}})
    assert ("ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions") == rights.actions
    assert [] == find("RegisterCopies", {"max_containers": 1, "rollout": {}})


@pytest.mark.parametrize(
    ("task", "tagged"),
    [
        ({}, False),
        ({"tags": {"a": "b"}}, True),
        ({"run_task": {"propagateTags": "TASK_DEFINITION"}}, True),
        ({"run_task": {"propagateTags": "NONE"}}, False),
        ({"run_task": {"enableECSManagedTags": True}}, True),
    ],
    ids=["none", "tags", "propagated", "not propagated", "managed"],
)
def test_tasks_are_tagged_only_where_some_are(task: dict[str, Any], *, tagged: bool) -> None:
    """Tagging as a task starts is a right of its own."""
    assert tagged == bool(find("TagWorkers", {"task": task}))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, []),
        (Parameter("/a/b"), [("ssm:GetParameter", "ssm:GetParameterHistory"), ("kms:Decrypt",)]),
        (
            StoredObject("bucket", "k"),
            [("s3:GetObject", "s3:GetObjectVersion"), ("s3:ListBucketVersions",), ("kms:Decrypt",)],
        ),
        (StoredObject("bucket", "k", "1"), [("s3:GetObjectVersion",), ("kms:Decrypt",)]),
    ],
    ids=["elsewhere", "parameter", "object", "version of an object"],
)
def test_the_configuration_is_read_where_it_is(address: Remote | None, expected: list[tuple[str, ...]]) -> None:
    """One version of an object has no earlier ones, and a configuration elsewhere needs no right."""
    services = ("ssm:", "s3:", "kms:")
    rights = find("", {}, address=address)
    assert expected == [each.actions for each in rights if each.actions[0].startswith(services)]
