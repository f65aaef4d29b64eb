"""Making a boto3 client: bounded in time and size, with so many attempts and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from controller.aws.bounded import bound_answers
from controller.aws.errors import AwsError, Fault, translate
from controller.aws.reach import Reach
from controller.aws.stages import Stage

CONNECT_SHARE = 0.4
"""The share of a call's time that connecting may take; the rest is for the answer."""
MAX_CONNECTIONS = 32
"""As many as there are threads that reconcile."""


def make_client(
    session: boto3.session.Session,
    service: str,
    reach: Reach,
    attempts: int,
    controller: str,
    elapsed: Callable[[], float],
) -> Any:
    """Return a new client that sends each call so many times at most, in the name of a controller.

    A session must not make two at the same time. Raises AwsError.
    """
    timeout = reach.call_timeout
    config = Config(
        connect_timeout=timeout * CONNECT_SHARE,
        read_timeout=timeout * (1 - CONNECT_SHARE),
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=MAX_CONNECTIONS,
        user_agent_appid=f"ecsq-{controller}",  # type: ignore[call-arg]
    )
    try:
        client = session.client(  # type: ignore[call-overload]
            service, reach.region, endpoint_url=reach.endpoint_url, config=config
        )
        # botocore finds out that a port is none as it signs, where it looks like trouble with credentials.
        _ = urlsplit(client.meta.endpoint_url).port
    except ValueError as error:
        variables = f"AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_{service.upper()}"
        named = variables if reach.endpoint_url is None else "aws.endpoint_url"
        raise AwsError(Fault.INVALID, f"{named}: {error}") from error
    except Exception as error:
        raise translate(error, f"{service} client", None, Stage.PREPARED) from error
    bound_answers(client, timeout * (1 - CONNECT_SHARE), elapsed)
    return client
