"""The URLs of webhooks in the printed template: a secret for each variable, and the right to read exactly that."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from controller.config import load_content
from controller.config.spec import EventFormat, EventSpec
from controller.config.stack import build_template
from controller.config.stack.document import ref
from controller.config.stack.policies import POLICIES_A_ROLE, POLICY_CHARACTERS
from tests.config.files import LEAST
from tests.deploy.policy import actions, allowed, join
from tests.deploy.stacks import PARAMETER, ROLES, create, plan_stack, print_stack, read_policies

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEC = load_content(LEAST.encode(), Path("c.yaml")).spec
SECRET = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:ecsq/slack-AbCdEf"  # noqa: S105 - an ARN
STORED = "arn:aws:ssm:us-east-1:123456789012:parameter/ecsq/slack"
CONTEXTS = {"secretsmanager": "SecretARN", "ssm": "PARAMETER_ARN"}
VARIABLES = st.text("AZ_az09", min_size=1, max_size=8).filter(lambda name: not name[0].isdigit())
"""Of few characters, so that names often differ in one alone."""


def build(variables: Sequence[str]) -> dict[str, Any]:
    """Return the template for a controller that sends events to the URLs of so many variables."""
    events = tuple(EventSpec(None, None, variable, EventFormat.SLACK) for variable in variables)
    return build_template(plan_stack(replace(SPEC, events=events), PARAMETER, ROLES))


def list_secrets(template: dict[str, Any]) -> dict[str, Any]:
    """Return what the controller's container takes each of its secret variables from."""
    (container,) = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    return {secret["Name"]: secret["ValueFrom"] for secret in container.get("Secrets", [])}


def print_with(variables: Sequence[str]) -> str:
    """Return the same template as text."""
    return print_stack(f"{LEAST}events: {json.dumps([{'webhook_env': variable} for variable in variables])}\n")


@pytest.mark.parametrize(
    ("variable", "parameter"),
    [
        ("SLACK_URL", "WebhookSlackUrl"),
        ("HOOK2_A", "WebhookHook2A"),
        ("SLACKURL", "WebhookSlackurl"),
        ("slack", "Webhookx736c61636b"),
        ("A__B", "Webhookx415f5f42"),
        ("A_1", "Webhookx415f31"),
    ],
)
def test_a_parameter_is_called_after_its_variable(variable: str, parameter: str) -> None:
    """Capital words are written as CloudFormation's own names are; nothing else has a default, so it is asked for."""
    template = build([variable])
    assert {variable: ref(parameter)} == list_secrets(template)
    described = template["Parameters"][parameter]
    assert ("Default" in described, described["Description"].endswith(f"with the URL for {variable}")) == (False, True)


@given(st.lists(VARIABLES, unique=True, max_size=10))
def test_no_two_variables_share_a_name(variables: list[str]) -> None:
    """Parameters and resources have one space of names, of letters and digits, and each variable has its own."""
    template, without = build(variables), build([])
    names = [*template["Parameters"], *template["Resources"]]
    assert len(set(names)) == len(names) == len([*without["Parameters"], *without["Resources"]]) + 2 * len(variables)
    assert all(re.fullmatch("[A-Za-z0-9]{1,255}", name) for name in names)
    assert variables == list(list_secrets(template))


@pytest.mark.parametrize("arn", [SECRET, STORED], ids=["secret", "parameter"])
def test_the_execution_role_reads_exactly_the_secret(arn: str) -> None:
    """It is read in its own region and decrypted with a key of its own account; another secret is neither."""
    with mock_aws():
        created = create(print_with(["SLACK_URL"]), WebhookSlackUrl=arn)
        (granted,) = read_policies("ReadWebhook")
    (container,) = created.definition["containerDefinitions"]
    assert [{"name": "SLACK_URL", "valueFrom": arn}] == container["secrets"]
    _, _, service, region, account, _ = arn.split(":", 5)
    action = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameters"}[service]
    key = f"arn:aws:kms:{region}:{account}:key/0123"
    via = {"kms:ViaService": f"{service}.{region}.amazonaws.com"}
    context = {**via, f"kms:EncryptionContext:{CONTEXTS[service]}": arn}
    assert allowed(granted, action, arn, {})
    assert allowed(granted, "kms:Decrypt", key, context)
    assert not allowed(granted, action, f"{arn}2", {})
    refused = [{}, via, {**context, "kms:ViaService": "s3"}, {name: f"{value}2" for name, value in context.items()}]
    assert not any(allowed(granted, "kms:Decrypt", key, each) for each in refused)
    assert {"secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"} == actions(granted)
    assert not allowed(join([created.policy]), action, arn, {})


def test_the_rights_of_ten_secrets_fit() -> None:
    """Ten events are the most, and a role has ten managed policies: each holds the longest ARN three times."""
    variables = [f"HOOK_{letter}" for letter in "ABCDEFGHIJ"]
    longest = STORED + "x" * (1011 - len(STORED))
    with mock_aws():
        create(print_with(variables), **{f"WebhookHook{variable[-1]}": longest for variable in variables})
        policies = read_policies("ReadWebhook")
    assert len(variables) == len(policies)
    assert all(len(json.dumps(policy, separators=(",", ":"))) <= POLICY_CHARACTERS for policy in policies)
    attached = build(variables)["Resources"]["ExecutionRole"]["Properties"]["ManagedPolicyArns"]
    assert [ref(f"ReadWebhookHook{variable[-1]}") for variable in variables] == attached
    assert len(attached) <= POLICIES_A_ROLE


@pytest.mark.parametrize(
    ("arn", "taken"),
    [
        (SECRET, True),
        (STORED, True),
        ("arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/a", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:ecsq/slack", False),
        (f"{SECRET}:url::", False),
        (f"{STORED}:3", False),
        (f"{STORED}/*", False),
        ("https://hooks.slack.com/services/T0/B0/secret", False),
        ("", False),
    ],
    ids=["secret", "parameter", "gov", "cut short", "key", "version", "wildcard", "the URL itself", "empty"],
)
def test_what_no_policy_can_name_is_refused(arn: str, taken: bool) -> None:  # noqa: FBT001 - a table's column
    """CloudFormation refuses it before it deploys, and above all the URL itself, which would stand in the stack."""
    pattern = build(["SLACK_URL"])["Parameters"]["WebhookSlackUrl"]["AllowedPattern"]
    assert taken == bool(re.fullmatch(pattern, arn))


def test_without_a_secret_nothing_is_said_of_any() -> None:
    """Events that go to a bus or a URL without a secret need neither parameter nor right."""
    events = (EventSpec("default", None, None, EventFormat.CLOUDEVENTS),)
    template = build_template(plan_stack(replace(SPEC, events=events), PARAMETER, ROLES))
    assert {} == list_secrets(template)
    assert "ManagedPolicyArns" not in template["Resources"]["ExecutionRole"]["Properties"]
