import ast
import json
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import xform_name
from click.testing import CliRunner

from controller.cli.iam import command as iam
from tests.deploy.documents import DEPLOY, ROOT, read_json
from tests.deploy.policy import actions, allowed, unconfined

ACCOUNT = "us-east-1:111122223333"
IDENTITY_POLICIES = sorted(path.name for path in (DEPLOY / "iam").glob("*-role.json"))


def role(name: str) -> str:
    return f"arn:aws:iam::111122223333:role/{name}"


def test_the_policy_is_what_is_printed_for_the_example() -> None:
    """deploy/iam/task-role.json is the command's output for config.yaml, in the account of the other files."""
    roles = [f"{name}-{kind}" for name in ("content-worker", "thumbnail-worker") for kind in ("task", "execution")]
    named = [option for name in roles for option in ("--role", role(name))]
    place = ["--offline", "--account", "111122223333", "--region", "us-east-1"]
    printed = CliRunner().invoke(iam, ["--config", str(ROOT / "config.yaml"), *place, *named])
    assert read_json("iam/task-role.json") == json.loads(printed.stdout)


def operations_called() -> Iterator[str]:
    """IAM actions of the API operations that the AWS layer names, as methods or as names of paginators."""
    session = botocore.session.get_session()
    methods = {
        xform_name(operation): f"{service}:{operation}"
        for service in ("cloudwatch", "sqs", "ecs", "events", "ssm", "s3", "sts")
        for operation in session.get_service_model(service).operation_names
        if operation != "CreateConnection"  # EventBridge's is called like asyncio's
    }
    for source in (ROOT / "controller" / "aws").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            if isinstance(name, str) and name in methods:
                yield methods[name]


def test_rights_are_for_the_operations_that_the_code_calls() -> None:
    """A new call in the AWS layer needs a right; one that goes takes its right with it.

    TagResource, PassRole and Decrypt are no calls: AWS asks for them beside others. S3 has names of its own for two.
    The example has its configuration in a parameter, names no bus and no role of another account, and looks for no
    queues.
    """
    elsewhere = {"s3:GetObject", "s3:ListObjectVersions", "events:PutEvents", "sqs:ListQueues", "sts:AssumeRole"}
    granted = actions(read_json("iam/task-role.json")) | elsewhere
    assert set(operations_called()) == granted - {"ecs:TagResource", "iam:PassRole", "kms:Decrypt"}


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


def test_the_task_definition_names_the_roles_of_the_documents() -> None:
    """The roles' names in the JSON files are one set."""
    definition = read_json("task-definition.json")
    assert (role("ecsq-task"), role("ecsq-execution")) == (definition["taskRoleArn"], definition["executionRoleArn"])


def test_execution_role_writes_where_the_task_logs() -> None:
    """The role may create streams in the log group of the task definition."""
    policy = read_json("iam/execution-role.json")
    (container,) = read_json("task-definition.json")["containerDefinitions"]
    group = container["logConfiguration"]["options"]["awslogs-group"]
    stream = f"arn:aws:logs:{ACCOUNT}:log-group:{group}:log-stream:controller/controller/0123456789abcdef"
    assert all(allowed(policy, action, stream, {}) for action in ("logs:CreateLogStream", "logs:PutLogEvents"))
