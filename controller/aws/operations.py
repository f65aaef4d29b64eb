"""The operations that AWS is asked for, and the members that every success of each carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ANSWERS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("sqs", "GetQueueUrl"): ("QueueUrl",),
    ("sqs", "GetQueueAttributes"): ("Attributes",),
    ("sqs", "ListQueues"): (),
    ("resource-groups-tagging-api", "GetResources"): ("ResourceTagMappingList",),
    ("ecs", "ListTasks"): ("taskArns",),
    ("ecs", "DescribeTasks"): ("tasks", "failures"),
    ("ecs", "DescribeTaskDefinition"): ("taskDefinition",),
    ("ecs", "ListTaskDefinitions"): ("taskDefinitionArns",),
    ("ecs", "RegisterTaskDefinition"): ("taskDefinition",),
    ("cloudwatch", "GetMetricData"): ("MetricDataResults",),
    ("ecs", "RunTask"): ("tasks", "failures"),
    ("ssm", "GetParameter"): ("Parameter",),
    ("ssm", "GetParameterHistory"): ("Parameters",),
    ("s3", "GetObject"): (),
    ("s3", "ListObjectVersions"): (),
    ("s3", "HeadBucket"): (),
    ("eventbridge", "PutEvents"): ("Entries",),
    ("sts", "AssumeRole"): ("Credentials",),
}
"""By service and operation: the members of an answer, empty or not. A daemon asks for nothing else.

Those of S3 are told by their status, and a content that has not changed is an answer without any. HeadBucket is
botocore's own question after a redirection that does not say to which region. SQS leaves out the list of queues where
it finds none."""
BY_COMMANDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("service-quotas", "GetServiceQuota"): ("Quota",),
    ("ec2", "DescribeSubnets"): ("Subnets",),
}
"""What commands ask for beside that."""
