import pytest

from controller.aws.faults import Fault
from controller.aws.sentences import SENTENCES, explain_failures, file_failures, find_sentence, is_shortage

CAPACITY = (
    "Capacity is unavailable at this time. Please try again later or in a different availability zone",
    "You've reached the limit on the number of vCPUs you can run concurrently",
    "You\u2019ve reached the limit on the number of vCPUs you can run concurrently",
    "You've reached the limit on the number of tasks you can run concurrently. For more information, see the guide.",
    "You\u2019ve reached the limit on the number of spot tasks you can run concurrently",
    "The requested CPU configuration is above your limit",
    "Tasks provisioning capacity limit exceeded.",
    "The quota of tasks in the PROVISIONING per cluster has been reached.",
    "No Container Instances were found in your cluster.",
    "No Container Instances were found in your capacity provider.",
    "TaskFailedToStart: EMPTY CAPACITY PROVIDER",
    "TaskFailedToStart: NO ACTIVE INSTANCES",
    "RESOURCE:CPU",
    "RESOURCE:MEMORY",
    "RESOURCE:MEMORY: no instance has 8 GB",
    "RESOURCE:ENI",
    "RESOURCE:PORTS",
    "RESOURCE:GPU",
    "TaskFailedToStart: RESOURCE:MEMORY",
    "AGENT",
    "agent",
    "TaskFailedToStart: AGENT",
    "Unexpected EC2 error while attempting to Create Network Interface in subnet '': InsufficientFreeAddressesInSubnet",
    "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet "
    "'subnet-0a1b2c3d'",
    "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet "
    "'subnet-0a1b2c3d': InsufficientFreeAddressesInSubnet",
    "The specified subnet does not have enough free addresses to satisfy the request.",
    "Unexpected EC2 error while attempting to Create Network Interface in subnet 's': NetworkInterfaceLimitExceeded",
    "The maximum number of network interfaces has been reached.",
    "Unable to attach network interface to unused device index",
    "Timeout waiting for network interface provisioning to complete.",
    "network interface provision complete error timeout wait for network interface provision",
    "Timeout waiting for EphemeralStorage provisioning to complete.",
    "ResourceInitializationError: Unable to launch instance(s) for capacity provider g5. InsufficientInstanceCapacity: "
    "We currently do not have sufficient g5.xlarge capacity in the Availability Zone you requested.",
    "ResourceInitializationError: Unable to launch instance(s) for capacity provider gpu. VcpuLimitExceeded: no",
)
THROTTLED = (
    "Rate exceeded",
    "Rate exceeded.",
    "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)",
    "Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)",
    "Rate limit exceeded while preparing network interface to be attached to instance",
    "Request limit exceeded. Account 111122223333 has been throttled on ec2:RunInstances because it exceeded its "
    "request rate limit.",
    "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': RequestLimitExceeded",
)
A_PERSON = (
    "LOCATION",
    "ATTRIBUTE",
    "TaskFailedToStart: ATTRIBUTE",
    "MemberOf placement constraint unsatisfied.",
    "The subnet ID 'subnet-1' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
    "No capacity provider was found",
    "The specified capacity provider 'AGENT' was not found.",
    "Your account is currently blocked",
    "Agents of this kind are not supported",
    "Invalid 'cpu' setting for task.",
)
START_FAILURES = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): toomanyrequests: You have reached your "
    "pull rate limit.",
    "CannotPullContainerError: failed to copy: 429 Too Many Requests: toomanyrequests: Rate exceeded",
    "CannotStartContainerError: failed to create shim: capacity is unavailable",
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "ThrottlingException: Rate exceeded",
    "ResourceInitializationError: unable to pull secrets: AccessDeniedException: User is not authorized to perform: "
    "secretsmanager:GetSecretValue",
    "ResourceInitializationError: failed to configure ENI: failed to setup regular eni: netplugin failed",
    "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: rate exceeded",
    "ResourceInitializationError: Unable to launch instance(s) for capacity provider gpu. UnauthorizedOperation: User: "
    "a is not authorized to perform: iam:PassRole",
    "Unexpected EC2 error while attempting to tag the network interface: TagPolicyViolation",
    "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': AuthFailure",
    "Essential container in task exited",
    "",
)


@pytest.mark.parametrize("said", CAPACITY)
def test_a_want_of_room_is_capacity_wherever_it_is_said(said: str) -> None:
    """As a reason of ``failures``, in an exception, and as the reason of a task that stopped before it ran."""
    sentence = find_sentence(said)
    assert sentence is not None
    assert (Fault.CAPACITY, Fault.CAPACITY, True) == (sentence.fault, file_failures([said]), is_shortage(said))


@pytest.mark.parametrize("said", THROTTLED)
def test_too_fast_is_known_behind_other_words(said: str) -> None:
    """It passes by itself, for a task that has stopped as well."""
    assert (Fault.THROTTLED, True) == (file_failures([said]), is_shortage(said))


@pytest.mark.parametrize("said", A_PERSON)
def test_the_rest_is_for_a_person(said: str) -> None:
    """Known or not: what nobody has seen pass by itself is not taken for it."""
    assert (Fault.INVALID, False) == (file_failures([said]), is_shortage(said))


@pytest.mark.parametrize("said", START_FAILURES)
def test_a_task_that_had_its_place_is_no_shortage(said: str) -> None:
    """A registry that refuses by rate, a secret, a container's own words: the task itself fails, and would again."""
    assert not is_shortage(said)


@pytest.mark.parametrize("said", [*CAPACITY, *THROTTLED])
def test_neither_case_nor_white_space_matters(said: str) -> None:
    """AWS has changed both before."""
    assert find_sentence(said) is find_sentence(said.upper()) is find_sentence(f" {said.replace(' ', '  ')}\n")


@pytest.mark.parametrize(
    ("reasons", "fault"),
    [
        ((), Fault.CAPACITY),
        (("ATTRIBUTE", "RESOURCE:CPU"), Fault.CAPACITY),
        (("LOCATION", "AGENT", "Rate exceeded"), Fault.CAPACITY),
        (("ATTRIBUTE", "Rate exceeded"), Fault.THROTTLED),
        (("Internal error.",), Fault.SERVER_ERROR),
        (("TaskDefinition is inactive",), Fault.MISSING),
        (("ATTRIBUTE", "something new"), Fault.INVALID),
    ],
    ids=["none", "one-instance-is-full", "one-agent-is-away", "too-fast", "aws", "missing", "a-person"],
)
def test_of_several_failures_counts_what_passes_by_itself(reasons: tuple[str, ...], fault: Fault) -> None:
    """There is one for each container instance that was tried, and one instance is enough."""
    assert fault == file_failures(reasons)


def test_a_short_reason_is_explained() -> None:
    """Once, however many instances gave it; AWS's own sentences say enough."""
    said = explain_failures(["LOCATION", "Rate exceeded", "LOCATION"])
    assert ["LOCATION (no container instance is in an Availability Zone of task.subnets)", "Rate exceeded"] == said


def test_every_sentence_is_filed_for_itself() -> None:
    """Each is found by an example of this page, and none is hidden behind another."""
    examples = (*CAPACITY, *THROTTLED, *A_PERSON, *START_FAILURES, "TaskDefinition not found.", "Internal error.")
    revisions = "Too many concurrent attempts to create a new revision of the specified family."
    found = {id(find_sentence(said)) for said in (*examples, revisions)}
    assert [] == [sentence.pattern.pattern for sentence in SENTENCES if id(sentence) not in found]
