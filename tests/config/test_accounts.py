"""Another account or region for a scaler: how it is reached, and what contradicts that."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import OWN, AccessSpec, ConfigError, load
from controller.config.access import build_accesses
from controller.config.aws_schema import ScalerAws
from controller.config.regions import find_account, find_partition, find_region, partition_of
from tests.config.files import LEAST, problems, scaler

if TYPE_CHECKING:
    from controller.config import ScalerSpec

HERE = "aws: {region: us-east-1}\n"
WORKERS = "arn:aws:iam::222222222222:role/ecsq-workers"
QUEUES = "arn:aws:iam::333333333333:role/ecsq/queues"
QUEUE, DEFINITION = "queue: content-ingest", "definition: content-worker"


def spec_of(directory: Path, text: str) -> ScalerSpec:
    """Return the one scaler of a valid configuration."""
    path = directory / "config.yaml"
    path.write_text(text)
    return load(path).spec.scalers[0]


BUILT = {
    "nothing": ("{}", OWN, OWN),
    "the controller's own region": ("{region: us-east-1}", OWN, OWN),
    "a region": ("{region: eu-west-1}", AccessSpec("eu-west-1"), AccessSpec("eu-west-1")),
    "a role": (f"{{role_arn: '{WORKERS}'}}", AccessSpec(None, WORKERS), AccessSpec(None, WORKERS)),
    "a role with an external id": (
        f"{{role_arn: '{WORKERS}', region: eu-west-1, external_id: x7}}",
        AccessSpec("eu-west-1", WORKERS, "x7"),
        AccessSpec("eu-west-1", WORKERS, "x7"),
    ),
    "a role for each side": (
        f"{{role_arn: '{WORKERS}', queue_role_arn: '{QUEUES}', external_id: x7}}",
        AccessSpec(None, QUEUES, "x7"),
        AccessSpec(None, WORKERS, "x7"),
    ),
    "the queue is the controller's own": (
        f"{{role_arn: '{WORKERS}', queue_role_arn: own, external_id: x7}}",
        OWN,
        AccessSpec(None, WORKERS, "x7"),
    ),
    "only the queue is elsewhere": (f"{{queue_role_arn: '{QUEUES}'}}", AccessSpec(None, QUEUES), OWN),
}


@pytest.mark.parametrize(("section", "queue", "tasks"), BUILT.values(), ids=BUILT)
def test_queue_and_cluster_are_reached_as_it_is_written(
    tmp_path: Path, section: str, queue: AccessSpec, tasks: AccessSpec
) -> None:
    """One role and one region hold for both; an external id goes along with each role."""
    spec = spec_of(tmp_path, f"{HERE}{scaler(f'aws: {section}')}")
    assert (queue, tasks) == (spec.queue_access, spec.task_access)


@pytest.mark.parametrize(
    "queue",
    ["arn:aws:sqs:eu-west-1:333333333333:work", "https://sqs.eu-west-1.amazonaws.com/333333333333/work"],
    ids=["ARN", "URL"],
)
def test_a_queue_with_a_role_of_its_own_is_in_the_region_that_it_names(tmp_path: Path, queue: str) -> None:
    """So a queue may be in another region than the cluster; a bare name is where the cluster is."""
    text = scaler(f"aws: {{region: us-west-2, queue_role_arn: '{QUEUES}'}}")
    named = spec_of(tmp_path, f"{HERE}{text.replace(QUEUE, f'queue: {queue}')}")
    assert (AccessSpec("eu-west-1", QUEUES), AccessSpec("us-west-2")) == (named.queue_access, named.task_access)
    assert AccessSpec("us-west-2", QUEUES) == spec_of(tmp_path, f"{HERE}{text}").queue_access


def test_it_is_said_where_a_scaler_works_if_that_is_elsewhere(tmp_path: Path) -> None:
    """For people: account and region of queue and cluster, where they are not the controller's."""
    told = {
        "{}": None,
        f"{{region: eu-west-1, role_arn: '{WORKERS}'}}": "queue and cluster in account 222222222222, eu-west-1",
        f"{{queue_role_arn: '{QUEUES}'}}": (
            "queue in account 333333333333; cluster in the controller's own account and region"
        ),
    }
    assert told == {each: spec_of(tmp_path, f"{HERE}{scaler(f'aws: {each}')}").elsewhere for each in told}


def test_scalers_of_the_same_account_and_region_have_one_access(tmp_path: Path) -> None:
    """Also where only one of them says the region that is the controller's anyway."""
    first = spec_of(tmp_path, f"{HERE}{scaler('aws: {region: us-east-1}')}")
    second = spec_of(tmp_path, LEAST)
    assert first.queue_access is second.queue_access is first.task_access is OWN


