"""Roles of other accounts, assumed over HTTP: by whom, how often, and what becomes of those who wait for it."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Any

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.pace import RestingError
from controller.aws.roles import AHEAD, REST, WITHIN, Grant, RoleCredentials
from controller.aws.tasks import Tasks
from controller.config import OWN, AccessSpec
from controller.sandbox.aws import Disturbance
from tests.support.accounts import EXTERNAL_ID, OTHER_ACCOUNT, OTHER_REGION, ROLE, THERE, all_clients, open_elsewhere
from tests.support.aws import create_cluster, create_queue, eventually
from tests.support.clock import ManualClock
from tests.support.controller import CONTROLLER
from tests.support.polls import Observer, read

if TYPE_CHECKING:
    from controller.aws.accesses import AllClients
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.accounts import Elsewhere

HOUR = 3600.0
HANG = Disturbance("sts", "AssumeRole", "hang", times=None, works=False)
"""STS takes requests and answers none."""


def look(clients: AllClients, access: AccessSpec = THERE, cluster: str = "workers") -> AwsError | None:
    """List a cluster; gives what went wrong."""
    try:
        Tasks(clients.of(access), cluster, CONTROLLER).observe({}, lambda _: None)
    except AwsError as error:
        return error
    return None


@pytest.fixture
def elsewhere(timed_aws: EmbeddedAws) -> Elsewhere:
    """Give the other account with one cluster."""
    there = open_elsewhere(timed_aws)
    create_cluster(there.place, "workers")
    return there


@pytest.fixture
def clients(timed_aws: EmbeddedAws, clock: ManualClock) -> AllClients:
    """Give a controller's clients, which have assumed nothing yet."""
    return all_clients(timed_aws, clock.handed_in())


def test_a_call_reaches_the_account_and_region_of_the_role(elsewhere: Elsewhere, clients: AllClients) -> None:
    """The cluster is there, and not in the controller's own account."""
    assert None is look(clients)
    missing = look(clients, OWN)
    assert missing is not None
    assert Kind.MISSING is missing.fault
    listed = elsewhere.aws.journal.calls("ecs", "ListTasks")
    assert [(OTHER_ACCOUNT, OTHER_REGION), ("123456789012", "eu-west-1")] == [
        (call.account, call.region) for call in listed
    ]


def test_the_role_is_assumed_once_in_the_controllers_name(elsewhere: Elsewhere, clients: AllClients) -> None:
    """At the region's own STS, for all clients of it; CloudTrail tells by the session which controller has asked."""
    for _ in range(3):
        assert None is look(clients)
    create_queue(elsewhere.place, "orders")
    assert [0] == [each.visible for each in read(clients.of(THERE), "orders")]  # type: ignore[union-attr]
    (call,) = elsewhere.aws.journal.calls("sts", "AssumeRole")
    assert OTHER_REGION == call.region
    asked = {key: call.parameters.get(key) for key in ("RoleArn", "RoleSessionName", "ExternalId")}
    assert {"RoleArn": ROLE, "RoleSessionName": CONTROLLER, "ExternalId": EXTERNAL_ID} == asked


