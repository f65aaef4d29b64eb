"""``ecsq stack`` and ``ecsq iam``: what is printed, what is refused, and what is looked up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.aws import create_cluster, register_template, unique
from tests.support.daemon import configuration, scaler

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

PLACE = ["--offline", "--account", "111122223333", "--region", "us-east-1"]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with the configuration that a test writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECSQ_CONFIG", raising=False)
    return tmp_path


def write(directory: Path, scalers: int = 1, *, families: int = 1, **members: Any) -> None:
    """Write a configuration of so many scalers, which share so many task definitions."""
    written = [
        {
            "name": f"s{number}",
            "queue": f"queue-{number}",
            "demand": {"messages_per_container": 1},
            "task": {"definition": f"worker-{number % families}", "subnets": ["subnet-0a1b2c3d"]},
        }
        for number in range(scalers)
    ]
    (directory / "config.yaml").write_text(yaml.safe_dump({**members, "scalers": written}, sort_keys=False))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refusal(*arguments: str) -> str:
    """Return the one line with which a command ends with 1."""
    result = run(*arguments)
    assert (1, "") == (result.exit_code, result.stdout)
    return result.stderr.removeprefix("Error: ").strip()


def test_the_service_finds_the_configuration_under_its_name(directory: Path) -> None:
    """Without --at it is a parameter that is called after the controller, and name and window are held fast."""
    write(directory, name="orders")
    text = run("stack", "--offline").stdout
    assert "- Name: ECSQ_CONFIG\n              Value: ssm:/orders/config\n" in text
    assert "- Name: ECSQ_NAME\n              Value: orders\n" in text
    assert "- Name: ECSQ_CONSISTENCY_WINDOW\n              Value: 5s\n" in text


def test_the_configuration_is_read_in_the_region_of_the_stack(directory: Path) -> None:
    """Where it is has to be known before it says in which region the queues are."""
    write(directory, aws={"region": "eu-west-3"})
    text = run("stack", "--offline").stdout
    assert "'arn:${AWS::Partition}:sqs:eu-west-3:${AWS::AccountId}:queue-0'" in text
    assert "'arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/ecsq/config'" in text
    assert "kms:ViaService: !Sub 'ssm.${AWS::Region}.amazonaws.com'" in text


def test_the_template_never_holds_the_configuration(directory: Path) -> None:
    """A later deployment would undo what was edited since."""
    write(directory)
    before = run("stack", "--offline").stdout
    text = (directory / "config.yaml").read_text()
    (directory / "config.yaml").write_text(text.replace("- name: s0", "- name: s0\n  paused: true"))
    assert before == run("stack", "--offline").stdout


@pytest.mark.parametrize(("scalers", "tier"), [(1, "Standard"), (30, "Advanced")])
def test_the_commands_that_use_it_stand_above_it(directory: Path, scalers: int, tier: str) -> None:
    """They name the file, the tier that its size needs, and the parameters without a default."""
    write(directory, scalers)
    head = [line for line in run("stack", "--offline").stdout.splitlines() if line.startswith("#")]
    put = f"--name /ecsq/config --type String --tier {tier} --overwrite --value file://config.yaml"
    assert f"#   aws ssm put-parameter {put}" in head
    assert any(line.endswith("Subnets=subnet-...,subnet-... WorkerRoles=ARN,...") for line in head)


@pytest.mark.parametrize(
    ("at", "command"),
    [
        ("s3://bucket/a b.yaml", "aws s3 cp config.yaml 's3://bucket/a b.yaml'"),
        (
            "s3://bucket/k?versionId=7",
            "aws s3 cp config.yaml s3://bucket/k   # makes another version: print the stack for that one",
        ),
    ],
    ids=["object", "version"],
)
def test_an_object_is_put_there_and_a_version_cannot_be(directory: Path, at: str, command: str) -> None:
    """What stands above the template can be typed as it is."""
    write(directory)
    assert f"#   {command}" in run("stack", "--offline", "--at", at).stdout.splitlines()


def test_the_secrets_of_webhooks_stand_in_the_command(directory: Path) -> None:
    """There is one parameter without a default for each variable, whatever number of events is sent there."""
    slack = {"webhook_env": "SLACK_URL", "format": "slack"}
    write(directory, events=[slack, {"webhook_env": "HOOK"}, {"webhook_env": "SLACK_URL"}])
    text = run("stack", "--offline").stdout
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert 1 == head.index("#       WebhookSlackUrl=ARN WebhookHook=ARN") - head.index(
        "#     --parameter-overrides Image=REGISTRY/REPOSITORY:TAG Vpc=vpc-... Subnets=subnet-...,subnet-... "
        "WorkerRoles=ARN,... \\"
    )
    assert "            - Name: SLACK_URL\n              ValueFrom: !Ref 'WebhookSlackUrl'\n" in text


def test_a_configuration_that_no_parameter_holds_belongs_in_s3(directory: Path) -> None:
    """Above 8,192 bytes a parameter is refused, and a bucket is not."""
    write(directory, 60)
    size = (directory / "config.yaml").stat().st_size
    told = (
        f"config.yaml has {size:,} bytes, and a parameter holds 8,192 at most: keep it in S3, with --at s3://BUCKET/KEY"
    )
    assert told == refusal("stack", "--offline")
    result = run("stack", "--offline", "--at", "s3://bucket/config.yaml")
    assert (0, True) == (result.exit_code, "#   aws s3 cp config.yaml s3://bucket/config.yaml\n" in result.stdout)


def test_what_a_parameter_may_not_hold_is_told_with_its_place(directory: Path) -> None:
    """Parameter Store refuses two braces; check warns of them, and stack does not go on."""
    write(directory)
    with (directory / "config.yaml").open("a") as file:
        file.write("# {{ x }}\n")
    line = len((directory / "config.yaml").read_text().splitlines())
    place = f"config.yaml:{line}:3: "
    refused = "Parameter Store refuses a value with {{ in it: write it another way, or keep the configuration in S3"
    assert f"{place}{refused}" == refusal("stack", "--offline")
    assert f"{place}warning: {refused}\n" == run("check").stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--at", "here.yaml"], "--at names a file, here.yaml, which a service cannot reach"),
        (["--at", "s3://bucket"], "'s3://bucket' names no object: write it as s3://BUCKET/KEY"),
    ],
    ids=["a file", "no object"],
)
def test_where_it_is_must_be_in_aws(directory: Path, arguments: list[str], complaint: str) -> None:
    """A place that a task cannot reach is wrong usage."""
    write(directory)
    result = run("stack", "--offline", *arguments)
    assert (2, True) == (result.exit_code, complaint in " ".join(result.stderr.split()))


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        (
            {"server": {"port": 0}},
            "config.yaml: server.port is 0, which means any free port: a service needs one that is known",
        ),
        (
            {"server": {"host": "::1"}},
            "config.yaml: server.host is ::1, where the task's health check, which asks 127.0.0.1, gets no answer: "
            "set it to 0.0.0.0 or ::",
        ),
        (
            {"events": [{"webhook_env": "ECSQ_CONFIG"}]},
            "config.yaml: events: webhook_env is ECSQ_CONFIG, which the template sets to something else: name another "
            "variable",
        ),
        (
            {"events": [{"webhook_env": "U" * 300}]},
            "config.yaml: events: webhook_env names a variable of 300 characters, which makes too long a name in a "
            f"template: give it a shorter one, in capital letters ({'U' * 300})",
        ),
    ],
    ids=["any port", "a host of its own", "a variable of the template's own", "a long variable"],
)
def test_what_no_service_can_be_is_refused(directory: Path, members: dict[str, Any], complaint: str) -> None:
    """What nobody knows, or reaches, can be neither scraped nor asked for health; a variable has one value."""
    write(directory, **members)
    assert complaint == refusal("stack", "--offline")


def test_a_template_for_a_bucket_is_said_to_need_one(directory: Path) -> None:
    """Above 51,200 bytes CloudFormation takes it only from a bucket: it is printed, with how."""
    write(directory, 500)
    result = run("stack", "--offline", "--at", "s3://bucket/config.yaml")
    assert 0 == result.exit_code
    assert 51_200 < len(result.stdout.encode()) < 1 << 20
    assert "Above 51,200 it goes through a bucket of yours: add --s3-bucket BUCKET" in result.stderr


def test_rights_that_no_role_holds_are_counted(directory: Path) -> None:
    """Of 500 queues with a task definition each the rights exceed a role's policies, and nothing is widened."""
    write(directory, 500, families=500)
    said = refusal("iam", *PLACE, "--at", "s3://bucket/config.yaml")
    assert "the controller's rights take 2" in said
    assert "and a role has 10: let scalers share task definitions" in said


