"""The commands with a scaler in another account: plan, check --online, stack, iam and simulate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.accounts import EXTERNAL_ID, OTHER_ACCOUNT, OTHER_REGION, ROLE, Elsewhere, open_elsewhere
from tests.support.aws import create_cluster, create_queue, register_template, send_messages
from tests.support.daemon import configuration, scaler

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

OWN_ACCOUNT = "123456789012"
THERE = {"region": OTHER_REGION, "role_arn": ROLE, "external_id": EXTERNAL_ID}
WHERE = f"queue and cluster in account {OTHER_ACCOUNT}, {OTHER_REGION}"


@pytest.fixture
def elsewhere(aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Give the other account with a queue of three messages, and work in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECSQ_CONFIG", raising=False)
    there = open_elsewhere(aws)
    create_cluster(there.place, "far")
    register_template(there.place, "worker")
    send_messages(there.place, create_queue(there.place, "orders").url, 3)
    return there


def write(directory: Path, aws: EmbeddedAws, *more: dict[str, Any], **section: Any) -> None:
    """Write a configuration with a scaler in the other account, and perhaps more."""
    away = scaler("away", "worker", cluster="far", queue="orders", aws=THERE | section)
    document = configuration(aws, away, *more, server={"port": 8080})
    (directory / "config.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_plan_observes_and_drafts_in_the_other_account(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """And says where that is."""
    write(tmp_path, elsewhere.aws)
    result = run("plan")
    assert 0 == result.exit_code, result.stderr
    assert ["scaler away", f"  where     {WHERE}", "  queue     3 messages of backlog"] == [
        line.partition(" = ")[0] for line in result.stdout.splitlines()[:3]
    ]
    (told,) = json.loads(run("plan", "--json").stdout)
    assert (WHERE, 3) == (told["elsewhere"], told["visible"])


def test_plan_shows_the_template_of_the_other_account(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Of a family that there may be in both."""
    register_template(elsewhere.aws, "worker", cpu="1024", memory="2048")
    write(tmp_path, elsewhere.aws)
    assert '"cpu": "256"' in run("plan", "--definition", "1").stdout


