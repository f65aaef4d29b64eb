"""Where SQS is, and the way there, as botocore resolves both: endpoint, proxy, certificates.

The client's own endpoint carries region, partition, FIPS, dual-stack, a VPC endpoint and ``AWS_ENDPOINT_URL_SQS``.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from botocore.httpsession import ProxyConfiguration, create_urllib3_context, get_cert_path, mask_proxy_url
from botocore.utils import get_environ_proxies

from controller.aws.session import Clients

if TYPE_CHECKING:
    from botocore.model import ServiceModel

SIGNATURE = "v4"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnsupportedError(Exception):
    """Something that boto3 does and the polls' own way does not; the text says what."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that makes tunnels, spoken to in the clear."""

    host: str
    port: int
    headers: Mapping[str, str]
    """What every CONNECT carries, such as the proxy's credentials."""
    shown: str
    """Its URL, credentials masked."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the requests of one client go."""

    url: str
    host: str
    port: int
    host_header: str
    tls: ssl.SSLContext | None
    """None: in the clear, as ``aws.endpoint_url`` may say."""
    proxy: Proxy | None
    region: str
    """The one that requests are signed for."""
    user_agent: str
    model: ServiceModel
    """What botocore knows of the service: the shapes of its answers."""


def resolve(clients: Clients) -> Endpoint:
    """Return the endpoint of the client that reads queues. It blocks: the client may have to be made first.

    Raises AwsError as making the client does, and UnsupportedError.
    """
    # Any: what the stubs know of a client's meta lacks the settings that only botocore's own types have.
    meta: Any = clients.sqs().meta
    split = urlsplit(meta.endpoint_url)
    _refuse_unsupported(split, meta.config.signature_version)
    proxy = _find_proxy(meta.endpoint_url)
    if proxy is not None and split.scheme == "http":
        raise UnsupportedError("a proxy before an http:// endpoint")
    host, port = str(split.hostname), split.port or _DEFAULT_PORTS[split.scheme]
    return Endpoint(
        url=f"{split.scheme}://{_name_host(split)}/",
        host=host,
        port=port,
        host_header=_name_host(split),
        tls=_trust(clients) if split.scheme == "https" else None,
        proxy=proxy,
        region=meta.region_name,
        user_agent=meta.config.user_agent,
        model=meta.service_model,
    )


def _refuse_unsupported(split: SplitResult, signature: object) -> None:
    if signature != SIGNATURE:
        raise UnsupportedError(f"the signature version {signature}")
    if split.path not in {"", "/"} or split.query:
        raise UnsupportedError(f"an endpoint with a path ({split.path or '?'})")


def _name_host(split: SplitResult) -> str:
    """Return the host as the header names it: a port that is the scheme's own is left out, IPv6 is in brackets."""
    host = f"[{split.hostname}]" if ":" in str(split.hostname) else str(split.hostname)
    return host if split.port in {None, _DEFAULT_PORTS[split.scheme]} else f"{host}:{split.port}"


def _find_proxy(url: str) -> Proxy | None:
    """Return the proxy that the environment names for a URL; ``NO_PROXY`` and a missing scheme are botocore's rules."""
    configuration = ProxyConfiguration(get_environ_proxies(url))
    proxy_url = configuration.proxy_url_for(url)
    if not proxy_url:
        return None
    try:
        split = urlsplit(proxy_url)
        host, port, headers = split.hostname, split.port, configuration.proxy_headers_for(proxy_url)
    except ValueError as error:
        raise UnsupportedError(f"a proxy whose URL cannot be read ({error})") from error
    if split.scheme != "http" or not host:
        raise UnsupportedError(f"the proxy {mask_proxy_url(proxy_url)}: only an http:// proxy makes tunnels here")
    return Proxy(host, port or _DEFAULT_PORTS["http"], headers, mask_proxy_url(proxy_url))


def _trust(clients: Clients) -> ssl.SSLContext:
    """Return botocore's own settings of TLS with the certificates that it would trust, and the host's name checked."""
    # The order is botocore's: AWS_CA_BUNDLE or ca_bundle in the profile, REQUESTS_CA_BUNDLE, what it brings itself.
    bundle = clients.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(verify=True)
    context: ssl.SSLContext = create_urllib3_context()
    context.check_hostname = True
    try:
        context.load_verify_locations(cafile=bundle)
    except OSError as error:
        raise UnsupportedError(f"certificates that cannot be read ({bundle}: {error})") from error
    return context
