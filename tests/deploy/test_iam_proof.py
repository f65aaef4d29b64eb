"""The printed policies against what the daemon really asks of AWS, with everything on that a configuration can have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Event
from time import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from controller.aws.cloudwatch import QueueMetrics
from controller.aws.configurations import CLIENT as READER
from controller.aws.configurations import open_kept
from controller.aws.peers import PeerLook
from controller.cli.iam import command as iam
from controller.clock import machine_clock
from controller.core.address import StoredObject
from controller.daemon.process import BAD_NEWEST
from controller.daemon.reload import KeptConfiguration
from tests.deploy.policy import Policy, allowed, join, narrowed, pairs, unconfined
from tests.support.accounts import EXTERNAL_ID, OTHER_ACCOUNT, OTHER_REGION, ROLE, open_elsewhere
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.controller import clients_of
from tests.support.daemon import CLIENT, CREDENTIALS, SOON, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.authorization import Asked
    from controller.sandbox.aws.place import Place

PARAMETER = "/ecsq/config"
BUCKET = "ecsq-configurations"
KEY = "ecsq/config.yaml"
SHARED_IN = "own"
"""The cluster of the controllers' service, where they share the work; no worker runs there."""
BUS = "changes"
DEAD = "given-up"
"""The dead-letter queue of one of the queues."""
BAD = "scalers: []"
TASK_ROLE = "arn:aws:iam::123456789012:role/ecsq-task"
VOLUMES = "arn:aws:iam::123456789012:role/volumes"
"""With which ECS makes the volumes of tasks."""
LAUNCHED = {"alone:1", "both:1", "both-x2:1", "spot:1", "spot-x2:1", "far:1", "far-x2:1"}
"""Every definition that has to have been run before the journal is read."""

Question = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Proof:
    """What was asked of IAM in a run, and the policies for it."""

    asked: set[Question]
    policy: Policy
    """For the configuration in a parameter."""
    asked_of_object: set[Question]
    policy_for_object: Policy
    """For the same in a bucket."""
    asked_of_peers: set[Question]
    policy_for_peers: Policy
    """For the same in a parameter, where several controllers share the work."""
    asked_of_role: set[Question]
    """What was asked of IAM in another account, with a role of it."""
    policy_of_role: Policy
    trust: Policy
    """Of that role."""


def freeze(asked: Asked) -> Question:
    """Return a question in a form that sets hold."""
    return asked.action, asked.resource, tuple(sorted(asked.context.items()))


def denied(policy: Policy, questions: set[Question]) -> set[Question]:
    """Return the questions to which a policy says no."""
    return {each for each in questions if not allowed(policy, each[0], each[1], dict(each[2]))}


def register(aws: EmbeddedAws | Place, family: str, account: str = "123456789012", **members: Any) -> None:
    """Register a template with both its roles."""
    role = f"arn:aws:iam::{account}:role/{family}"
    register_template(aws, family, taskRoleArn=f"{role}-task", executionRoleArn=f"{role}-execution", **members)


def build(aws: EmbeddedAws) -> dict[str, Any]:
    """Return a configuration with all that asks for rights.

    Queues in each form, one of them with a dead-letter queue, two clusters, copies, tags, a volume, Spot, a bus, and
    another account and region.
    """
    one, two = create_cluster(aws, "one"), create_cluster(aws, "two")
    for family in ("both", "spot"):
        register(aws, family)
    register(aws, "alone", volumes=[{"name": "scratch", "configuredAtLaunch": True}])
    queues = [create_queue(aws, name) for name in ("by-name", "by-arn", "by-url")]
    redrive = json.dumps({"deadLetterTargetArn": create_queue(aws, DEAD).arn, "maxReceiveCount": "3"})
    aws.client("sqs").set_queue_attributes(QueueUrl=queues[2].url, Attributes={"RedrivePolicy": redrive})
    for queue in queues:
        send_messages(aws, queue.url, 4)
    there = open_elsewhere(aws).place
    create_cluster(there, "far")
    register(there, "far", OTHER_ACCOUNT)
    send_messages(there, create_queue(there, "far").url, 4)
    lost = json.dumps({"deadLetterTargetArn": create_queue(aws, f"tenant-{DEAD}").arn, "maxReceiveCount": "3"})
    create_queue(aws, "tenant-a", RedrivePolicy=lost)
    aws.client("sqs").tag_queue(QueueUrl=create_queue(aws, "by-tags").url, Tags={"team": "video", "stage": "prod"})
    # Three containers, two of them in one task: both the copies and the template itself are run.
    dense = {"max_containers": 3, "task_packing": "dense", "task_max_containers_per_task": 2}
    document = configuration(
        aws,
        scaler("name", "both", cluster=one, queue=queues[0].name, **dense),
        scaler(
            "arn",
            "alone",
            cluster=two,
            queue=queues[1].arn,
            task_max_containers_per_task=1,
            task_run_task={
                "propagateTags": "TASK_DEFINITION",
                "volumeConfigurations": [{"name": "scratch", "managedEBSVolume": {"roleArn": VOLUMES, "sizeInGiB": 1}}],
            },
        ),
        scaler(
            "url",
            "spot",
            cluster=one,
            queue=queues[2].url,
            task_capacity_providers=[{"provider": "FARGATE_SPOT", "weight": 1}],
            task_tags={"service": "spot"},
            **dense,
        ),
        scaler(
            "far",
            "far",
            cluster="far",
            aws={"region": OTHER_REGION, "role_arn": ROLE, "external_id": EXTERNAL_ID},
            **dense,
        ),
        scaler("found", "both", cluster=one, queues={"prefix": "tenant-", "each": True}, **dense),
        scaler("tagged", "both", cluster=one, queues={"tags": {"team": "video", "stage": "prod"}}, **dense),
        budget={"max_containers": 1000},
        events=[{"eventbridge": BUS}],
    )
    document["aws"]["message_age"] = True
    return document


