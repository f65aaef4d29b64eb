"""The forms of text that AWS and the controller allow, and how messages describe them.

Names and ids follow the ECS, SQS and EC2 API references. The patterns use only the syntax that Rust, Python and
ECMAScript share, because pydantic checks with them and the JSON Schema shows them to editors.
"""

from __future__ import annotations

import unicodedata

from controller.config.wording import quote

NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
QUEUE = (
    r"^(https?://[^\s/]+(/[^\s/]+)*/|arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:)?"
    r"([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)$"
)
QUEUE_PREFIX = r"^[A-Za-z0-9_-]{1,80}$"
CLUSTER = r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$"
DEFINITION = r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(:[1-9][0-9]{0,6})?$"
CONTAINER = r"^[A-Za-z0-9_-]{1,255}$"
IMAGE = r"^[^\s]+$"
REGION = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"
ACCOUNT = r"^[0-9]{12}$"
ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$"
QUEUE_ROLE = r"^(own|arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64})$"
EXTERNAL_ID = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"
ENDPOINT = r"^https?://[^\s/]+(/[^\s]*)?$"
HOST = r"^[^\s/]+$"
PROVIDER = r"^[A-Za-z0-9_-]{1,255}$"
SUBNET = r"^subnet-[0-9a-f]{8,17}$"
SECURITY_GROUP = r"^sg-[0-9a-f]{8,17}$"
EVENT_BUS = r"^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}$"
WEBHOOK = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[^\s?#]*)?$"
ENVIRONMENT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
VARIABLE = r"^[^=\x00]+$"

WORDS = {
    NAME: "must be 1 to 40 lower-case letters, digits and hyphens, and not begin with a hyphen",
    QUEUE: "must be the name, the URL or the ARN of an SQS queue",
    QUEUE_PREFIX: "must be the beginning of queues' names: 1 to 80 letters, digits, hyphens and underscores",
    CLUSTER: "must be the name or the ARN of an ECS cluster",
    DEFINITION: "must be a task definition: family, family:revision or ARN",
    CONTAINER: "must be the name of a container: 1 to 255 letters, digits, hyphens and underscores",
    IMAGE: "must be the name of a container image",
    REGION: "must be an AWS region, such as eu-west-1",
    ACCOUNT: "must be the id of an AWS account: 12 digits",
    ROLE: "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/ecsq-workers",
    QUEUE_ROLE: "must be the ARN of an IAM role, or own: the controller's own",
    EXTERNAL_ID: "must be an external id: 2 to 1224 letters, digits and _+=,.@:/-",
    ENDPOINT: "must be an http or https URL",
    HOST: "must be an address or a host name",
    PROVIDER: "must be the name of a capacity provider: 1 to 255 letters, digits, hyphens and underscores",
    SUBNET: "must be the id of a subnet, such as subnet-0123456789abcdef0",
    SECURITY_GROUP: "must be the id of a security group, such as sg-0123456789abcdef0",
    EVENT_BUS: "must be the name or the ARN of an EventBridge bus",
    WEBHOOK: (
        "must be an http or https URL without user, query and fragment; one that holds a secret belongs in a "
        "variable of the environment, which webhook_env names"
    ),
    ENVIRONMENT_NAME: "must be the name of a variable of the environment, such as SLACK_URL",
    VARIABLE: "must be the name of a variable: not empty, and without =",
}
"""The words for each pattern that follow "<key>:" in a message."""
MAY_BE_SECRET = frozenset({WEBHOOK, ENVIRONMENT_NAME})
"""The patterns of keys into which somebody may have written a secret instead."""


def check_tag_text(text: str) -> str:
    """Pass the key or value of a tag on. Raises ValueError if AWS does not allow one of its characters.

    AWS allows letters, digits and spaces of any script.
    """
    for character in text:
        if character not in "_.:/=+-@" and unicodedata.category(character)[0] not in "LNZ":
            raise ValueError(f"may contain only letters, digits, spaces and _.:/=+-@, not {quote(character)}")
    return text
