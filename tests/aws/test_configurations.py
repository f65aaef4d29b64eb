from __future__ import annotations

from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.configurations import CLIENT, open_kept
from controller.clock import machine_clock
from controller.config.kept import CannotReadError, Kept
from controller.config.source import MAX_BYTES
from controller.core.address import Parameter, Remote, StoredObject
from controller.sandbox.aws import Disturbance
from tests.support.aws import unique

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

BUCKET = "configurations"


@pytest.fixture
def reachable(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """Let boto3's own variables lead to the embedded AWS, where there is a bucket that keeps versions."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws.region)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return aws


def kept(address: Remote) -> Kept:
    return open_kept(address, machine_clock(Event()))


def put_parameter(aws: EmbeddedAws, *values: str, kind: str = "String") -> Parameter:
    name = f"/{unique('parameter')}/config"
    for value in values:
        aws.client("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)
    return Parameter(name)


def put_object(aws: EmbeddedAws, *contents: bytes) -> StoredObject:
    key = f"{unique('object')}.yaml"
    for content in contents:
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
    return StoredObject(BUCKET, key)


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_parameter_is_read_in_the_clear(reachable: EmbeddedAws, kind: str) -> None:
    """Its newest value is the content, one that is encrypted as well."""
    place = kept(put_parameter(reachable, "old", "nëw", kind=kind))
    assert "nëw".encode() == place.read()


def test_earlier_values_come_newest_first(reachable: EmbeddedAws) -> None:
    """The history of a parameter leads back from the value before the current one, each with its version."""
    place = kept(put_parameter(reachable, "one", "two", "three"))
    assert [("2", b"two"), ("1", b"one")] == [(each.version, each.content) for each in place.read_earlier()]


def test_an_object_that_has_not_changed_is_not_sent_again(reachable: EmbeddedAws) -> None:
    """The second look is answered with 304 and no content, and a change with the new one."""
    address = put_object(reachable, b"one")
    place = kept(address)
    seen = [place.read(), place.read()]
    reachable.client("s3").put_object(Bucket=BUCKET, Key=address.key, Body=b"two")
    seen.append(place.read())
    statuses = [call.status for call in reachable.journal.calls("s3", client=f"ecsq-{CLIENT}")]
    assert ([b"one", b"one", b"two"], [200, 304, 200]) == (seen, statuses)


def test_earlier_objects_come_newest_first(reachable: EmbeddedAws) -> None:
    """The versions before the current one are found, and none of an object whose key only begins alike."""
    address = put_object(reachable, b"one", b"two", b"three")
    reachable.client("s3").put_object(Bucket=BUCKET, Key=f"{address.key}.bak", Body=b"other")
    assert [b"two", b"one"] == [each.content for each in kept(address).read_earlier()]


def test_a_version_of_an_object_stays_what_it_is(reachable: EmbeddedAws) -> None:
    """An address with a version means that one, which has no earlier ones."""
    address = put_object(reachable, b"one", b"two")
    first = next(iter(kept(address).read_earlier())).version
    place = kept(StoredObject(BUCKET, address.key, first))
    assert (b"one", []) == (place.read(), list(place.read_earlier()))


def test_no_more_is_read_than_a_configuration_may_have(reachable: EmbeddedAws) -> None:
    """Of an object that is too large just so much is read that it can be refused for its size."""
    assert MAX_BYTES + 1 == len(kept(put_object(reachable, b"x" * (MAX_BYTES + 10))).read())


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        (Parameter("/none"), 'ssm:/none:1:1: cannot be read: parameter "/none" does not exist: put it there'),
        (
            StoredObject(BUCKET, "none"),
            f's3://{BUCKET}/none:1:1: cannot be read: object "none" in bucket "{BUCKET}" does not exist: put it there',
        ),
        (
            StoredObject("no-such-bucket", "none"),
            's3://no-such-bucket/none:1:1: cannot be read: bucket "no-such-bucket" does not exist: name another',
        ),
        (
            StoredObject(BUCKET, "none", "1"),
            f's3://{BUCKET}/none?versionId=1:1:1: cannot be read: version 1 of object "none" in bucket "{BUCKET}" does '
            "not exist: name another",
        ),
    ],
    ids=["parameter", "object", "bucket", "version"],
)
def test_what_is_missing_is_named_with_what_to_do(reachable: EmbeddedAws, address: Remote, complaint: str) -> None:
    """A parameter or object that does not exist is named with the command that puts it there, if one does."""
    with pytest.raises(CannotReadError) as refused:
        kept(address).read()
    assert str(refused.value).startswith(complaint)


def test_an_aws_that_cannot_be_reached_is_an_error_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of boto3's comes out but that it cannot be read, and where it was looked for."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with pytest.raises(CannotReadError, match=r'^ssm:/a:1:1: cannot be read: parameter "/a": Could not connect'):
        kept(Parameter("/a")).read()


@pytest.mark.parametrize("address", [Parameter("/a"), StoredObject(BUCKET, "a")], ids=str)
def test_credentials_that_are_missing_are_no_denial(
    reachable: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, address: Remote
) -> None:
    """Nobody has asked S3 yet, so nothing is said of what S3 may mean."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(
        CannotReadError, match=r"no AWS credentials \(.*\): give the task a role, or the shell a profile$"
    ):
        kept(address).read()


