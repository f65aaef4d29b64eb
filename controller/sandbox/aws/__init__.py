"""An AWS on this machine: ECS and SQS as they behave, for real clients over real HTTP.

ECS (clusters, task definitions, tasks) is our own, because moto's is too lenient: it starts a repeated request twice,
refuses nothing, and its tasks never change. Queues, and every other service that a client may ask for, are moto's.
"""

from controller.sandbox.aws.control import ContainerView, EcsControl, TaskView
from controller.sandbox.aws.disturbances import Disturbance, Disturbances
from controller.sandbox.aws.embedded import EmbeddedAws
from controller.sandbox.aws.journal import Journal, JournalEntry
from controller.sandbox.aws.timing import Timing
from controller.sandbox.aws.wire import METADATA, METADATA_VARIABLE

__all__ = [
    "METADATA",
    "METADATA_VARIABLE",
    "ContainerView",
    "Disturbance",
    "Disturbances",
    "EcsControl",
    "EmbeddedAws",
    "Journal",
    "JournalEntry",
    "TaskView",
    "Timing",
]
