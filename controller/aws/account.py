"""What the account allows: quotas of vCPUs, and free addresses of subnets. Only commands ask for it, never a daemon."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from controller.aws.answers import read_text
from controller.aws.session import READ_ATTEMPTS, Clients

QUOTAS: Final[Mapping[str, str]] = {"FARGATE": "L-3032A538", "FARGATE_SPOT": "L-36FBB829"}
"""The codes of Fargate's quotas "On-Demand vCPU resource count" and "Spot vCPU resource count"."""


def read_quota(clients: Clients, kind: str) -> float:
    """Return how many vCPUs the account may run of a kind of QUOTAS at a time. Raises AwsError."""
    with clients.asking(f"the quota of vCPUs of {kind}", None):
        service = clients.other("service-quotas", READ_ATTEMPTS)
        answer = service.get_service_quota(ServiceCode="fargate", QuotaCode=QUOTAS[kind])
        return float(answer["Quota"]["Value"])


def count_free_addresses(clients: Clients, subnets: Collection[str]) -> dict[str, int]:
    """Return the free addresses of each subnet, given by id. Raises AwsError, also where one does not exist."""
    with clients.asking(f"the subnets {', '.join(sorted(subnets))}", "task.subnets"):
        answer = clients.other("ec2", READ_ATTEMPTS).describe_subnets(SubnetIds=sorted(subnets))
        return {read_text(each["SubnetId"]): int(each["AvailableIpAddressCount"]) for each in answer["Subnets"]}
