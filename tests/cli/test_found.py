"""Commands on a configuration that looks for its queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from controller.cli import main
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_queue, register_template, send_messages
from tests.support.daemon import configuration, scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from controller.sandbox.aws import EmbeddedAws


@pytest.fixture
def ecsq(aws: EmbeddedAws, tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on a scaler with ``queues``, by its name, beside a scaler of one queue."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    create_queue(aws, "orders")
    template = register_template(aws, "worker")

    def run(queues: dict[str, Any], *arguments: str) -> Result:
        path = tmp_path / "config.yaml"
        looking = scaler("video", template, cluster=cluster, queues=queues, max_containers=10)
        document = configuration(
            aws, looking, scaler("orders", template, cluster=cluster), budget={"max_containers": 15}
        )
        path.write_text(yaml.safe_dump(document))
        command, *more = arguments
        return CliRunner().invoke(main, [command, "--config", str(path), *more])

    return run


def test_a_plan_says_which_queues_there_are_and_how_many_wait_in_each(
    aws: EmbeddedAws, ecsq: Callable[..., Result]
) -> None:
    """Of those that are added up, in a line."""
    send_messages(aws, create_queue(aws, "tenant-a").url, 2)
    create_queue(aws, "tenant-b")
    planned = ecsq({"prefix": "tenant-"}, "plan", "--scaler", "video")
    assert 0 == planned.exit_code, planned.output
    assert "  queues    2 queues: tenant-a 2 visible; tenant-b 0 visible\n" in planned.stdout
    (told,) = json.loads(ecsq({"prefix": "tenant-"}, "plan", "--scaler", "video", "--json").stdout)
    assert ["tenant-a", "tenant-b"] == [each["name"] for each in told["queues"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["video.tenant-a", "video.tenant-b", "orders"]),
        (("--scaler", "video"), ["video.tenant-a", "video.tenant-b"]),
        (("--scaler", "video.tenant-b"), ["video.tenant-b"]),
    ],
    ids=["all", "those-of-one", "one"],
)
def test_a_plan_has_a_scaler_for_each_queue(
    aws: EmbeddedAws, ecsq: Callable[..., Result], arguments: tuple[str, ...], expected: list[str]
) -> None:
    """They are chosen by their own name, or by that of the one that has found them."""
    for name in ("tenant-b", "tenant-a"):
        create_queue(aws, name)
    planned = ecsq({"prefix": "tenant-", "each": True}, "plan", *arguments)
    assert 0 == planned.exit_code, planned.output
    shown = [line.removeprefix("scaler ") for line in planned.stdout.splitlines() if line.startswith("scaler ")]
    assert expected == shown
    assert 'Scaler video has found 2 queues: queues named "tenant-...".' in planned.stdout


def test_a_scaler_that_finds_none_is_no_unknown_scaler(ecsq: Callable[..., Result]) -> None:
    """There is just nothing to plan; another name is refused, with those that there are."""
    planned = ecsq({"prefix": "tenant-", "each": True}, "plan", "--scaler", "video")
    assert 0 == planned.exit_code, planned.output
    assert "Scaler video has found 0 queues" in planned.stdout
    refused = ecsq({"prefix": "tenant-", "each": True}, "plan", "--scaler", "vidoe")
    assert 1 == refused.exit_code
    assert "there is no scaler 'vidoe'; there are: video, orders" in refused.stderr


def test_a_search_that_finds_nothing_is_warned_of(aws: EmbeddedAws, ecsq: Callable[..., Result]) -> None:
    """A misspelled prefix is valid, and the daemon would wait for such queues for ever."""
    checked = ecsq({"prefix": "tenannt-", "each": True}, "check", "--online")
    assert 0 == checked.exit_code, checked.output
    assert 'scalers[0].queues: finds nothing now: queues named "tenannt-...", dead-letter' in checked.stderr
    create_queue(aws, "tenannt-a")
    assert "finds nothing now" not in ecsq({"prefix": "tenannt-"}, "check", "--online").stderr


def test_a_queue_that_another_scaler_names_is_told_apart(aws: EmbeddedAws, ecsq: Callable[..., Result]) -> None:
    """It was found, and yet there is no such scaler of the search."""
    create_queue(aws, "orders-late")
    planned = ecsq({"prefix": "orders", "each": True}, "plan")
    assert 'has found 2 queues: queues named "orders..."; another scaler has 1 of them.' in planned.stdout


def test_a_check_of_what_is_found(aws: EmbeddedAws, ecsq: Callable[..., Result]) -> None:
    """Each queue is examined, and one template is judged once; without the right that is the problem."""
    for name in ("tenant-b", "tenant-a"):
        create_queue(aws, name)
    checked = ecsq({"prefix": "tenant-", "each": True}, "check", "--online")
    assert 0 == checked.exit_code, checked.output
    found = [line for line in checked.stderr.splitlines() if "scalers[0].queues: tenant-" in line]
    assert 2 == len(found)
    aws.disturbances.add(Disturbance("sqs", "ListQueues", "error", status=403, code="AccessDenied", times=None))
    denied = ecsq({"prefix": "tenant-", "each": True}, "check", "--online")
    assert 1 == denied.exit_code
    assert "scalers[0].queues: " in denied.stderr
    assert "sqs:ListQueues" in denied.stderr


def test_a_plan_without_the_queues_says_why(aws: EmbeddedAws, ecsq: Callable[..., Result]) -> None:
    """The others are planned all the same."""
    aws.disturbances.add(Disturbance("sqs", "ListQueues", "error", status=403, code="AccessDenied", times=None))
    planned = ecsq({"prefix": "tenant-"}, "plan")
    assert 1 == planned.exit_code
    assert "scaler orders\n" in planned.stdout
    assert "scaler video: " in planned.stderr
    assert "unknown: it could not be read" in planned.stdout


@pytest.mark.parametrize("queues", [{"prefix": "tenant-"}, {"tags": {"team": "video"}}], ids=["name", "tags"])
def test_the_policy_covers_what_is_found(aws: EmbeddedAws, ecsq: Callable[..., Result], queues: dict[str, Any]) -> None:
    """With the dead-letter queues of the queues that there are now."""
    dead = create_queue(aws, "given-up")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3})
    aws.client("sqs").tag_queue(
        QueueUrl=create_queue(aws, "tenant-a", RedrivePolicy=redrive).url, Tags={"team": "video"}
    )
    printed = json.loads(ecsq(queues, "iam").stdout)
    resources = {arn for statement in printed["Statement"] for arn in statement["Resource"]}
    assert dead.arn in resources
    assert (dead.arn.replace("given-up", "tenant-*") in resources) == ("prefix" in queues)


def test_a_simulation_with_the_history_of_one_of_each_is_refused(ecsq: Callable[..., Result]) -> None:
    """It is of one scaler, and which one nobody has said."""
    refused = ecsq({"prefix": "tenant-", "each": True}, "simulate", "--cloudwatch", "1d", "--scaler", "video")
    assert 1 == refused.exit_code
    assert "--cloudwatch: scaler video gives every queue a scaler of its own" in refused.stderr
