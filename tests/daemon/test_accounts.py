"""A daemon with scalers in two accounts and two regions, as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import EXTERNAL_ID, OTHER_ACCOUNT, OTHER_REGION, ROLE, Elsewhere, open_elsewhere
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import CLIENT, SOON, Daemon, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.place import Place

LATER = f"{ROLE}-later"
"""A role that does not exist yet."""
WHERE = f"account {OTHER_ACCOUNT}, {OTHER_REGION}"


def prepare(place: EmbeddedAws | Place, *queues: str) -> None:
    """Make a cluster, a family and queues with a message each."""
    create_cluster(place, "main")
    register_template(place, "worker")
    for queue in queues:
        send_messages(place, create_queue(place, queue).url, 1)


@pytest.fixture(scope="module")
def elsewhere(shared_aws: EmbeddedAws) -> Elsewhere:
    """Give the other account."""
    there = open_elsewhere(shared_aws)
    prepare(shared_aws, "home")
    prepare(there.place, "away", "later")
    return there


@pytest.fixture(scope="module")
def daemon(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with a scaler at home, one elsewhere, and one whose role does not exist."""
    there = {"region": OTHER_REGION, "role_arn": ROLE, "external_id": EXTERNAL_ID}
    wanted = configuration(
        elsewhere.aws,
        scaler("home", "worker", cluster="main"),
        scaler("away", "worker", cluster="main", aws=there),
        scaler("later", "worker", cluster="main", aws=there | {"role_arn": LATER}),
    )
    with running(tmp_path_factory.mktemp("accounts"), wanted) as daemon:
        yield daemon


def launched(place: EmbeddedAws | Place, name: str) -> bool:
    """Say whether a scaler has a task in an account."""
    return any(task.group == name for task in place.ecs.tasks())


def test_each_launches_where_it_is_told_to(daemon: Daemon, elsewhere: Elsewhere) -> None:
    """By its own queue, with one role that is assumed once; the third waits for its own."""
    eventually(lambda: launched(elsewhere.aws, "home") and launched(elsewhere.place, "away"), within=SOON)
    eventually(lambda: daemon.last("later"), within=SOON)
    assert not launched(elsewhere.place, "later")
    assumed = [call for call in elsewhere.aws.journal.calls("sts", client=CLIENT) if call.status == 200]
    assert [(ROLE, "ecsq", OTHER_REGION)] == [
        (call.parameters["RoleArn"], call.parameters["RoleSessionName"], call.region) for call in assumed
    ]


def test_a_role_that_cannot_be_assumed_is_told_with_its_account(daemon: Daemon) -> None:
    """In /status, for its scaler alone; the process is healthy all the while."""
    eventually(lambda: (daemon.scaler("later").get("problem") or "").startswith("scaler later: role"), within=SOON)
    assert f"role {LATER} of account {OTHER_ACCOUNT} cannot be assumed" in daemon.scaler("later")["problem"]
    assert [None, None] == [daemon.scaler(name)["problem"] for name in ("home", "away")]
    assert 200 == daemon.get("/healthz")[0]


def test_it_is_shown_where_a_scaler_works(daemon: Daemon) -> None:
    """In /status and on its page, where that is not the controller's own account and region."""
    places = {name: daemon.scaler(name)["elsewhere"] for name in ("home", "away")}
    assert {"home": None, "away": f"queue and cluster in {WHERE}"} == places
    pages = {name: daemon.get(f"/scalers/{name}")[1] for name in ("home", "away")}
    assert [False, True] == [f"queue and cluster in {WHERE}" in pages[name] for name in ("home", "away")]


def test_no_label_of_a_metric_tells_an_account(daemon: Daemon) -> None:
    """Requests are counted by service, operation and outcome, wherever they go."""
    labels = {value for _, labels in daemon.samples() for _, value in labels}
    assert set() == {label for label in labels if OTHER_ACCOUNT in label or OTHER_REGION in label}
    assert (daemon.sample("aws_requests_total", service="sts", operation="AssumeRole", outcome="success") or 0) >= 1


def test_it_goes_on_as_soon_as_the_role_is_there(daemon: Daemon, elsewhere: Elsewhere) -> None:
    """After the wait of what a person has to mend, or at once by a reload."""
    elsewhere.aws.roles.create(LATER, external_id=EXTERNAL_ID)
    daemon.reload(daemon.config.read_text(encoding="utf-8"))
    eventually(lambda: launched(elsewhere.place, "later"), within=SOON)
    assert 0 == daemon.stop()
