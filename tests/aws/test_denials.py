from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.aws.denials import explain_denial
from controller.aws.errors import AwsError, Fault
from controller.aws.queue import Queue
from controller.sandbox.aws import Disturbance
from tests.support.controller import clients_of

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

ROLE = "User: arn:aws:sts::111122223333:assumed-role/ecsq-task/0a1b2c is not authorized to perform: "
USER = "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: "
QUEUE = "arn:aws:sqs:us-east-1:111122223333:orders"
WORKER = "arn:aws:ecs:us-east-1:111122223333:task-definition/worker:1"
WORKERS_ROLE = "arn:aws:iam::111122223333:role/worker-task"


IN_MAIN = 'RunTask in cluster "main"'
OF_ORDERS = 'queue "orders"'


@pytest.mark.parametrize(
    ("message", "operation", "subject", "explained"),
    [
        (
            f"{ROLE}sqs:getqueueattributes on resource: {QUEUE} because no identity-based policy allows the "
            "sqs:getqueueattributes action",
            "GetQueueAttributes",
            OF_ORDERS,
            f'not allowed to sqs:GetQueueAttributes for queue "orders": add sqs:GetQueueAttributes for {QUEUE} to the '
            "policy of role ecsq-task, as ecsq iam prints it",
        ),
        (
            f"{ROLE}ecs:RunTask on resource: {WORKER} because no identity-based policy allows the ecs:RunTask action",
            "RunTask",
            IN_MAIN,
            f'not allowed to RunTask in cluster "main": add ecs:RunTask for {WORKER} to the policy of role ecsq-task, '
            "as ecsq iam prints it",
        ),
        (
            f"{ROLE}iam:PassRole on resource: {WORKERS_ROLE} because no identity-based policy allows the iam:PassRole "
            "action",
            "RunTask",
            IN_MAIN,
            f'not allowed to iam:PassRole for RunTask in cluster "main": add iam:PassRole for {WORKERS_ROLE} to the '
            "policy of role ecsq-task, as ecsq iam prints it",
        ),
        (
            f"{USER}ecs:TagResource on resource: *.",
            "RunTask",
            IN_MAIN,
            'not allowed to ecs:TagResource for RunTask in cluster "main": add ecs:TagResource for * to the policy of '
            "user ada, as ecsq iam prints it",
        ),
        (
            "Access to the resource https://sqs.us-east-1.amazonaws.com/ is denied.",
            "GetQueueUrl",
            OF_ORDERS,
            'not allowed to sqs:GetQueueUrl for queue "orders": add sqs:GetQueueUrl to the policy of the task role, as '
            "ecsq iam prints it",
        ),
        (
            "no",
            "RunTask",
            IN_MAIN,
            'not allowed to RunTask in cluster "main": add ecs:RunTask to the policy of the task role, as '
            "ecsq iam prints it",
        ),
    ],
    ids=["queue", "run-task", "pass-role", "user", "old-words", "no-words"],
)
def test_a_denial_says_first_what_is_not_allowed_and_then_where_to_allow_it(
    message: str, operation: str, subject: str, explained: str
) -> None:
    """Once, with AWS's spelling of the action, and its resource where AWS names it."""
    assert explained == explain_denial(subject, "AccessDenied", message, operation)


@pytest.mark.parametrize(
    "why",
    [
        "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
        "with an explicit deny in an identity-based policy",
        "because no resource-based policy allows the sqs:getqueueattributes action",
        "because no permissions boundary allows the sqs:getqueueattributes action",
        "because no VPC endpoint policy allows the sqs:getqueueattributes action",
    ],
)
def test_what_another_policy_forbids_is_not_to_be_added_to_the_role(why: str) -> None:
    """AWS says which kind it is; an allowance more would change nothing."""
    message = f"{ROLE}sqs:getqueueattributes on resource: {QUEUE} {why}"
    assert (
        'not allowed to sqs:GetQueueAttributes for queue "orders": change the policy that AWS names; adding '
        "sqs:GetQueueAttributes to that of role ecsq-task does not help"
    ) == explain_denial(OF_ORDERS, "AccessDenied", message, "GetQueueAttributes")