def test_a_region_that_is_missing_is_not_to_be_set_in_what_cannot_be_read(
    reachable: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key aws.region is no way out of it."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(CannotReadError, match=r"cannot be read: no AWS region: set AWS_DEFAULT_REGION; aws.region is "):
        kept(Parameter("/a")).read()


def test_an_endpoint_that_is_none_is_named_by_its_variable(
    reachable: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key aws.endpoint_url has not been read yet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(CannotReadError, match="AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_SSM: Invalid endpoint: nonsense"):
        kept(Parameter("/a")).read()


@pytest.mark.parametrize("headers", [{"x-amz-bucket-region": "eu-west-1"}, {}], ids=["named", "asked for"])
def test_a_bucket_in_another_region_is_read_there(reachable: EmbeddedAws, headers: dict[str, str]) -> None:
    """S3 says where it is, or is asked."""
    reachable.open("123456789012", "eu-west-1")
    address = put_object(reachable, b"one")
    content = b"<Error><Code>PermanentRedirect</Code><Message>Use the specified endpoint.</Message></Error>"
    elsewhere = Disturbance("s3", "GetObject", "raw", status=301, content=content, headers=headers)
    reachable.disturbances.add(elsewhere)
    assert b"one" == kept(address).read()


def test_every_request_is_reported(reachable: EmbeddedAws) -> None:
    """Whoever counts requests is told of those that read a configuration, by service and operation."""
    told: list[tuple[str, str, str]] = []
    place = kept(put_object(reachable, b"one", b"two"))
    place.report_to(lambda service, operation, outcome, _: told.append((service, operation, outcome)))
    place.read()
    place.read()
    list(islice(place.read_earlier(), 1))
    expected = ["GetObject", "GetObject", "ListObjectVersions", "GetObject"]
    assert [("s3", operation, "success") for operation in expected] == told


def test_a_denial_names_the_action_and_what_else_it_may_mean(reachable: EmbeddedAws) -> None:
    """S3 denies an object that does not exist as well, which whoever reads the error should know."""
    address = put_object(reachable, b"one")
    content = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    reachable.disturbances.add(Disturbance("s3", "GetObject", "raw", status=403, content=content))
    with pytest.raises(
        CannotReadError, match=r"not allowed to s3:GetObject for object .*; S3 says the same of an object"
    ):
        kept(address).read()


@pytest.mark.parametrize("place", ["parameter", "object"])
def test_half_a_configuration_is_none(reachable: EmbeddedAws, place: str) -> None:
    """Where the connection breaks in the middle, what has arrived may be a good one with fewer scalers."""
    text = "".join(f"- scaler {number}\n" for number in range(100))
    address: Remote = put_parameter(reachable, text) if place == "parameter" else put_object(reachable, text.encode())
    reachable.disturbances.add(Disturbance("*", "*", "cut"))
    reader = kept(address)
    with pytest.raises(CannotReadError):
        reader.read()
    assert text.encode() == reader.read()


def test_objects_whose_keys_begin_alike_are_not_gone_through(reachable: EmbeddedAws) -> None:
    """A bucket may hold any number of them behind the configuration, which are none of its versions."""
    address = put_object(reachable, b"one", b"two")
    listed = reachable.client("s3").list_object_versions(Bucket=BUCKET, Prefix=address.key)["Versions"]
    versions = [(each["Key"], each["VersionId"], each["IsLatest"]) for each in listed]
    page = "".join(
        f"<Version><Key>{key}</Key><VersionId>{version}</VersionId><IsLatest>{str(latest).lower()}</IsLatest></Version>"
        for key, version, latest in [*versions, (f"{address.key}/backup", "1", False)]
    )
    more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>"
    content = f"<ListVersionsResult>{more}{page}</ListVersionsResult>".encode()
    reachable.disturbances.add(Disturbance("s3", "ListObjectVersions", "raw", status=200, content=content))
    told: list[str] = []
    place = kept(address)
    place.report_to(lambda _service, operation, _outcome, _seconds: told.append(operation))
    assert [b"one"] == [each.content for each in place.read_earlier()]
    assert ["ListObjectVersions", "GetObject"] == told
