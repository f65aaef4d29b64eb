"""The secrets that hold the URLs of webhooks: a parameter of the template for each, and the right to read it.

ECS reads them with the execution role when a task starts ("Amazon ECS task execution IAM role" in the Amazon ECS
Developer Guide, "Secrets Manager or Systems Manager permissions").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from controller.config.stack.document import Call, ref
from controller.config.stack.policies import StackError

if TYPE_CHECKING:
    from controller.config.spec import ControllerSpec

Resources = dict[str, Any]

NAME_CHARACTERS = 255
"""Of what a template names (CloudFormation quotas)."""
ARN = (
    "arn:aws[a-z-]*:"
    "(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
    "|ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+)"
)
"""The whole ARN of a secret, with the six characters that Secrets Manager adds to its name, or of a parameter: what a
policy can name. Neither a key nor a version follows it, which ECS takes and a policy does not."""
_ARN_IN_WORDS = (
    "must be the whole ARN of a Secrets Manager secret, with the six characters at its end and without a key or a "
    "version after them, or of an SSM parameter"
)
_PREFIX = "Webhook"
_POLICY_PREFIX = "Read"
_WORDS = r"[A-Z][A-Z0-9]*(_[A-Z][A-Z0-9]*)*"
_REGION, _ACCOUNT = 3, 4
"""The fields of an ARN, counted from 0."""


def name_secrets(spec: ControllerSpec) -> dict[str, str]:
    """Return the parameter of the template for each variable that holds a URL, in the order of the events.

    Raises StackError for a variable whose name is too long for one.
    """
    variables = (event.variable for event in spec.events)
    return {variable: _name_parameter(variable) for variable in variables if variable is not None}


def _name_parameter(variable: str) -> str:
    """Return a name of letters and digits that no other variable has: SLACK_URL is WebhookSlackUrl.

    Each capital letter begins a word of the variable, so that the words can be told apart. A name of any other kind
    is written as the hexadecimal digits of its characters, after an x: no word begins with a small letter.
    """
    if re.fullmatch(_WORDS, variable):
        name = _PREFIX + "".join(word.capitalize() for word in variable.split("_"))
    else:
        name = f"{_PREFIX}x{variable.encode().hex()}"
    if len(_POLICY_PREFIX + name) > NAME_CHARACTERS:
        raise StackError(
            f"events: webhook_env names a variable of {len(variable)} characters, which makes too long a name in a "
            f"template: give it a shorter one, in capital letters ({variable})"
        )
    return name


def build_secret_parameters(spec: ControllerSpec) -> Resources:
    """Return the parameters that take the ARNs of the secrets; none has a default."""
    return {
        parameter: {
            "Type": "String",
            "Description": f"The ARN of the Secrets Manager secret or the SSM parameter with the URL for {variable}",
            "AllowedPattern": ARN,
            "ConstraintDescription": _ARN_IN_WORDS,
        }
        for variable, parameter in name_secrets(spec).items()
    }


def build_secrets(spec: ControllerSpec) -> list[Resources]:
    """Return the variables of the container that ECS fills from the secrets."""
    return [{"Name": name, "ValueFrom": ref(parameter)} for name, parameter in name_secrets(spec).items()]


def build_secret_policies(spec: ControllerSpec) -> Resources:
    """Return the right to read each secret, as a managed policy of its own.

    Of ten secrets with the longest ARNs the rights exceed what a role's inline policies have together, which is 10,240
    characters; as managed policies they fit, since a role has ten of them ("IAM and AWS STS quotas").
    """
    return {_name_policy(parameter): _build_policy(parameter) for parameter in name_secrets(spec).values()}


def list_secret_policies(spec: ControllerSpec) -> list[Call]:
    """Return the ARNs of these policies."""
    return [ref(_name_policy(parameter)) for parameter in name_secrets(spec).values()]


def _name_policy(parameter: str) -> str:
    return _POLICY_PREFIX + parameter


def _build_policy(parameter: str) -> Resources:
    """Allow one secret to be read; an action of the service that it is not in allows nothing on its ARN."""
    read = {
        "Sid": "ReadSecret",
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"],
        "Resource": [ref(parameter)],
    }
    statements = [
        read,
        _decrypt("DecryptSecret", parameter, "secretsmanager", "SecretARN"),
        _decrypt("DecryptParameter", parameter, "ssm", "PARAMETER_ARN"),
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}


def _decrypt(sid: str, parameter: str, service: str, context: str) -> Resources:
    """Allow a service to decrypt this one secret on the reader's behalf, by any key of the secret's account.

    Which key it is only the secret knows; what it encrypts is bound to the secret's ARN by the encryption context.
    """
    region, account = _take_field(parameter, _REGION), _take_field(parameter, _ACCOUNT)
    keys = Call("Sub", ["arn:${AWS::Partition}:kms:${Region}:${Account}:key/*", {"Region": region, "Account": account}])
    only_it = {
        "kms:ViaService": Call("Sub", [f"{service}.${{Region}}.amazonaws.com", {"Region": region}]),
        f"kms:EncryptionContext:{context}": ref(parameter),
    }
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [keys],
        "Condition": {"StringEquals": only_it},
    }


def _take_field(parameter: str, number: int) -> Call:
    return Call("Select", [number, Call("Split", [":", ref(parameter)])])