@pytest.mark.parametrize(
    ("code", "explained"),
    [
        ("KMS.AccessDeniedException", "the key that encrypts it may not be used: change the key's policy, as AWS says"),
        ("BlockedException", "AWS does not allow this account to do it: ask AWS Support"),
        ("OptInRequired", "AWS does not allow this account to do it: ask AWS Support"),
        *(
            (code, "AWS does not accept the credentials: give the task a role, or the shell a valid profile")
            for code in ("InvalidClientTokenId", "ExpiredToken", "UnrecognizedClientException", "SignatureDoesNotMatch")
        ),
    ],
)
def test_other_denials_say_what_they_are_about(code: str, explained: str) -> None:
    """A key of encryption, the account, the credentials: no policy of the role's would help."""
    assert f"{OF_ORDERS}: {explained}" == explain_denial(OF_ORDERS, code, "no", "GetQueueAttributes")


def test_what_cannot_be_decrypted_is_no_matter_of_the_call() -> None:
    """Systems Manager names neither the action nor the key, and the right to read the parameter is there."""
    message = (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are "
        "not allowed to access."
    )
    assert (
        'parameter "/a" cannot be decrypted: add kms:Decrypt to the policy of the task role, as ecsq iam prints it, '
        "and see its key's policy"
    ) == explain_denial('parameter "/a"', "AccessDeniedException", message, "GetParameter")


EXPIRED = "Signature expired: 20261127T100000Z is now earlier than 20261127T100110Z (20261127T100610Z - 5 min.)"
EARLY = "Signature not yet current: 20261127T123000Z is still later than 20261127T103500Z (20261127T103000Z + 5 min.)"


@pytest.mark.parametrize(
    ("code", "message", "off"),
    [
        ("InvalidSignatureException", EXPIRED, "6m10s slow"),
        ("SignatureDoesNotMatch", EXPIRED, "6m10s slow"),
        ("InvalidSignatureException", EARLY, "2h fast"),
        ("RequestExpired", "Request has expired.", "wrong"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "wrong"),
        ("AccessDenied", "Signature expired", "wrong"),
    ],
    ids=["expired", "sqs", "early", "request-expired", "skewed", "other-code"],
)
def test_a_signature_of_another_time_names_the_clock(aws: EmbeddedAws, code: str, message: str, off: str) -> None:
    """And by how much it is off, if AWS tells; no policy and no key of the scaler is wrong."""
    aws.disturbances.add(Disturbance("sqs", "*", "error", times=None, status=403, code=code, message=message))
    with pytest.raises(AwsError) as caught:
        Queue(clients_of(aws), "orders").read_counts()
    assert (Fault.ACCESS_DENIED, None) == (caught.value.fault, caught.value.key)
    assert (
        f'queue "orders": this machine\'s clock is {off}, and AWS refuses requests signed at another time: '
        f"set the clock by NTP ({code}: {message})"
    ) == str(caught.value)


def test_aws_own_words_follow_what_is_to_be_mended(aws: EmbeddedAws) -> None:
    """Over HTTP, with the code."""
    message = f"{ROLE}sqs:getqueueurl on resource: {QUEUE} because no identity-based policy allows the action"
    aws.disturbances.add(Disturbance("sqs", "*", "error", status=403, code="AccessDenied", message=message))
    with pytest.raises(AwsError) as caught:
        Queue(clients_of(aws), "orders").read_counts()
    said = str(caught.value)
    assert said.startswith('not allowed to sqs:GetQueueUrl for queue "orders": add sqs:GetQueueUrl for ')
    assert said.endswith(f"(AccessDenied: {message})")
