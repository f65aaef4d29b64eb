from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.aws.polls.signing import Signer

MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
FIXED = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.GetQueueAttributes"}
PLAIN = ReadOnlyCredentials("AKIDEXAMPLE", "secret", None)
OF_A_ROLE = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "session")
ROTATED = ReadOnlyCredentials("AKIDEXAMPLE", "another", None)

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
names = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-"), min_size=1, max_size=20)
credentials = st.builds(
    ReadOnlyCredentials,
    printable,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.none() | printable | st.just("with  two spaces and more "),
)
moments = st.floats(MIDNIGHT - 5, MIDNIGHT + 5) | st.floats(0, 4e9)
requests = st.lists(st.tuples(st.binary(max_size=300), credentials, moments), min_size=1, max_size=6)


def sign_as_botocore(
    host: str, region: str, service: str, body: bytes, given_credentials: ReadOnlyCredentials, now: float
) -> str:
    """Return the header ``Authorization`` as botocore's own signer makes it for that second."""
    stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
    request = AWSRequest("POST", f"https://{host}/", headers=FIXED | {"X-Amz-Date": stamp}, data=body)
    request.context["timestamp"] = stamp
    if given_credentials.token:
        request.headers["X-Amz-Security-Token"] = given_credentials.token
    signer = SigV4Auth(Credentials(*given_credentials[:3]), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return str(request.headers["Authorization"])


def find_header(lines: str, name: str) -> str | None:
    """Return a header of a request's head, or None."""
    found = re.search(rf"^{name}: (.*)\r$", lines, re.MULTILINE)
    return found and found[1]


# A machine that is busy says nothing of the signer.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host=names, region=names, service=names, steps=requests)
@example("sqs", "us-east-1", "sqs", [(b"", PLAIN, MIDNIGHT - 0.5), (b"", PLAIN, MIDNIGHT + 0.5)])
@example("sqs", "us-east-1", "sqs", [(b"{}", PLAIN, MIDNIGHT), (b"{}", OF_A_ROLE, MIDNIGHT)])
@example("sqs", "us-east-1", "sqs", [(b"{}", PLAIN, MIDNIGHT), (b"{}", ROTATED, MIDNIGHT)])
def test_a_signature_is_botocores(
    host: str, region: str, service: str, steps: list[tuple[bytes, ReadOnlyCredentials, float]]
) -> None:
    """One signer, request after request: whatever it keeps follows the clock, the day and the credentials."""
    signer = Signer(region, service, FIXED | {"Host": host})
    for body, used, now in steps:
        lines = signer.sign(body, used, now)
        assert sign_as_botocore(host, region, service, body, used, now) == find_header(lines, "Authorization")
        assert used.token == find_header(lines, "X-Amz-Security-Token")


@pytest.mark.parametrize("part", ["access_key", "token"])
@pytest.mark.parametrize("odd", ["pasted\n", "a\r\nX-Forged: 1", "a\0b"])
def test_credentials_that_fit_in_no_header_are_refused(part: str, odd: str) -> None:
    """A key that was pasted with its newline is the user's to mend; it would otherwise end the header."""
    with pytest.raises(CredentialRetrievalError, match=part):
        Signer("us-east-1", "sqs", FIXED | {"Host": "sqs"}).sign(b"", PLAIN._replace(**{part: odd}), MIDNIGHT)
