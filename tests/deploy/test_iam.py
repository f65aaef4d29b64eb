import ast
from collections.abc import Iterator, Mapping

import botocore.session
import pytest
from botocore import xform_name

from controller.config import load
from tests.deploy.documents import DEPLOY, ROOT, read_json
from tests.deploy.policy import actions, allowed, unconfined

ACCOUNT = "us-east-1:111122223333"
CLUSTER = {"ecs:cluster": f"arn:aws:ecs:{ACCOUNT}:cluster/default"}
OTHER_CLUSTER = {"ecs:cluster": f"arn:aws:ecs:{ACCOUNT}:cluster/billing"}
TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
ON_RUN = {"ecs:CreateAction": "RunTask"}
ON_REGISTER = {"ecs:CreateAction": "RegisterTaskDefinition"}
IDENTITY_POLICIES = sorted(path.name for path in (DEPLOY / "iam").glob("*-role.json"))


def definition(name: str) -> str:
    return f"arn:aws:ecs:{ACCOUNT}:task-definition/{name}"


def task(cluster: str) -> str:
    return f"arn:aws:ecs:{ACCOUNT}:task/{cluster}/0123456789abcdef0123456789abcdef"


def role(name: str) -> str:
    return f"arn:aws:iam::111122223333:role/{name}"


def queue(name: str) -> str:
    return f"arn:aws:sqs:{ACCOUNT}:{name}"


