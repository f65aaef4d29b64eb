"""What ECS says when it does not start a task, and what each sentence means: one table for all of its ways to say it.

ECS says the same thing in many places: as the reason of an entry in RunTask's ``failures``, as the message of an
exception whose code means something else, or as ``stoppedReason`` of a task that RunTask has answered with. So the
words decide, and not what carries them:

- *capacity*: there is no room now. It passes by itself, or with a higher quota.
- *throttled*: too fast. It passes by itself.
- everything else lasts until a person mends it.

"Developer Guide" is the Amazon ECS Developer Guide: "API failure reasons" (api_failures_messages), "TaskFailedToStart
errors" (failed-to-start-error) and "Service event messages" (service-event-messages-list). A number is an issue or a
pull request on GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from controller.aws.faults import Fault

_QUOTA = "raise the quota in Service Quotas, or run fewer or smaller tasks"
_INSTANCES = "it passes when an instance has room; if not, the cluster or its capacity provider needs more of them"
_ADDRESSES = "free addresses in the subnets, or name more in task.subnets"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that ECS says."""

    pattern: re.Pattern[str]
    """Found anywhere in the text, in whatever case, with a straight apostrophe."""
    fault: Fault
    advice: str | None = None
    """What to do about it, where ECS does not say so itself."""


def _says(fault: Fault, *patterns: str, advice: str | None = None) -> Sentence:
    return Sentence(re.compile("|".join(patterns), re.IGNORECASE), fault, advice)


SENTENCES: tuple[Sentence, ...] = (
    # Names that users chose stand in such a message, and may hold any of the words below.
    _says(Fault.ACCESS_DENIED, r"\bnot authorized to (perform|access)\b"),
    # Capacity: of Fargate (gchq/sleeper 904, sil-org/ecs-deploy 277, Developer Guide), and of EC2 by the codes of its
    # API, which Managed Instances pass on behind "Unable to launch instance(s) for capacity provider".
    _says(
        Fault.CAPACITY,
        r"\bcapacity is (currently )?(unavailable|not available)\b",
        r"\b(insufficient|not enough|no spot) capacity\b",
        r"\bdo not have sufficient [^:]{0,60}capacity\b",
        r"\bInsufficient(Instance|Host|ReservedInstance)?Capacity\b",
        r"\bUnfulfillableCapacity\b",
    ),
    # Quotas of Fargate: tasks (wellcomecollection/platform 3875), Spot tasks (aws/copilot-cli 2685), vCPUs with either
    # apostrophe (Developer Guide); a task larger than what is left of one (dask/dask-cloudprovider 300).
    _says(
        Fault.CAPACITY,
        r"\breached (the|your) limit on the number of\b",
        r"\brequested (cpu|memory) configuration is above your limit\b",
        r"\b(Vcpu|Instance|MaxSpotInstanceCount)(Limit)?Exceeded\b",
        advice=_QUOTA,
    ),
    # More tasks wait for an EC2 capacity provider than a cluster may have (DIAGNijmegen/rse-grand-challenge 2013,
    # aws/aws-sdk-ruby 3047, RunTask's API reference). It says "limit exceeded", and is no throttle.
    _says(
        Fault.CAPACITY,
        r"\btasks? provisioning capacity limit\b",
        r"\btasks in (the )?PROVISIONING\b",
        advice="it passes when the tasks that wait have been placed",
    ),
    # Container instances: full, or not there yet (Developer Guide, aws/amazon-ecs-cli 178 and 1122,
    # PrefectHQ/prefect 20765, boto/boto3 2862).
    _says(
        Fault.CAPACITY,
        r"^(TaskFailedToStart: *)?RESOURCE:",
        r"\bno container instances were found in your (cluster|capacity provider)\b",
        r"\b(EMPTY CAPACITY PROVIDER|NO ACTIVE INSTANCES)\b",
        r"\binsufficient (cpu|memory)\b",
        advice=_INSTANCES,
    ),
    # An agent connects anew several times an hour (treasure-data/digdag 1723, dagster-io/dagster 34125,
    # aws/amazon-ecs-agent 24 and 375).
    _says(
        Fault.CAPACITY,
        r"^(TaskFailedToStart: *)?AGENT(:|\.?$)",
        advice="the agent of a container instance is not connected; it passes, unless the agent has died",
    ),
    # Addresses and network interfaces (Developer Guide, aws/amazon-vpc-cni-k8s 40 for EC2's words). A code of EC2 other
    # than these after "Create Network Interface", such as AuthFailure or TagPolicyViolation, is no shortage.
    _says(
        Fault.CAPACITY,
        r"\bInsufficientFreeAddressesInSubnet\b",
        r"\b(insufficient|not (have )?enough) (free |available )?(ip )?addresses\b",
        r"\bCreate Network Interface with public IP assignment enabled in subnet '[^']*'?\.?$",
        advice=_ADDRESSES,
    ),
    _says(
        Fault.CAPACITY,
        r"\b(NetworkInterface|Attachment|PrivateIpAddress)LimitExceeded\b",
        r"\bmaximum number of network interfaces\b",
        r"\bunable to attach network interface to unused device index\b",
        advice="the account, or a container instance, has no network interface left",
    ),
    # The interface or the disk did not come in time (apache/airflow 15000, aws/amazon-ecs-agent 4825,
    # aws-solutions/distributed-load-testing-on-aws 82, dagster-io/dagster's list of transient reasons).
    _says(
        Fault.CAPACITY,
        r"\btimeout waiting for (network interface|EphemeralStorage) provisioning\b",
        r"\btimeout wait for network interface provision\b",
    ),
    # Too fast: ECS's own limit, and EC2's, which ECS asks for subnets and security groups (dask/dask-cloudprovider 56,
    # dagster-io/dagster 33439, reproio/wrapbox 32, cdklabs/construct-hub 415); interfaces (AWS Batch passes it on).
    _says(
        Fault.THROTTLED,
        r"\brate (limit )?exceeded\b",
        r"\brequest limit exceeded\b",
        r"\b(RequestLimitExceeded|ThrottlingException|ThrottledException)\b",
        r"\bErrorCode: Throttling\b",
        r"\btoo many requests\b",
        r"\bexceeded its request rate limit\b",
    ),
    # RegisterTaskDefinition, from several places at once (PrefectHQ/prefect 15865, terraform-provider-aws 9777).
    _says(Fault.THROTTLED, r"\btoo many concurrent attempts to create a new revision\b"),
    # For a person (Developer Guide, aws/amazon-ecs-agent 1423, awsdocs/amazon-ecs-developer-guide 114).
    _says(
        Fault.INVALID,
        r"^(TaskFailedToStart: *)?LOCATION(:|\.?$)",
        advice="no container instance is in an Availability Zone of task.subnets",
    ),
    _says(
        Fault.INVALID,
        r"^(TaskFailedToStart: *)?ATTRIBUTE(:|\.?$)",
        advice="no container instance has an attribute that the task definition requires",
    ),
    _says(
        Fault.INVALID,
        r"\bMemberOf placement constraint unsatisfied\b",
        advice="no container instance meets the placement constraints",
    ),
    _says(Fault.MISSING, r"\bTaskDefinition (not found|is inactive)\b", r"\breferenced cluster was inactive\b"),
    # The fault of AWS's own side (Developer Guide, "was unable to place a task. Reason: Internal error.").
    _says(Fault.SERVER_ERROR, r"^internal error\b"),
)
"""In the order in which they are tried: the first that is found counts."""

