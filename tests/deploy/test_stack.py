"""The printed template: what is in deploy/ is the command's own, the linter takes it, and it can be created."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner
from moto import mock_aws

from controller.cli.stack import command as stack
from controller.config import load_content
from controller.config.stack import WorkerRoles, build_template
from controller.config.stack.document import choose
from controller.core.address import StoredObject
from tests.config.files import LEAST
from tests.deploy.documents import DEPLOY, ROOT
from tests.deploy.policy import allowed
from tests.deploy.stacks import PARAMETER, REGION, ROLES, create, plan_stack, print_stack
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import CREDENTIALS, SOON, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
OBJECT = StoredObject("configurations", "ecsq/config.yaml")
WITHOUT_ALARMS = f"{LEAST}log: {{level: warning}}\n"
WITH_SECRETS = f"{LEAST}events: [{{webhook_env: SLACK_URL, format: slack}}, {{webhook_env: hook}}]\n"


def test_the_template_in_deploy_is_what_is_printed_for_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at it sees what the command does today."""
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(stack, ["--offline", "--config", "config.yaml"])
    assert (DEPLOY / "stack.yaml").read_text() == printed.stdout


TEMPLATES = {
    "example": (DEPLOY / "stack.yaml").read_text(),
    "roles-looked-up": print_stack(LEAST),
    "in-a-bucket": print_stack(LEAST, OBJECT),
    "without-alarms": print_stack(WITHOUT_ALARMS),
    "with-secrets": print_stack(WITH_SECRETS),
}


def test_the_linter_finds_nothing(tmp_path: Path) -> None:
    """cfn-lint knows the schema of every resource, and takes each kind of template that is printed."""
    for name, text in TEMPLATES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    done = subprocess.run([CFN_LINT, *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_alarms_are_left_out_where_the_log_does_not_hold_what_they_stand_on() -> None:
    """A log without the line that they count would let one of them go off for ever."""
    assert [True, False] == ["AlarmTopic" in print_stack(text) for text in (LEAST, WITHOUT_ALARMS)]
    assert [True, False] == ["--alive" in print_stack(text) for text in (LEAST, WITHOUT_ALARMS)]


@pytest.fixture
def moto() -> Iterator[None]:
    """Let boto3 reach moto, in this process, and nothing else."""
    with mock_aws():
        yield


def test_the_stack_can_be_created_and_read_back(moto: None) -> None:
    """Roles, parameters of the image and of the configuration arrive where they belong, in this account and region."""
    created = create(print_stack(LEAST))
    (container,) = created.definition["containerDefinitions"]
    environment = {pair["name"]: pair["value"] for pair in container["environment"]}
    assert {
        "AWS_DEFAULT_REGION": REGION,
        "ECSQ_CONFIG": "ssm:/ecsq/config",
        "ECSQ_NAME": "ecsq",
        "ECSQ_CONSISTENCY_WINDOW": "5s",
        "ECSQ_SHARD": "",
    } == environment
    assert container["image"].endswith("/ecs-queue-controller:1")
    assert 1 == created.service["desiredCount"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:content-ingest"
    assert allowed(created.policy, "sqs:GetQueueUrl", arn, {})
    assert allowed(created.policy, "iam:PassRole", ROLES.arns[0], {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    (trusted,) = created.trust["Statement"]
    assert {"Service": "ecs-tasks.amazonaws.com"} == trusted["Principal"]
    assert {"StringEquals": {"aws:SourceAccount": "123456789012"}}.items() <= trusted["Condition"].items()


@pytest.mark.parametrize(("number", "shared"), [("1", ""), ("2", "auto")], ids=["one", "two"])
def test_several_controllers_share_the_scalers(moto: None, number: str, shared: str) -> None:
    """They are told to, and may look for each other where they run; one that is alone is neither."""
    created = create(print_stack(LEAST), Controllers=number)
    (container,) = created.definition["containerDefinitions"]
    assert shared == {pair["name"]: pair["value"] for pair in container["environment"]}["ECSQ_SHARD"]
    assert int(number) == created.service["desiredCount"]
    ecs = f"arn:aws:ecs:{REGION}:123456789012"
    own = {"ecs:cluster": f"{ecs}:cluster/main"}
    looks = {"ecs:ListTasks": "*", "ecs:DescribeTasks": f"{ecs}:task/main/0123"}
    granted = {allowed(created.policy, action, resource, own) for action, resource in looks.items()}
    assert {bool(shared)} == granted


def test_several_controllers_are_replaced_in_turn() -> None:
    """One alone is stopped before the next one starts. moto keeps nothing of it, so this is the template's word."""
    template = build_template(plan_stack(load_content(LEAST.encode(), Path("c.yaml")).spec, PARAMETER, ROLES))
    deployment = template["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]
    assert (choose("HasSeveral", 50, 0), choose("HasSeveral", 150, 100)) == (
        deployment["MinimumHealthyPercent"],
        deployment["MaximumPercent"],
    )


def test_what_is_optional_stands_under_its_parameter() -> None:
    """Alarms, a name in Cloud Map and a look for peers take a topic, a namespace and a number above one."""
    template = build_template(plan_stack(load_content(LEAST.encode(), Path("c.yaml")).spec, PARAMETER, ROLES))
    optional = {name: each["Condition"] for name, each in template["Resources"].items() if "Condition" in each}
    alarms = dict.fromkeys(["AliveFilter", "StuckFilter", "NoController", "NotReconciling"], "HasAlarms")
    assert {**alarms, "CloudMapService": "HasCloudMap", "PeersPolicy": "HasSeveral"} == optional


def test_the_daemon_runs_on_what_was_created(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Command and environment of the task definition start a controller that launches, and the role allows it all."""
    document = configuration(aws, scaler("orders", "worker", cluster="main"), server={"port": 8080})
    with mock_aws():
        created = create(print_stack(yaml.safe_dump(document), roles=WorkerRoles()))
    # Only now: moto's queues are those of the process, and go with its mock.
    create_cluster(aws, "main")
    register_template(aws, "worker")
    own_port = yaml.safe_dump(document | {"server": {"host": "127.0.0.1", "port": 0}})
    aws.client("ssm").put_parameter(Name=PARAMETER.name, Value=own_port, Type="String")
    send_messages(aws, create_queue(aws, "orders").url, 1)
    aws.journal.clear()
    (container,) = created.definition["containerDefinitions"]
    variables = {pair["name"]: pair["value"] for pair in container["environment"]}
    given = ["--config", variables.pop("ECSQ_CONFIG"), *container["command"][1:]]
    with running(tmp_path, "not read", *given, variables={**CREDENTIALS, **variables, "AWS_ENDPOINT_URL": aws.url}):
        eventually(lambda: aws.journal.count("ecs", "RunTask"), within=SOON)
    asked = [each for call in aws.journal.calls() for each in aws.list_asked(call)]
    assert [] == [each for each in asked if not allowed(created.policy, each.action, each.resource, each.context)]
