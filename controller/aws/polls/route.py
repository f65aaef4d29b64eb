"""What every request to SQS shares: the endpoint, the kept connections, and the head of each operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.credentials import Credentials, ReadOnlyCredentials

from controller.aws.polls.endpoint import Endpoint, resolve
from controller.aws.polls.pool import Pool
from controller.aws.polls.signing import Signer
from controller.aws.session import Clients

if TYPE_CHECKING:
    from botocore.model import OperationModel

SERVICE = "sqs"
READ, LOOK_UP = "GetQueueAttributes", "GetQueueUrl"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation, with all that its requests have in common."""

    operation: OperationModel
    head: str
    signer: Signer

    def build_request(self, body: bytes, credentials: ReadOnlyCredentials, now: float) -> bytes:
        """Return a whole signed request, as it goes out at ``now``, seconds since the epoch."""
        signed = self.signer.sign(body, credentials, now)
        return f"{self.head}{signed}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Route:
    """The way to SQS."""

    endpoint: Endpoint
    pool: Pool
    read: Call
    look_up: Call


def find_route(clients: Clients) -> Route:
    """Return the way that the client's settings lead. It blocks. Raises AwsError and endpoint.UnsupportedError."""
    endpoint = resolve(clients)
    return Route(endpoint, Pool(endpoint, clients.call_timeout), _prepare(endpoint, READ), _prepare(endpoint, LOOK_UP))


def _prepare(endpoint: Endpoint, operation: str) -> Call:
    metadata = endpoint.model.metadata
    headers = {
        "Host": endpoint.host_header,
        "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
        "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
        # Errors then carry the codes that SQS had before it spoke JSON, which errors.py and botocore know.
        "x-amzn-query-mode": "true",
    }
    lines = [*headers.items(), ("User-Agent", endpoint.user_agent)]
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return Call(endpoint.model.operation_model(operation), head, Signer(endpoint.region, SERVICE, headers))


@dataclass(frozen=True, slots=True)
class Signing:
    """Credentials as they were read, and where they came from."""

    frozen: ReadOnlyCredentials
    source: Credentials

    def is_valid(self) -> bool:
        """Say whether they have not expired; those of a user never do. It asks nobody."""
        needs_refresh = getattr(self.source, "refresh_needed", None)
        return needs_refresh is None or not needs_refresh(refresh_in=0)


def load_signing(clients: Clients) -> Signing:
    """Return the credentials, fetched anew if botocore finds it is time. It blocks. Raises AwsError."""
    source = clients.read_credentials()
    return Signing(source.get_frozen_credentials(), source)