# What the controller does, as IAM sees it: action, resource, the request's context.
NEEDED = {
    "find the queue": ("sqs:GetQueueUrl", queue("content-ingest"), {}),
    "count the queue": ("sqs:GetQueueAttributes", queue("content-ingest"), {}),
    "learn how long messages take": ("cloudwatch:GetMetricData", "*", {}),
    "list the cluster": ("ecs:ListTasks", "*", CLUSTER),
    "describe its tasks": ("ecs:DescribeTasks", task("default"), CLUSTER),
    "list the other controllers": ("ecs:ListTasks", "*", CLUSTER),
    "describe the other controllers": ("ecs:DescribeTasks", task("default"), CLUSTER),
    "read the template": ("ecs:DescribeTaskDefinition", "*", {}),
    "find derived revisions": ("ecs:ListTaskDefinitions", "*", {}),
    "register two copies": ("ecs:RegisterTaskDefinition", definition("content-worker-x2:*"), {}),
    "register nine copies": ("ecs:RegisterTaskDefinition", definition("content-worker-x9:*"), {}),
    "tag what it registers": ("ecs:TagResource", definition("content-worker-x2:*"), ON_REGISTER),
    "run the template": ("ecs:RunTask", definition("content-worker:7"), CLUSTER),
    "run copies": ("ecs:RunTask", definition("content-worker-x9:1"), CLUSTER),
    "tag what it runs": ("ecs:TagResource", task("default"), ON_RUN),
    "pass the workers' task role": ("iam:PassRole", role("content-worker-task"), TO_TASKS),
    "pass the workers' execution role": ("iam:PassRole", role("content-worker-execution"), TO_TASKS),
    "count the second queue": ("sqs:GetQueueAttributes", queue("thumbnails"), {}),
    "register copies of the second family": ("ecs:RegisterTaskDefinition", definition("thumbnail-worker-x9:*"), {}),
    "tag what it registers of it": ("ecs:TagResource", definition("thumbnail-worker-x2:*"), ON_REGISTER),
    "run the second family": ("ecs:RunTask", definition("thumbnail-worker:3"), CLUSTER),
    "run its copies": ("ecs:RunTask", definition("thumbnail-worker-x2:1"), CLUSTER),
    "pass the second family's task role": ("iam:PassRole", role("thumbnail-worker-task"), TO_TASKS),
    "pass the second family's execution role": ("iam:PassRole", role("thumbnail-worker-execution"), TO_TASKS),
}
# What somebody who took the controller over would like to do.
REFUSED = {
    "count another queue": ("sqs:GetQueueAttributes", queue("payments"), {}),
    "take a message": ("sqs:ReceiveMessage", queue("content-ingest"), {}),
    "empty the queue": ("sqs:PurgeQueue", queue("content-ingest"), {}),
    "list another cluster": ("ecs:ListTasks", "*", OTHER_CLUSTER),
    "describe another cluster's tasks": ("ecs:DescribeTasks", task("billing"), OTHER_CLUSTER),
    "run in another cluster": ("ecs:RunTask", definition("content-worker:7"), OTHER_CLUSTER),
    "run another family": ("ecs:RunTask", definition("payments:1"), CLUSTER),
    "run a family that only begins alike": ("ecs:RunTask", definition("content-worker-xylophone:1"), CLUSTER),
    "run itself": ("ecs:RunTask", definition("ecs-queue-controller:1"), CLUSTER),
    "replace the template": ("ecs:RegisterTaskDefinition", definition("content-worker:*"), {}),
    "register another family": ("ecs:RegisterTaskDefinition", definition("payments:*"), {}),
    "tag a running task": ("ecs:TagResource", task("default"), {}),
    "tag a task of another cluster": ("ecs:TagResource", task("billing"), ON_RUN),
    "tag the template": ("ecs:TagResource", definition("content-worker:7"), ON_REGISTER),
    "pass its own role": ("iam:PassRole", role("ecs-queue-controller-task"), TO_TASKS),
    "pass a worker's role to a machine": (
        "iam:PassRole",
        role("content-worker-task"),
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    "stop a task": ("ecs:StopTask", task("default"), CLUSTER),
    "deregister a revision": ("ecs:DeregisterTaskDefinition", definition("content-worker-x2:1"), {}),
}


@pytest.mark.parametrize(("action", "resource", "context"), NEEDED.values(), ids=NEEDED)
def test_task_role_allows_what_the_controller_does(action: str, resource: str, context: Mapping[str, str]) -> None:
    """Every call of a reconcile passes, with the resource and the condition keys that AWS evaluates for it."""
    assert allowed(read_json("iam/task-role.json"), action, resource, context)


@pytest.mark.parametrize(("action", "resource", "context"), REFUSED.values(), ids=REFUSED)
def test_task_role_refuses_everything_beside_it(action: str, resource: str, context: Mapping[str, str]) -> None:
    """Other queues, clusters, families and roles are out of reach, and no running task can be touched."""
    assert not allowed(read_json("iam/task-role.json"), action, resource, context)


def test_task_role_covers_the_example_configuration() -> None:
    """Each queue and each worker's family of config.yaml is one that the policy names."""
    scalers = load(ROOT / "config.yaml").spec.scalers
    policy = read_json("iam/task-role.json")
    refused = [s.name for s in scalers if not allowed(policy, "sqs:GetQueueUrl", queue(s.queue), {})]
    refused += [
        s.name for s in scalers if not allowed(policy, "ecs:RunTask", definition(f"{s.task.definition}:1"), CLUSTER)
    ]
    assert [] == refused


def test_task_role_grants_nothing_that_the_controller_does_not_do() -> None:
    """Each granted action is one that some step of a reconcile needs."""
    assert {action for action, _, _ in NEEDED.values()} == actions(read_json("iam/task-role.json"))


def operations_called() -> Iterator[str]:
    """IAM actions of the API operations that the AWS layer names, as methods or as names of paginators."""
    session = botocore.session.get_session()
    methods = {
        xform_name(operation): f"{service}:{operation}"
        for service in ("cloudwatch", "sqs", "ecs")
        for operation in session.get_service_model(service).operation_names
    }
    for source in (ROOT / "controller" / "aws").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            if isinstance(name, str) and name in methods:
                yield methods[name]


def test_task_role_grants_the_operations_that_the_code_calls() -> None:
    """A new call in the AWS layer needs a line in the policy; one that goes takes its line with it.

    TagResource and PassRole are no calls: AWS asks for them beside RunTask and RegisterTaskDefinition.
    """
    implied = {"ecs:TagResource", "iam:PassRole"}
    assert set(operations_called()) == actions(read_json("iam/task-role.json")) - implied


def test_only_what_iam_cannot_confine_is_unconfined() -> None:
    """These have neither a resource type nor a condition key in the Service Authorization Reference."""
    loose = {action for name in IDENTITY_POLICIES for action in unconfined(read_json(f"iam/{name}"))}
    assert {
        "cloudwatch:GetMetricData",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
        "ecr:GetAuthorizationToken",
        "ec2:DescribeNetworkInterfaces",
    } == loose


@pytest.mark.parametrize("name", sorted(path.name for path in (DEPLOY / "iam").glob("*.json")))
def test_no_policy_names_actions_by_wildcard(name: str) -> None:
    """A wildcard grants whatever AWS adds next year."""
    assert [action for action in actions(read_json(f"iam/{name}")) if "*" in action] == []


def test_only_ecs_of_this_account_may_assume_the_roles() -> None:
    """The service principal alone would let another account's tasks be the way in (the confused deputy)."""
    trust = read_json("iam/trust.json")
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert {"StringEquals": {"aws:SourceAccount": "111122223333"}}.items() <= statement["Condition"].items()


def test_the_controller_can_read_its_file_system_and_only_the_writer_can_write() -> None:
    """The file system itself refuses the controller's role a write, whatever its task definition says."""
    statements = read_json("iam/efs-file-system-policy.json")["Statement"]
    writers = [s["Principal"]["AWS"] for s in statements if "elasticfilesystem:ClientWrite" in s["Action"]]
    mounters = [s["Principal"]["AWS"] for s in statements if "elasticfilesystem:ClientMount" in s["Action"]]
    assert [role("ecs-queue-controller-config-writer")] == writers
    assert [role("ecs-queue-controller-task"), role("ecs-queue-controller-config-writer")] == mounters


def test_task_definitions_name_the_roles_that_have_policies() -> None:
    """The roles' names in the JSON files are one set."""
    controller, writer = read_json("task-definition.json"), read_json("config-writer.json")
    assert (role("ecs-queue-controller-task"), role("ecs-queue-controller-config-writer")) == (
        controller["taskRoleArn"],
        writer["taskRoleArn"],
    )
    assert controller["executionRoleArn"] == writer["executionRoleArn"]


def test_execution_role_writes_where_the_tasks_log() -> None:
    """Both log groups are one, and the role may create streams in it."""
    policy = read_json("iam/execution-role.json")
    groups = {
        container["logConfiguration"]["options"]["awslogs-group"]
        for name in ("task-definition.json", "config-writer.json")
        for container in read_json(name)["containerDefinitions"]
    }
    (group,) = groups
    stream = f"arn:aws:logs:{ACCOUNT}:log-group:{group}:log-stream:controller/controller/0123456789abcdef"
    assert all(allowed(policy, action, stream, {}) for action in ("logs:CreateLogStream", "logs:PutLogEvents"))