_PASSING = (Fault.CAPACITY, Fault.THROTTLED)
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc", "'"))
"""ECS writes "You've" in more than one way."""
_ORDER_AMONG_FAILURES = (*_PASSING, Fault.SERVER_ERROR, Fault.MISSING, Fault.ACCESS_DENIED, Fault.INVALID)
"""Of several failures of one call: first what passes by itself."""
_PLACED = re.compile(r"\b(Cannot\w*|ResourceInitialization|\w*Timeout)Error\b")
"""ECS's own words for a task that had its place: an image that a registry refuses by rate is no shortage of AWS's."""
_LAUNCHING_INSTANCES = re.compile(r"\bunable to launch instance", re.IGNORECASE)
"""A task of Managed Instances that has no place yet, though ECS calls it ResourceInitializationError."""


def find_sentence(said: str) -> Sentence | None:
    """Return the sentence that is in ECS's words; None: none that is known."""
    text = " ".join(said.translate(_APOSTROPHES).split())
    return next((sentence for sentence in SENTENCES if sentence.pattern.search(text)), None)


def file_failures(reasons: Iterable[str]) -> Fault:
    """Return the kind of failure of a RunTask call by the reasons of its ``failures``.

    On container instances there is one for each instance that was tried. If one of them would do later, the task can
    start later, whatever the others lack. An answer without any blames nobody, so it is tried again by itself.
    """
    found = [find_sentence(reason) for reason in reasons]
    faults = {Fault.INVALID if sentence is None else sentence.fault for sentence in found} or {Fault.CAPACITY}
    return min(faults, key=_ORDER_AMONG_FAILURES.index)


def explain_failures(reasons: Iterable[str]) -> list[str]:
    """Return the reasons of a RunTask call's ``failures``, each once, with what they mean where ECS does not say it."""
    explained = []
    for reason in sorted(set(reasons)):
        sentence = find_sentence(reason)
        explained.append(f"{reason} ({sentence.advice})" if sentence is not None and sentence.advice else reason)
    return explained


def is_shortage(stopped_reason: str) -> bool:
    """Say whether a task that failed to start found no room, or was too fast: nothing is wrong with the task itself.

    ``stopped_reason`` is ECS's, never a container's own words.
    """
    if _PLACED.search(stopped_reason) and not _LAUNCHING_INSTANCES.search(stopped_reason):
        return False
    sentence = find_sentence(stopped_reason)
    return sentence is not None and sentence.fault in _PASSING