ALONE = "for the queue alone scalers[0].aws.queue_role_arn (own: by the controller's own credentials)"
MISTAKES = {
    "no role": (
        scaler("aws: {role_arn: workers}"),
        [
            "10:21: scalers[0].aws.role_arn: must be the ARN of an IAM role, such as "
            'arn:aws:iam::123456789012:role/ecsq-workers; this is "workers"'
        ],
    ),
    "a user": (
        scaler("aws: {queue_role_arn: 'arn:aws:iam::222222222222:user/somebody'}"),
        [
            "10:27: scalers[0].aws.queue_role_arn: must be the ARN of an IAM role, or own: the controller's own; "
            'this is "arn:aws:iam::222222222222:user/somebody"'
        ],
    ),
    "an external id with a space": (
        scaler(f"aws: {{role_arn: '{WORKERS}', external_id: 'x 7'}}"),
        [
            "10:81: scalers[0].aws.external_id: must be an external id: 2 to 1224 letters, digits and _+=,.@:/-; "
            'this is "x 7"'
        ],
    ),
    "an external id alone": (
        scaler("aws: {external_id: x7}"),
        [
            "10:24: scalers[0].aws.external_id: has no effect without a role: set role_arn or queue_role_arn, too, or "
            "remove this key"
        ],
    ),
    "a role of another partition": (
        scaler("aws: {role_arn: 'arn:aws-cn:iam::222222222222:role/w'}"),
        [
            "10:21: scalers[0].aws.role_arn: is a role of the partition aws-cn, but us-east-1 is in aws: name a role "
            "of that partition, or run another controller"
        ],
    ),
    "a region of another partition": (
        scaler("aws: {region: us-gov-west-1}"),
        [
            "10:19: scalers[0].aws.region: is in the partition aws-us-gov, and the controller's in aws: no "
            "credentials are good for both; run another controller there"
        ],
    ),
    "a queue of another region": (
        scaler("aws: {region: eu-west-1}").replace(QUEUE, "queue: arn:aws:sqs:us-east-1:222222222222:work"),
        [
            "4:12: scalers[0].queue: is in us-east-1, but scalers[0].aws.region is eu-west-1: change one of the two, "
            f"or {ALONE}"
        ],
    ),
    "a definition of another region": (
        scaler("aws: {region: eu-west-1}").replace(
            DEFINITION, "definition: arn:aws:ecs:us-east-1:222222222222:task-definition/w:7"
        ),
        [
            "8:19: scalers[0].task.definition: is in us-east-1, but scalers[0].aws.region is eu-west-1: change one "
            "of the two"
        ],
    ),
    "a cluster of another account": (
        scaler(f"  cluster: arn:aws:ecs:us-east-1:111111111111:cluster/c\naws: {{role_arn: '{WORKERS}'}}"),
        [
            "10:16: scalers[0].task.cluster: is in account 111111111111, but scalers[0].aws.role_arn is a role of "
            "222222222222: change one of the two"
        ],
    ),
    "a queue of another account": (
        scaler(f"aws: {{role_arn: '{WORKERS}'}}").replace(
            QUEUE, "queue: https://sqs.us-east-1.amazonaws.com/111111111111/work"
        ),
        [
            "4:12: scalers[0].queue: is in account 111111111111, but scalers[0].aws.role_arn is a role of "
            f"222222222222: change one of the two, or {ALONE}"
        ],
    ),
    "a queue of another account than its own role": (
        scaler(f"aws: {{queue_role_arn: '{QUEUES}'}}").replace(QUEUE, "queue: arn:aws:sqs:eu-west-1:111111111111:work"),
        [
            "4:12: scalers[0].queue: is in account 111111111111, but scalers[0].aws.queue_role_arn is a role of "
            "333333333333: change one of the two"
        ],
    ),
    "a cluster of another partition": (
        scaler(f"  cluster: arn:aws-cn:ecs:us-east-1:222222222222:cluster/c\naws: {{role_arn: '{WORKERS}'}}"),
        [
            "10:16: scalers[0].task.cluster: is in the partition aws-cn, but scalers[0].aws.role_arn is a role of "
            "aws: change one of the two"
        ],
    ),
    "queues that are looked for elsewhere": (
        scaler(f"aws: {{role_arn: '{WORKERS}'}}").replace(QUEUE, "queues: {prefix: tenant-}"),
        [
            "4:5: scalers[0].queues: are looked for in the controller's own account and region alone: list them, or "
            "set aws.queue_role_arn to own, without a region"
        ],
    ),
    "queues of two regions": (
        scaler(f"aws: {{queue_role_arn: '{QUEUES}'}}").replace(
            QUEUE, "queues: ['arn:aws:sqs:eu-west-1:333333333333:a', 'arn:aws:sqs:us-west-2:333333333333:b']"
        ),
        ["4:54: scalers[0].queues[1]: is in us-west-2, but that of the first one is eu-west-1: change one of the two"],
    ),
    "an unknown key": (
        scaler("aws: {rolearn: x}"),
        ["10:11: scalers[0].aws.rolearn: is not a known key; did you mean role_arn?"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_what_contradicts_itself_is_refused(tmp_path: Path, text: str, expected: list[str]) -> None:
    """With line and column, and with the way out."""
    assert expected == problems(tmp_path, f"{HERE}{text}")


def test_queues_of_two_regions_contradict_each_other_where_no_region_is_said(tmp_path: Path) -> None:
    """One scaler's queues are in one region, whichever that is."""
    queues = "queues: ['arn:aws:sqs:eu-west-1:222222222222:a', 'arn:aws:sqs:us-west-2:222222222222:b']"
    (problem,) = problems(tmp_path, scaler("").replace(QUEUE, queues))
    assert problem.endswith(
        "scalers[0].queues[1]: is in us-west-2, but that of the first one is eu-west-1: change one of the two"
    )


def test_a_region_is_held_against_names_beside_an_endpoint_as_well(tmp_path: Path) -> None:
    """An endpoint may be of any region; what the scaler itself says of its region counts all the same."""
    text = scaler("aws: {region: eu-west-1}").replace(QUEUE, "queue: arn:aws:sqs:us-east-1:222222222222:work")
    assert 1 == len(problems(tmp_path, f"aws: {{endpoint_url: 'http://127.0.0.1:4566'}}\n{text}"))


def test_scalers_of_queues_with_one_name_in_two_accounts_do_not_share_a_queue(tmp_path: Path) -> None:
    """No warning: they count different messages."""
    path = tmp_path / "config.yaml"
    other = scaler(f"aws: {{role_arn: '{WORKERS}'}}").removeprefix("scalers:\n").replace("content-ingest", "other", 1)
    path.write_text(f"{HERE}{LEAST}{other.replace(QUEUE, 'queue: content-ingest')}")
    assert () == load(path).warnings


NAMES = {
    "content-ingest": (None, None, None),
    "arn:aws:sqs:eu-west-1:222222222222:q": ("eu-west-1", "222222222222", "aws"),
    "arn:aws-us-gov:ecs:us-gov-west-1:222222222222:cluster/c": ("us-gov-west-1", "222222222222", "aws-us-gov"),
    "arn:aws:iam::222222222222:role/r": (None, "222222222222", "aws"),
    "https://sqs.cn-north-1.amazonaws.com.cn/222222222222/q": ("cn-north-1", "222222222222", "aws-cn"),
    "https://eu-west-1.queue.amazonaws.com/222222222222/q": ("eu-west-1", "222222222222", "aws"),
    "http://127.0.0.1:4566/222222222222/q": (None, "222222222222", None),
    "http://127.0.0.1:4566/queue/q": (None, None, None),
}


@pytest.mark.parametrize(("name", "place"), NAMES.items(), ids=NAMES)
def test_a_name_says_where_it_is(name: str, place: tuple[str | None, str | None, str | None]) -> None:
    """Region, account and partition, as far as it names them."""
    assert place == (find_region(name), find_account(name), find_partition(name))


REGIONS = st.sampled_from(["us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1"])
ACCOUNTS = st.sampled_from(["111111111111", "222222222222"])
PARTITIONS = st.sampled_from(["aws", "aws-cn", "aws-us-gov"])
ROLES = st.builds("arn:{}:iam::{}:role/r".format, PARTITIONS, ACCOUNTS)
SECTIONS = st.fixed_dictionaries(
    {}, optional={"region": REGIONS, "role_arn": ROLES, "queue_role_arn": st.one_of(ROLES, st.just("own"))}
)
ARN = "arn:{0}:{3}:{1}:{2}:{4}"


@given(
    own=REGIONS,
    section=SECTIONS,
    queue=st.builds(lambda *place: ARN.format(*place, "sqs", "q"), PARTITIONS, REGIONS, ACCOUNTS),
    cluster=st.builds(lambda *place: ARN.format(*place, "ecs", "cluster/c"), PARTITIONS, REGIONS, ACCOUNTS),
)
def test_what_is_valid_is_reached_where_it_says_that_it_is(
    own: str, section: dict[str, str], queue: str, cluster: str
) -> None:
    """Whatever is combined: a valid scaler's queue and cluster are asked for in their region, account and partition."""
    written = ", ".join(f"{key}: '{value}'" for key, value in section.items())
    text = scaler(f"  cluster: {cluster}\naws: {{{written}}}").replace(QUEUE, f"queue: {queue}")
    with TemporaryDirectory() as directory:
        try:
            spec = spec_of(Path(directory), f"aws: {{region: {own}}}\n{text}")
        except ConfigError:
            return
    for name, access in ((queue, spec.queue_access), (cluster, spec.task_access)):
        region = access.region or own
        assert (region, access.account or find_account(name)) == (find_region(name), find_account(name))
        if access.role_arn is not None:
            assert find_partition(access.role_arn) == partition_of(region) == find_partition(name)


@given(section=SECTIONS, queue=st.sampled_from(list(NAMES)), own=st.one_of(st.none(), REGIONS))
def test_an_external_id_goes_with_roles_alone(section: dict[str, str], queue: str, own: str | None) -> None:
    """So that scalers that need no role share what is made for the controller's own credentials."""
    accesses = build_accesses(ScalerAws(**section, external_id="x7"), (queue,), own)
    assert [access.role_arn is not None for access in accesses] == [bool(access.external_id) for access in accesses]