def test_one_policy_is_a_document_and_several_are_a_list(directory: Path) -> None:
    """Whoever has few queues gets what IAM's own commands take."""
    write(directory)
    one = json.loads(run("iam", *PLACE).stdout)
    write(directory, 200)
    several = json.loads(run("iam", *PLACE, "--at", "s3://bucket/config.yaml").stdout)
    assert {"Version", "Statement"} == set(one)
    assert {("Statement", "Version")} == {tuple(sorted(policy)) for policy in several}


def test_an_account_is_named_offline_and_only_there(directory: Path) -> None:
    """Offline nobody can look it up, and online it is looked up."""
    write(directory)
    missing, needless = run("iam", "--offline"), run("iam", "--account", "111122223333")
    assert ([2, 2], True, True) == (
        [missing.exit_code, needless.exit_code],
        "--offline needs --account" in missing.stderr,
        "need --offline" in needless.stderr,
    )


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--account", "1111222233", "must be the id of an AWS account: 12 digits"),
        ("--region", "frankfurt", "must be an AWS region, such as eu-west-1"),
        ("--role", "arn:aws:iam::111122223333:role/worker-*", "must be the ARN of an IAM role"),
        ("--dead-letter-queue", "arn:aws:sqs:*:*:*", "must be the name, the URL or the ARN of an SQS queue"),
        ("--shared-in", "*", "must be the name or the ARN of an ECS cluster"),
        ("--task-role", "ecsq", "must be the ARN of an IAM role"),
    ],
)
def test_what_has_another_form_comes_into_no_policy(directory: Path, option: str, value: str, complaint: str) -> None:
    """It would allow nothing, or far more than was meant."""
    write(directory)
    result = run("iam", *PLACE, option, value)
    assert (2, "") == (result.exit_code, result.stdout)
    assert f"{value!r} {complaint}" in " ".join(result.stderr.split())