def test_a_name_of_one_letter_is_made_longer(elsewhere: Elsewhere, timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """STS takes none of less than two characters."""
    assert None is look(all_clients(timed_aws, clock.handed_in(), name="a"))
    assert ["ecsq-a"] == [call.parameters["RoleSessionName"] for call in timed_aws.journal.calls("sts")]


REFUSED = {
    "another external id": (replace(THERE, external_id="osaka-7"), 'with "osaka-7" for sts:ExternalId'),
    "no external id": (
        replace(THERE, external_id=None),
        "without a condition on sts:ExternalId, since aws.external_id",
    ),
    "no such role": (replace(THERE, role_arn=f"{ROLE}-2"), f"role {ROLE}-2 of account {OTHER_ACCOUNT} cannot be"),
}


@pytest.mark.parametrize(("access", "said"), REFUSED.values(), ids=REFUSED)
def test_a_role_that_cannot_be_assumed_says_what_to_mend(
    elsewhere: Elsewhere, clients: AllClients, access: AccessSpec, said: str
) -> None:
    """Role, account, what the trust policy has to allow and to whom, and what AWS said; the scaler's key is named."""
    error = look(clients, access)
    assert error is not None
    assert (Kind.ACCESS_DENIED, "aws") == (error.fault, error.key)
    assert said in str(error)
    assert "its trust policy has to allow sts:AssumeRole to arn:aws:sts::123456789012:assumed-role/" in str(error)
    assert f"ecsq iam --assumed {access.role_arn}" in str(error)
    assert "AccessDenied: User:" in str(error)


def test_a_refused_role_holds_nothing_else(elsewhere: Elsewhere, clients: AllClients, clock: ManualClock) -> None:
    """The controller's own account, and a role that may be assumed, are asked as ever; no credentials are read anew."""
    create_cluster(elsewhere.aws, "workers")
    own = clients.own.read_credentials()
    for _ in range(3):
        assert look(clients, replace(THERE, external_id="osaka-7")) is not None
        assert [None, None] == [look(clients, OWN), look(clients)]
        clock.now += HOUR / 4
    assert own is clients.own.read_credentials()


def test_it_is_tried_again_and_works_once_it_is_allowed(
    elsewhere: Elsewhere, clients: AllClients, clock: ManualClock
) -> None:
    """Not at every call: whoever comes within seconds is told the same."""
    elsewhere.aws.roles.delete(ROLE)
    told = {str(look(clients)) for _ in range(3)}
    assert (1, 1) == (len(told), elsewhere.count_assumed())
    elsewhere.aws.roles.create(ROLE, external_id=EXTERNAL_ID)
    clock.now += 10
    assert None is look(clients)


def test_it_is_renewed_ahead_of_its_end(elsewhere: Elsewhere, clients: AllClients, clock: ManualClock) -> None:
    """Whoever asks at that moment goes on with what there is, and after its end with what came meanwhile."""
    assert None is look(clients)
    first = clients.of(THERE).read_credentials().get_frozen_credentials()
    clock.now += HOUR - AHEAD - 1
    assert (None, 1) == (look(clients), elsewhere.count_assumed())
    clock.now += 2
    assert None is look(clients)
    eventually(lambda: elsewhere.count_assumed() == 2)
    clock.now += AHEAD
    assert None is look(clients)
    assert first != clients.of(THERE).read_credentials().get_frozen_credentials()
    assert 2 == elsewhere.count_assumed()


def test_an_sts_that_does_not_answer_holds_nobody_who_has_something_to_sign_with(
    elsewhere: Elsewhere, clients: AllClients, clock: ManualClock
) -> None:
    """Calls go on until what was granted expires; then they say what is the matter."""
    assert None is look(clients)
    elsewhere.aws.disturbances.add(HANG)
    clock.now += HOUR - AHEAD + 1
    assert [None] * 5 == [look(clients) for _ in range(5)]
    elsewhere.aws.disturbances.clear()
    eventually(lambda: elsewhere.count_assumed() == 2)


def test_a_renewal_that_fails_is_tried_again_a_minute_later(
    elsewhere: Elsewhere, clients: AllClients, clock: ManualClock
) -> None:
    """While there is something to sign with; after its end every try counts."""
    assert None is look(clients)
    elsewhere.aws.roles.delete(ROLE)
    clock.now += HOUR - AHEAD + 1
    assert None is look(clients)
    eventually(lambda: elsewhere.count_assumed() == 2)
    assert [None] * 5 == [look(clients) for _ in range(5)]
    assert 2 == elsewhere.count_assumed()
    clock.now += REST
    assert None is look(clients)
    eventually(lambda: elsewhere.count_assumed() == 3)
    clock.now += AHEAD
    error = look(clients)
    assert error is not None
    assert "cannot be assumed" in str(error)


def test_a_renewal_on_request_assumes_the_role_anew(elsewhere: Elsewhere, clients: AllClients) -> None:
    """As on a reload: the role's policy, or the controller's, may have been mended. Meanwhile the old is good."""
    assert None is look(clients)
    clients.renew()
    elsewhere.aws.disturbances.add(HANG)
    assert None is look(clients)
    elsewhere.aws.disturbances.clear()
    eventually(lambda: elsewhere.count_assumed() == 2)


def test_credentials_that_aws_has_expired_are_no_reason_for_a_traceback(
    elsewhere: Elsewhere, clients: AllClients
) -> None:
    """By a clock of AWS that is ahead of this machine's; the message is that of any expired credentials."""
    assert None is look(clients)
    elsewhere.aws.disturbances.add(
        Disturbance("ecs", "*", "error", status=400, code="ExpiredTokenException", message="expired")
    )
    error = look(clients)
    assert error is not None
    assert Kind.ACCESS_DENIED is error.fault
    assert f"in account {OTHER_ACCOUNT}, {OTHER_REGION}" in str(error)


def test_what_was_granted_in_the_past_is_a_matter_of_the_clock(
    timed_aws: EmbeddedAws, clients: AllClients, clock: ManualClock
) -> None:
    """A machine whose clock is an hour fast finds all credentials expired as they come."""
    create_cluster(open_elsewhere(timed_aws, lasts=-1.0).place, "workers")
    error = look(clients)
    assert error is not None
    assert "has expired by this machine's clock: set the clock by NTP" in str(error)


def test_many_who_have_nothing_wait_for_one_call(elsewhere: Elsewhere, clients: AllClients) -> None:
    """However many threads ask at the same time."""
    went: list[Any] = []
    threads = [Thread(target=lambda: went.append(look(clients))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([None] * 8, 1) == (went, elsewhere.count_assumed())


def test_a_throttle_in_one_region_lets_another_be(elsewhere: Elsewhere, clients: AllClients) -> None:
    """AWS's limits are by account and region, and so is the rest after one; roles of one account share it."""
    create_cluster(elsewhere.aws, "workers")
    second = replace(THERE, role_arn=f"{ROLE}-2")
    elsewhere.aws.roles.create(f"{ROLE}-2")
    elsewhere.aws.disturbances.add(Disturbance("ecs", "ListTasks", "throttle", times=2))
    throttled = look(clients)
    assert throttled is not None
    assert Kind.THROTTLED is throttled.fault
    assert None is look(clients, OWN)
    with pytest.raises(RestingError):
        clients.of(second).admit("ListTasks")


def test_requests_to_sts_are_counted(elsewhere: Elsewhere, timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """With their outcome, like all others."""
    observer = Observer()
    clients = all_clients(timed_aws, clock.handed_in(), observe=observer)
    assert None is look(clients)
    assert ("sts", "AssumeRole", "success") in observer.seen


def test_a_region_of_the_own_account_needs_no_role(elsewhere: Elsewhere, clients: AllClients) -> None:
    """The controller's own credentials are good in all regions of its partition."""
    create_cluster(elsewhere.aws.open("123456789012", OTHER_REGION), "workers")
    assert None is look(clients, AccessSpec(OTHER_REGION))
    assert 0 == elsewhere.count_assumed()


def test_the_thread_that_asks_is_not_the_one_that_assumes(elsewhere: Elsewhere, clients: AllClients) -> None:
    """Whoever asks may be a thread that other scalers wait for."""
    seen: set[str] = set()
    assert None is look(clients)
    sts = clients.of(AccessSpec(OTHER_REGION)).other("sts")
    sts.meta.events.register("before-send", lambda **_: seen.add(current_thread().name))
    clients.renew()
    assert None is look(clients)
    eventually(lambda: elsewhere.count_assumed() == 2)
    assert current_thread().name not in seen


@given(st.lists(st.tuples(st.floats(0.0, 5000.0), st.booleans(), st.floats(1.0, 3600.0)), max_size=12))
def test_nobody_is_given_what_has_expired_and_nobody_fails_who_has_what_is_good(
    steps: list[tuple[float, bool, float]],
) -> None:
    """However long passes between two uses, however often STS refuses, and however long what it grants lasts."""
    clock, granted = ManualClock(1_000_000.0), dict[str, float]()
    works: Any = True
    lasts: Any = HOUR

    def assume() -> Grant:
        if not works:
            raise AwsError(Kind.ACCESS_DENIED, "refused")
        key = str(len(granted))
        granted[key] = clock.now + lasts
        return Grant(ReadOnlyCredentials(key, "secret", "token"), granted[key])

    credentials = RoleCredentials(ROLE, assume, clock.handed_in())
    for seconds, *what in steps:
        clock.now += seconds
        works, lasts = what
        usable = not credentials.refresh_needed(0)
        try:
            key = credentials.get_frozen_credentials().access_key
        except AwsError:
            assert (False, False) == (usable, works)
        else:
            assert granted[key] > clock.now
        if (call := credentials._call) is not None:
            assert call.done.wait(WITHIN)
