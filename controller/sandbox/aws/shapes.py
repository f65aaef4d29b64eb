"""Checks the input of an operation against botocore's model of the service."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore.validate import ParamValidator

from controller.sandbox.aws.wire import ApiError, Json

if TYPE_CHECKING:
    from botocore.model import ServiceModel


def check_shape(service: str, operation: str, parameters: Json) -> None:
    """Check the types of the parameters, and that no required member is missing.

    Raises ``SerializationException``.
    """
    shape = _load_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape) if shape is not None else None
    if report is not None and report.has_errors():
        raise ApiError("SerializationException", report.generate_report())


@cache
def _load_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