def run_daemon(aws: EmbeddedAws, directory: Path) -> None:
    """Run the daemon on a parameter whose newest value is bad, until every definition runs and is seen to."""
    variables = CREDENTIALS | {"AWS_ENDPOINT_URL": aws.url, "AWS_DEFAULT_REGION": aws.region}

    def has_seen_all() -> bool:
        launched = {
            str(call.parameters["taskDefinition"]).rpartition("/")[2] for call in aws.journal.calls("ecs", "RunTask")
        }
        described = {call.parameters["cluster"] for call in aws.journal.calls("ecs", "DescribeTasks")}
        urls = {str(call.parameters.get("QueueUrl")) for call in aws.journal.calls("sqs", "GetQueueAttributes")}
        names = {str(call.parameters["QueueName"]) for call in aws.journal.calls("sqs", "GetQueueUrl")}
        has_read_dead = all(any(url.endswith(f"/{name}") for url in urls) for name in (DEAD, "tenant-a", "by-tags"))
        # The search for queues reads it as well, by its URL; as a dead-letter queue it is looked up by its name.
        has_read_dead = has_read_dead and f"tenant-{DEAD}" in names
        # That the newest configuration is bad is told to the bus.
        has_told = bool(aws.journal.calls("events", "PutEvents"))
        return launched >= LAUNCHED and described == {"one", "two", "far"} and has_read_dead and has_told

    with running(directory, BAD, "--config", f"ssm:{PARAMETER}", variables=variables) as daemon:
        eventually(has_seen_all, within=SOON)
        assert daemon.events(BAD_NEWEST, version="1")


def read_object(aws: EmbeddedAws) -> set[Question]:
    """Read an object whose newest version is bad, and return what that asked of IAM."""
    aws.journal.clear()
    kept = open_kept(StoredObject(BUCKET, KEY), machine_clock(Event()))
    assert KeptConfiguration(kept, time).earlier is not None
    return {freeze(each) for call in aws.journal.calls(client=f"ecsq-{READER}") for each in aws.list_asked(call)}


def ask_cloudwatch(aws: EmbeddedAws) -> set[Question]:
    """Ask for metrics as the daemon does within its first minute, and return what that asked of IAM."""
    aws.journal.clear()
    QueueMetrics(clients_of(aws)).ask_oldest(["by-name"], time() - 300, time())
    return {freeze(each) for call in aws.journal.calls("monitoring") for each in aws.list_asked(call)}


def look_for_peers(aws: EmbeddedAws) -> set[Question]:
    """Look for the other controllers in the cluster of their service, and return what that asked of IAM."""
    cluster = create_cluster(aws, SHARED_IN)
    tasks = [aws.services.start("ecsq", cluster=cluster, definition="both") for _ in range(2)]
    aws.journal.clear()
    assert 2 == PeerLook(clients_of(aws), tasks[0].containers[0].metadata_uri).look().of
    return {freeze(each) for call in aws.journal.calls("ecs") for each in aws.list_asked(call)}


def print_policy(path: Path, at: str, *more: str) -> Policy:
    """Return what the command prints, which looks the roles up."""
    printed = CliRunner().invoke(iam, ["--config", str(path), "--at", at, *more])
    note = f"note: {ROLE} needs policies of its own: add --assumed {ROLE}\n"
    assert (0, note) == (printed.exit_code, printed.stderr)
    return join(json.loads(printed.stdout))


