"""The rights to read a configuration where AWS keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.config.stack.statement import Rights
from controller.core.address import Parameter, Remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.config.stack.arns import Account
    from controller.core.address import StoredObject


def read_configuration(address: Remote, account: Account) -> Iterator[Rights]:
    """Allow a configuration to be read."""
    return _read_parameter(address, account) if isinstance(address, Parameter) else _read_object(address, account)


def _read_parameter(parameter: Parameter, account: Account) -> Iterator[Rights]:
    """Allow the parameter; a SecureString is decrypted on the reader's behalf, by any key of the account."""
    arn = account.parameter(parameter)
    yield Rights("ReadConfiguration", ("ssm:GetParameter", "ssm:GetParameterHistory"), (arn,))
    yield _decrypt(account, "ssm", {"kms:EncryptionContext:PARAMETER_ARN": (arn,)})


def _read_object(stored: StoredObject, account: Account) -> Iterator[Rights]:
    """Allow the object, and earlier versions for where the newest is bad.

    What encrypts it is bound to the object, or with a bucket key to the bucket.
    """
    arn, bucket = account.object(stored), account.bucket(stored)
    if stored.version is None:
        yield Rights("ReadConfiguration", ("s3:GetObject", "s3:GetObjectVersion"), (arn,))
        only_its_own = {"StringEquals": {"s3:prefix": (stored.key,)}}
        yield Rights("FindEarlierConfigurations", ("s3:ListBucketVersions",), (bucket,), only_its_own)
    else:
        yield Rights("ReadConfiguration", ("s3:GetObjectVersion",), (arn,))
    yield _decrypt(account, "s3", {"kms:EncryptionContext:aws:s3:arn": (arn, bucket)})


def _decrypt(account: Account, service: str, context: Mapping[str, tuple[str, ...]]) -> Rights:
    through = {"kms:ViaService": (f"{service}.{account.region}.amazonaws.com",), **context}
    return Rights("DecryptConfiguration", ("kms:Decrypt",), (account.keys(),), {"StringEquals": through})