def test_check_online_names_the_role_that_cannot_be_assumed(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """At its scaler's place, with what AWS has said; a scaler of the own account is looked at all the same."""
    create_cluster(elsewhere.aws, "near")
    register_template(elsewhere.aws, "worker")
    create_queue(elsewhere.aws, "home")
    write(tmp_path, elsewhere.aws, scaler("home", "worker", cluster="near"), external_id="osaka-7")
    result = run("check", "--online")
    assert 1 == result.exit_code
    problems = [line for line in result.stderr.splitlines() if ": warning: " not in line]
    assert 1 == len(problems)
    assert f"scalers[0]: role {ROLE} of account {OTHER_ACCOUNT} cannot be assumed" in problems[0]
    assert '"osaka-7" for sts:ExternalId' in problems[0]


def test_simulate_asks_the_other_accounts_cloudwatch(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Where nothing has arrived in that time, it says so."""
    write(tmp_path, elsewhere.aws)
    result = run("simulate", "--cloudwatch", "1h", "--alone")
    assert "no message arrives in that time" in result.stderr
    (asked,) = elsewhere.aws.journal.calls("monitoring")
    assert (OTHER_ACCOUNT, OTHER_REGION) == (asked.account, asked.region)


def test_the_stack_may_assume_exactly_the_roles_that_are_named(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """It has no other right for what is there, and those of a queue's own role are that role's as well."""
    queue_role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/queues"
    write(tmp_path, elsewhere.aws, scaler("home", "other", cluster="near"), queue_role_arn=queue_role)
    text = run("stack", "--offline").stdout
    assert f"Action:\n              - sts:AssumeRole\n            Resource:\n              - {queue_role}\n" in text
    assert [True, False, False] == [
        each in text for each in ("task-definition/other:*", "definition/worker", ":orders")
    ]


def test_the_controllers_own_cluster_is_no_cluster_of_another_account(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """The default of the stack's parameter is that of the first scaler of its own account."""
    write(tmp_path, elsewhere.aws, scaler("home", "other", cluster="near"))
    assert "\n    Default: near\n" in run("stack", "--offline").stdout
    write(tmp_path, elsewhere.aws)
    assert "\n    Default: default\n" in run("stack", "--offline").stdout


def test_a_region_of_the_own_account_is_in_the_arns(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """No role is assumed there, so the controller's own has the rights."""
    away = scaler("away", "worker", cluster="far", queue="orders", aws={"region": OTHER_REGION})
    document = configuration(elsewhere.aws, away)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
    printed = run("iam", "--offline", "--account", "123456789012", "--at", "ssm:/ecsq/config").stdout
    assert f"arn:aws:sqs:{OTHER_REGION}:123456789012:orders" in printed
    assert f"arn:aws:ecs:{OTHER_REGION}:123456789012:cluster/far" in printed
    assert "sts:AssumeRole" not in printed


def test_a_scaler_in_another_region_does_not_say_where_the_controller_is(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Its template is the first that is looked up, and all others are in the controller's own region."""
    family = register_template(elsewhere.aws.open(OWN_ACCOUNT, OTHER_REGION), "distant").partition(":")[0]
    away = scaler("away", family, cluster="far", queue="orders", aws={"region": OTHER_REGION})
    register_template(elsewhere.aws, "close")
    document = configuration(elsewhere.aws, away, scaler("home", "close", cluster="near", queue="local"))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
    result = run("iam")
    queues = next(each["Resource"] for each in json.loads(result.stdout)["Statement"] if each["Sid"] == "ReadQueues")
    own = f"arn:aws:sqs:{elsewhere.aws.region}:{OWN_ACCOUNT}:local"
    assert [f"arn:aws:sqs:{OTHER_REGION}:{OWN_ACCOUNT}:orders", own] == queues


def test_no_roles_are_asked_for_where_another_account_runs_all_workers(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """They are passed on by the role there; a parameter without a default would keep the stack from being made."""
    write(tmp_path, elsewhere.aws)
    assert "WorkerRoles" not in run("stack", "--offline").stdout


def test_iam_prints_what_the_role_needs(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Trust and permissions, to be pasted in the other account; by default anybody of the own account is trusted."""
    write(tmp_path, elsewhere.aws)
    told = json.loads(run("iam", "--assumed", ROLE, "--account", "123456789012").stdout)
    (trusted,) = told["trust"]["Statement"]
    assert {"AWS": "arn:aws:iam::123456789012:root"} == trusted["Principal"]
    assert {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}} == trusted["Condition"]
    statements = [statement for policy in told["policies"] for statement in policy["Statement"]]
    resources = {each for statement in statements for each in statement["Resource"]}
    assert f"arn:aws:sqs:{OTHER_REGION}:{OTHER_ACCOUNT}:orders" in resources


def test_the_queues_role_needs_nothing_of_ecs(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """And the other one nothing of SQS."""
    queue_role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/queues"
    write(tmp_path, elsewhere.aws, queue_role_arn=queue_role)
    services = {}
    for role in (queue_role, ROLE):
        policies = json.loads(run("iam", "--assumed", role, "--account", "123456789012").stdout)["policies"]
        actions = [action for policy in policies for each in policy["Statement"] for action in each["Action"]]
        services[role] = {action.partition(":")[0] for action in actions}
    assert {queue_role: {"sqs"}, ROLE: {"ecs"}} == services


REFUSED = {
    "a role that nobody names": (
        ["--assumed", f"{ROLE}-2", "--account", "123456789012"],
        f"no scaler names the role {ROLE}-2 in its section aws; they name {ROLE}",
    ),
    "nobody to trust": (["--assumed", ROLE], "--assumed needs --task-role, or --account: whom the role is to trust"),
    "a task role alone": (["--task-role", ROLE], "--task-role goes with --assumed"),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_printed_is_said(elsewhere: Elsewhere, tmp_path: Path, options: list[str], said: str) -> None:
    """With the way out."""
    write(tmp_path, elsewhere.aws)
    result = run("iam", *options)
    assert ("", True) == (result.stdout, said in result.stderr)


def test_a_role_with_and_without_an_external_id_is_refused(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Its trust policy asks all for one, or nobody."""
    without = scaler("also", "worker", cluster="far", aws={"region": OTHER_REGION, "role_arn": ROLE})
    write(tmp_path, elsewhere.aws, without)
    result = run("iam", "--assumed", ROLE, "--account", "123456789012")
    assert f"{ROLE} is named with aws.external_id and without: give it to all scalers of this role" in result.stderr