def print_role(path: Path) -> tuple[Policy, Policy]:
    """Return the policy of the role in the other account, and its trust policy; it asks AWS nothing."""
    named = [f"arn:aws:iam::{OTHER_ACCOUNT}:role/far-{kind}" for kind in ("task", "execution")]
    roles = [option for role in named for option in ("--role", role)]
    printed = CliRunner().invoke(iam, ["--config", str(path), "--assumed", ROLE, "--task-role", TASK_ROLE, *roles])
    assert (0, "") == (printed.exit_code, printed.stderr)
    told = json.loads(printed.stdout)
    assert ROLE == told["role"]
    return join(told["policies"]), told["trust"]


@pytest.fixture(scope="module")
def proof(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    """Run everything once."""
    aws, directory = embedded_aws, tmp_path_factory.mktemp("proof")
    aws.reset()
    document = build(aws)
    text, path = yaml.safe_dump(document, sort_keys=False), directory / "printed.yaml"
    path.write_text(text)
    ssm, s3 = aws.client("ssm"), aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for content in (text, BAD):
        ssm.put_parameter(Name=PARAMETER, Value=content, Type="SecureString", Overwrite=True)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=content, ServerSideEncryption="aws:kms")
    aws.journal.clear()
    run_daemon(aws, directory)
    calls = [call for client in (CLIENT, f"ecsq-{READER}") for call in aws.journal.calls(client=client)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", aws.url)
        patched.setenv("AWS_DEFAULT_REGION", aws.region)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "embedded")
        policy_of_role, trust = print_role(path)
        of_role = [call for call in calls if call.account == OTHER_ACCOUNT]
        metrics = ask_cloudwatch(aws)
        yield Proof(
            asked=metrics | {freeze(each) for call in calls if call not in of_role for each in aws.list_asked(call)},
            policy=print_policy(path, f"ssm:{PARAMETER}"),
            asked_of_object=read_object(aws),
            policy_for_object=print_policy(path, f"s3://{BUCKET}/{KEY}"),
            asked_of_peers=look_for_peers(aws),
            policy_for_peers=print_policy(path, f"ssm:{PARAMETER}", "--shared-in", SHARED_IN),
            asked_of_role=metrics | {freeze(each) for call in of_role for each in aws.list_asked(call)},
            policy_of_role=policy_of_role,
            trust=trust,
        )
    aws.reset()


def test_everything_that_the_daemon_asks_is_allowed(proof: Proof) -> None:
    """Each call of a run, with the resources and condition keys that AWS evaluates for it, passes."""
    assert (set(), set()) == (denied(proof.policy, proof.asked), denied(proof.policy_for_object, proof.asked_of_object))
    assert set() == denied(proof.policy_for_peers, proof.asked | proof.asked_of_peers)
    assert proof.asked_of_peers == denied(proof.policy, proof.asked_of_peers)


def test_each_action_and_each_resource_is_needed(proof: Proof) -> None:
    """With any one of them taken away something that the daemon asked is denied."""
    useless = [what for what, less in narrowed(proof.policy) if not denied(less, proof.asked)]
    asked = proof.asked | proof.asked_of_object
    useless += [what for what, less in narrowed(proof.policy_for_object) if not denied(less, asked)]
    asked = proof.asked | proof.asked_of_peers
    useless += [what for what, less in narrowed(proof.policy_for_peers) if not denied(less, asked)]
    assert [] == useless


def test_nothing_is_allowed_that_was_not_asked(proof: Proof) -> None:
    """Every action on every resource of a statement is one that the run made use of."""
    asked = proof.asked | proof.asked_of_object | proof.asked_of_peers
    for policy in (proof.policy, proof.policy_for_object, proof.policy_for_peers):
        assert [] == [what for what, alone in pairs(policy) if denied(alone, asked) == asked]


def test_the_role_in_another_account_is_allowed_what_it_is_asked_for_and_no_more(proof: Proof) -> None:
    """Both ways, as for the controller's own."""
    assert set() == denied(proof.policy_of_role, proof.asked_of_role)
    assert [] == [what for what, less in narrowed(proof.policy_of_role) if not denied(less, proof.asked_of_role)]
    alone = [
        what for what, alone in pairs(proof.policy_of_role) if denied(alone, proof.asked_of_role) == proof.asked_of_role
    ]
    assert [] == alone


