"""An AWS on this machine: ECS and SQS as they behave, for real clients over real HTTP.

ECS (clusters, task definitions, tasks) is our own, because moto plays it too kindly: it starts twice what is asked
once, refuses nothing, and its tasks do not live. Queues and whatever else a client may ask for are moto's.
"""

from controller.sandbox.aws.control import ContainerView, EcsControl, TaskView
from controller.sandbox.aws.embedded import EmbeddedAws
from controller.sandbox.aws.faults import Fault, Faults
from controller.sandbox.aws.journal import Call, Journal
from controller.sandbox.aws.timing import Timing
from controller.sandbox.aws.wire import METADATA, METADATA_VARIABLE

__all__ = [
    "METADATA",
    "METADATA_VARIABLE",
    "Call",
    "ContainerView",
    "EcsControl",
    "EmbeddedAws",
    "Fault",
    "Faults",
    "Journal",
    "TaskView",
    "Timing",
]
