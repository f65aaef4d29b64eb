"""The configuration: read, checked, and built into what the program runs on."""

from __future__ import annotations

from controller.config.loading import Loaded, load, load_content
from controller.config.places import Place, Places
from controller.config.problems import ConfigError, Problem
from controller.config.schema import json_schema
from controller.config.source import read_content
from controller.config.spec import (
    OWN,
    AccessSpec,
    AwsSpec,
    ControllerSpec,
    EventFormat,
    EventSpec,
    LogSpec,
    QueueSearch,
    ScalerSpec,
    ServerSpec,
    TaskSpec,
)

__all__ = [
    "OWN",
    "AccessSpec",
    "AwsSpec",
    "ConfigError",
    "ControllerSpec",
    "EventFormat",
    "EventSpec",
    "Loaded",
    "LogSpec",
    "Place",
    "Places",
    "Problem",
    "QueueSearch",
    "ScalerSpec",
    "ServerSpec",
    "TaskSpec",
    "json_schema",
    "load",
    "load_content",
    "read_content",
]