def test_it_trusts_the_controller_that_says_the_external_id(proof: Proof) -> None:
    """And nobody else; the controller may assume this role and no other."""
    (statement,) = proof.trust["Statement"]
    assert {"AWS": TASK_ROLE} == statement["Principal"]
    assert {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}} == statement["Condition"]
    assert allowed(proof.policy, "sts:AssumeRole", ROLE, {})
    assert not allowed(proof.policy, "sts:AssumeRole", f"{ROLE}-2", {})
    assert not allowed(
        proof.policy, "ecs:RunTask", f"arn:aws:ecs:{OTHER_REGION}:{OTHER_ACCOUNT}:task-definition/far:1", {}
    )


def test_only_what_iam_cannot_confine_is_open(proof: Proof) -> None:
    """Five actions have neither a resource type nor a condition key, and wildcards stand where names are made later.

    Those are queues that are found by their names or their tags, revisions of a family and the digit of a number of
    copies, a cluster's tasks, and the key that encrypts the configuration, which its condition binds to the
    configuration itself.
    """
    opened = [
        "sqs:ListQueues",
        "tag:GetResources",
        "cloudwatch:GetMetricData",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
    ]
    assert opened == list(unconfined(proof.policy))
    account = "us-east-1:123456789012"
    wildcards = {
        resource
        for statement in proof.policy["Statement"]
        for resource in statement["Resource"]
        if set(resource) & set("*?")
    }
    assert {
        "*",
        f"arn:aws:sqs:{account}:tenant-*",
        f"arn:aws:sqs:{account}:*",
        f"arn:aws:ecs:{account}:task/one/*",
        f"arn:aws:ecs:{account}:task/two/*",
        *(
            f"arn:aws:ecs:{account}:task-definition/{name}:*"
            for name in ("alone", "both", "both-x?", "spot", "spot-x?")
        ),
        f"arn:aws:kms:{account}:key/*",
    } == wildcards


NEARLY = {
    "count another queue": ("sqs:GetQueueAttributes", "arn:aws:sqs:us-east-1:123456789012:payments", {}),
    "count a queue with other tags": (
        "sqs:GetQueueAttributes",
        "arn:aws:sqs:us-east-1:123456789012:payments",
        {"aws:ResourceTag/team": "video", "aws:ResourceTag/stage": "test"},
    ),
    "look a queue up by a name that only contains the prefix": (
        "sqs:GetQueueUrl",
        "arn:aws:sqs:us-east-1:123456789012:my-tenant-a",
        {},
    ),
    "tell another bus": ("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default", {}),
    "take a message": ("sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:123456789012:by-name", {}),
    "run a family in another's cluster": (
        "ecs:RunTask",
        "arn:aws:ecs:us-east-1:123456789012:task-definition/alone:1",
        {"ecs:cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/one"},
    ),
    "run a family that only begins alike": (
        "ecs:RunTask",
        "arn:aws:ecs:us-east-1:123456789012:task-definition/both-xylophone:1",
        {"ecs:cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/one"},
    ),
    "replace a template": (
        "ecs:RegisterTaskDefinition",
        "arn:aws:ecs:us-east-1:123456789012:task-definition/both:*",
        {},
    ),
    "register copies where none are made": (
        "ecs:RegisterTaskDefinition",
        "arn:aws:ecs:us-east-1:123456789012:task-definition/alone-x2:*",
        {},
    ),
    "tag a running task": ("ecs:TagResource", "arn:aws:ecs:us-east-1:123456789012:task/one/a", {}),
    "stop a task": (
        "ecs:StopTask",
        "arn:aws:ecs:us-east-1:123456789012:task/one/a",
        {"ecs:cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/one"},
    ),
    "pass a role to a machine": (
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/both-task",
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    "pass the role of volumes to a task": (
        "iam:PassRole",
        VOLUMES,
        {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
    ),
    "write the configuration": ("ssm:PutParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/ecsq/config", {}),
    "read another parameter": ("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/ecsq/config2", {}),
    "decrypt another parameter": (
        "kms:Decrypt",
        "arn:aws:kms:us-east-1:123456789012:key/of-the-owner",
        {
            "kms:ViaService": "ssm.us-east-1.amazonaws.com",
            "kms:EncryptionContext:PARAMETER_ARN": "arn:aws:ssm:us-east-1:123456789012:parameter/other",
        },
    ),
}


@pytest.mark.parametrize(("action", "resource", "context"), NEARLY.values(), ids=NEARLY)
def test_what_is_nearly_the_same_is_denied(proof: Proof, action: str, resource: str, context: dict[str, str]) -> None:
    """What somebody who took the controller over would like to do beside its work is out of reach."""
    assert not allowed(proof.policy, action, resource, context)
