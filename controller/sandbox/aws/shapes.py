"""The shape of every operation's input, out of botocore's own model of the service."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore.validate import ParamValidator

from controller.sandbox.aws.wire import AwsError, Json

if TYPE_CHECKING:
    from botocore.model import ServiceModel


def check_shape(service: str, operation: str, parameters: Json) -> None:
    """Refuse parameters of the wrong type or without a required member, whichever client sent them.

    Raises ``SerializationException``.
    """
    shape = _model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape) if shape is not None else None
    if report is not None and report.has_errors():
        raise AwsError("SerializationException", report.generate_report())


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