def test_roles_and_account_are_looked_up(aws: EmbeddedAws, directory: Path) -> None:
    """The roles of the templates are passed on and no others, each by its ARN, and no parameter asks for them."""
    cluster, family = create_cluster(aws), unique("family")
    register_template(aws, family, taskRoleArn="arn:aws:iam::123456789012:role/path/worker", executionRoleArn="pulls")
    document = configuration(aws, scaler("orders", family, cluster=cluster), server={"port": 8080})
    (directory / "config.yaml").write_text(yaml.safe_dump(document))
    (passing,) = [each for each in json.loads(run("iam").stdout)["Statement"] if each["Sid"] == "PassWorkerRoles"]
    assert ["arn:aws:iam::123456789012:role/path/worker", "arn:aws:iam::123456789012:role/pulls"] == passing["Resource"]
    text = run("stack").stdout
    assert ("!Ref 'WorkerRoles'" in text, "arn:aws:iam::123456789012:role/path/worker" in text) == (False, True)


def test_rights_for_buses_and_dead_letter_queues(directory: Path) -> None:
    """A bus that the configuration names is one to tell; a dead-letter queue is read as the queues are."""
    write(directory, events=[{"eventbridge": "changes"}, {"webhook_env": "HOOK"}])
    dead = "arn:aws:sqs:us-east-1:111122223333:given-up"
    policy = json.loads(run("iam", *PLACE, "--dead-letter-queue", dead).stdout)
    named = {each["Sid"]: each["Resource"] for each in policy["Statement"]}
    assert ["arn:aws:sqs:us-east-1:111122223333:queue-0", dead] == named["ReadQueues"]
    assert ["arn:aws:events:us-east-1:111122223333:event-bus/changes"] == named["PutEvents"]


def test_a_queue_that_cannot_be_read_costs_no_more_than_its_dead_letters(aws: EmbeddedAws, directory: Path) -> None:
    """The policy is printed without a dead-letter queue of its, and that is said."""
    family = unique("family")
    register_template(aws, family)
    document = configuration(aws, scaler("absent", family, cluster=create_cluster(aws)), server={"port": 8080})
    (directory / "config.yaml").write_text(yaml.safe_dump(document))
    for command in ("iam", "stack"):
        result = run(command)
        assert (0, True) == (result.exit_code, "absent" in result.stdout)
        assert result.stderr.startswith(
            'warning: the policy leaves out a dead-letter queue, if there is one: queue "absent" does not exist'
        )


def test_a_template_that_cannot_be_looked_up_is_named(aws: EmbeddedAws, directory: Path) -> None:
    """The error says which, and that it can be done without."""
    document = configuration(aws, scaler("orders", "absent", cluster="c"), server={"port": 8080})
    (directory / "config.yaml").write_text(yaml.safe_dump(document))
    said = refusal("stack")
    assert said.startswith(
        'the roles of the task definitions could not be looked up: task definition "absent" does not'
    )
    assert said.endswith("with --offline you name them yourself")
