"""The forms of text that AWS and we allow, and the words for them in messages.

Names and ids follow the ECS, SQS and EC2 API references. The patterns are in the common part of Rust's, Python's and
ECMAScript's syntax: pydantic checks by them and the JSON Schema shows them.
"""

from __future__ import annotations

import unicodedata

from controller.config.problems import quote

NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
QUEUE = (
    r"^(https?://[^\s/]+(/[^\s/]+)*/|arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:)?"
    r"([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)$"
)
CLUSTER = r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$"
DEFINITION = r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(:[1-9][0-9]{0,6})?$"
CONTAINER = r"^[A-Za-z0-9_-]{1,255}$"
IMAGE = r"^[^\s]+$"
REGION = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"
ENDPOINT = r"^https?://[^\s/]+(/[^\s]*)?$"
HOST = r"^[^\s]+$"
PROVIDER = r"^[A-Za-z0-9_-]{1,255}$"
SUBNET = r"^subnet-[0-9a-f]{8,17}$"
SECURITY_GROUP = r"^sg-[0-9a-f]{8,17}$"
VARIABLE = r"^[^=\x00]+$"

WORDS = {
    NAME: "must be 1 to 40 lower-case letters, digits and hyphens, and not begin with a hyphen",
    QUEUE: "must be the name, the URL or the ARN of an SQS queue",
    CLUSTER: "must be the name or the ARN of an ECS cluster",
    DEFINITION: "must be a task definition: family, family:revision or ARN",
    CONTAINER: "must be a container's name: 1 to 255 letters, digits, hyphens and underscores",
    IMAGE: "must be the name of a container image",
    REGION: "must be an AWS region, as eu-west-1",
    ENDPOINT: "must be an http or https URL",
    HOST: "must be an address or a host name",
    PROVIDER: "must be a capacity provider's name: 1 to 255 letters, digits, hyphens and underscores",
    SUBNET: "must be a subnet's id, as subnet-0123456789abcdef0",
    SECURITY_GROUP: "must be a security group's id, as sg-0123456789abcdef0",
    VARIABLE: "must be a variable's name: not empty, without =",
}
"""What each pattern demands, to follow "<key>:" in a message."""


def tag_text(text: str) -> str:
    """Pass a tag's key or value on; ValueError if a character is not of those that AWS allows (of any script)."""
    for character in text:
        if character not in "_.:/=+-@" and unicodedata.category(character)[0] not in "LNZ":
            raise ValueError(f"may hold letters, digits, spaces and _.:/=+-@ only, not {quote(character)}")
    return text
