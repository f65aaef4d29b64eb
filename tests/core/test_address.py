from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.address import Address, Parameter, StoredObject, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config.yaml", Path("config.yaml")),
        ("/etc/ecsq/s3.yaml", Path("/etc/ecsq/s3.yaml")),
        ("ssm:/ecsq/config", Parameter("/ecsq/config")),
        ("ssm:config", Parameter("config")),
        ("s3://a-bucket/a/b.yaml", StoredObject("a-bucket", "a/b.yaml")),
        ("s3://a-bucket/b.yaml?versionId=L4kq.x_", StoredObject("a-bucket", "b.yaml", "L4kq.x_")),
        ("s3://a-bucket/b.yaml?versionId=3/L4%k+x=", StoredObject("a-bucket", "b.yaml", "3/L4%k+x=")),
        ("s3://a-bucket/a b+%20.yaml", StoredObject("a-bucket", "a b+%20.yaml")),
    ],
    ids=[
        "file",
        "absolute file",
        "parameter",
        "parameter without path",
        "object",
        "version of an object",
        "odd version",
        "odd key",
    ],
)
def test_what_names_a_place_is_written_back_as_it_came(text: str, expected: Address) -> None:
    """An address means a file, a parameter or an object, and messages show it as the user wrote it."""
    address = parse_address(text)
    assert (expected, text) == (address, str(address))


@pytest.mark.parametrize(
    "text",
    [
        "ssm:",
        "ssm:/",
        "ssm:/a b",
        "ssm:/a:3",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://B/k",
        "s3://bucket/k?x=1",
        "s3://bucket/k?",
        "s3://bucket/k?versionId=",
        "s3://bucket/k?versionId=1&x=2",
    ],
)
def test_what_names_no_place_is_refused_with_the_right_form(text: str) -> None:
    """A parameter or object that cannot exist is refused, with how one is written."""
    form = "ssm:/PATH/OF/PARAMETER" if text.startswith("ssm:") else "s3://BUCKET/KEY"
    with pytest.raises(ValueError, match=f"write it as {form}"):
        parse_address(text)
