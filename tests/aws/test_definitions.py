from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws import definitions as definitions_module
from controller.aws.definitions import Definitions
from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.core.copies.fingerprint import our_tags
from controller.sandbox.aws import Disturbance
from tests.support.aws import container, register_template, unique
from tests.support.controller import clients_of

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.disturbances import Kind as Kinds
    from tests.support.clock import ManualClock

APP = "ecsq-ecsq"
TEMPLATE = "arn:aws:ecs:us-east-1:123456789012:task-definition/content-worker:7"


@pytest.fixture
def family() -> str:
    """Name of a derived family that nobody has registered yet."""
    return f"{unique('family')}-x2"


def definition(family: str, print_: str) -> dict[str, Any]:
    """Return what registers a revision that carries a fingerprint."""
    return {"family": family, "containerDefinitions": [container(memory=64)], "tags": our_tags(print_, TEMPLATE, 2)}


def deregister(aws: EmbeddedAws, name: str) -> None:
    """Make a revision INACTIVE."""
    aws.client("ecs").deregister_task_definition(taskDefinition=name)


def requests(aws: EmbeddedAws) -> list[str]:
    """Return the operations that the controller asked for, in order."""
    return [call.operation for call in aws.journal.calls(client=APP)]


def test_what_botocore_does_not_know_is_told(aws: EmbeddedAws, family: str) -> None:
    """Its parser drops such a member in silence; what ECS answers today is all known."""
    register_template(aws, family, tags=[{"key": "team", "value": "content"}])
    plain = aws.client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    known = {"taskDefinitionArn": plain["taskDefinitionArn"], "family": family, "revision": 1}
    worker = {"name": "worker", "sandboxProfile": "strict", "dependsOn": [{"containerName": "a", "after": 5}]}
    described = {**known, "containerDefinitions": [worker, worker], "isolation": {"level": 2}}
    aws.disturbances.add(Disturbance("ecs", "DescribeTaskDefinition", "replace", body={"taskDefinition": described}))
    definitions = Definitions(clients_of(aws))
    expected = ["containerDefinitions.dependsOn.after", "containerDefinitions.sandboxProfile", "isolation"]
    assert (expected, []) == (definitions.read_template(family).unknown, definitions.read_template(family).unknown)


@pytest.mark.parametrize(
    ("given", "revision"),
    [
        ("{family}", 2),
        ("{family}:1", 1),
        ("arn:aws:ecs:us-east-1:123456789012:task-definition/{family}:1", 1),
    ],
    ids=["family", "revision", "arn"],
)
def test_a_template_is_found_by_family_revision_or_arn(
    aws: EmbeddedAws, family: str, given: str, revision: int
) -> None:
    """A family means its newest revision, the others exactly what they name."""
    for _ in range(2):
        register_template(aws, family)
    template = Definitions(clients_of(aws)).read_template(given.format(family=family))
    assert (family, revision) == (template.family, template.revision)


def test_a_family_is_looked_up_each_time(aws: EmbeddedAws, family: str) -> None:
    """A revision registered between two launches is taken at the second, one deregistered is left."""
    definitions, revisions = Definitions(clients_of(aws)), []
    register_template(aws, family)
    for change in (lambda: None, lambda: register_template(aws, family), lambda: deregister(aws, f"{family}:2")):
        change()
        revisions.append(definitions.read_template(family).revision)
    assert [1, 2, 1] == revisions


def test_a_template_carries_its_tags(aws: EmbeddedAws, family: str) -> None:
    """Tags come only to those who ask for them."""
    tags = [{"key": "team", "value": "content"}]
    register_template(aws, family, tags=tags)
    assert tags == Definitions(clients_of(aws)).read_template(family).tags


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nobody", 'task definition "nobody" does not exist in us-east-1, or is not active'),
        ("nobody:3", 'task definition "nobody:3" does not exist in us-east-1, or is not active'),
        ("{family}", 'task definition "{family}" does not exist in us-east-1, or is not active'),
        ("{family}:1", 'task definition "{family}:1" is deregistered: name an active revision'),
    ],
    ids=["family", "revision", "all-inactive", "inactive-revision"],
)
def test_a_missing_template_is_named(aws: EmbeddedAws, family: str, given: str, message: str) -> None:
    """The message says which and where; ECS describes a deregistered revision as if nothing were wrong."""
    deregister(aws, register_template(aws, family))
    with pytest.raises(AwsError) as caught:
        Definitions(clients_of(aws)).read_template(given.format(family=family))
    assert message.format(family=family) == str(caught.value)
    assert (Kind.MISSING, "task.definition") == (caught.value.fault, caught.value.key)


@pytest.mark.parametrize(
    ("disturbance", "kind", "key"),
    [
        (
            Disturbance("ecs", "*", "error", times=None, status=400, code="AccessDeniedException"),
            Kind.ACCESS_DENIED,
            None,
        ),
        (Disturbance("ecs", "*", "error", times=None), Kind.SERVER_ERROR, None),
        (Disturbance("ecs", "*", "malformed", times=None), Kind.SERVER_ERROR, None),
    ],
    ids=["denied", "server-error", "malformed"],
)
def test_a_failure_names_the_definition(
    aws: EmbeddedAws, family: str, disturbance: Disturbance, kind: Kind, key: str | None
) -> None:
    """Whichever of the three calls it was; and the key to check, where there is something to mend."""
    register_template(aws, family)
    aws.disturbances.add(disturbance)
    definitions = Definitions(clients_of(aws))
    for call in (
        lambda: definitions.read_template(family),
        lambda: definitions.find(family, "a"),
        lambda: definitions.register(definition(family, "a"), "a"),
    ):
        with pytest.raises(AwsError, match=f'task definition (family )?"{family}"') as caught:
            call()
        assert (kind, key) == (caught.value.fault, caught.value.key)


def test_nothing_is_found_where_nothing_was_registered(aws: EmbeddedAws, family: str) -> None:
    """Neither without a family nor among revisions of other fingerprints, nor among those without one."""
    definitions = Definitions(clients_of(aws))
    assert None is definitions.find(family, "a")
    register_template(aws, family)
    definitions.register(definition(family, "b"), "b")
    assert None is definitions.find(family, "a")


def test_what_was_registered_is_found_after_a_restart(aws: EmbeddedAws, family: str) -> None:
    """A new process finds it by its tags, though newer revisions lie on top of it."""
    before = Definitions(clients_of(aws))
    arns = {print_: before.register(definition(family, print_), print_) for print_ in "abc"}
    after = Definitions(clients_of(aws))
    assert arns == {print_: after.find(family, print_) for print_ in "abc"}


def test_what_was_found_costs_no_further_request(aws: EmbeddedAws, family: str) -> None:
    """What was registered here is looked for once more, for another may have registered the same; then it is known."""
    registrar, finder = Definitions(clients_of(aws)), Definitions(clients_of(aws))
    arn = registrar.register(definition(family, "a"), "a")
    assert [arn, arn] == [registrar.find(family, "a"), finder.find(family, "a")]
    aws.journal.clear()
    assert [arn, arn] == [registrar.find(family, "a"), finder.find(family, "a")]
    assert [] == requests(aws)


def test_a_deregistered_revision_is_not_found(aws: EmbeddedAws, family: str) -> None:
    """It cannot be run any more."""
    deregister(aws, Definitions(clients_of(aws)).register(definition(family, "a"), "a"))
    assert None is Definitions(clients_of(aws)).find(family, "a")


def test_a_forgotten_revision_is_looked_up_again(aws: EmbeddedAws, family: str) -> None:
    """After a refused launch it may be gone; the others stay known."""
    definitions = Definitions(clients_of(aws))
    gone = definitions.register(definition(family, "a"), "a")
    kept = definitions.register(definition(family, "b"), "b")
    definitions.find(family, "b")
    deregister(aws, gone)
    definitions.forget(gone)
    aws.journal.clear()
    assert (None, kept) == (definitions.find(family, "a"), definitions.find(family, "b"))
    assert ["ListTaskDefinitions"] == requests(aws)


def test_a_search_has_a_bound(aws: EmbeddedAws, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A family of thousands of revisions does not cost thousands of requests; each is described once, whatever for."""
    monkeypatch.setattr(definitions_module, "LOOK_BACK", 3)
    definitions = Definitions(clients_of(aws))
    for print_ in ("oldest", "0", "1", "2"):
        definitions.register(definition(family, print_), print_)
    aws.journal.clear()
    finder = Definitions(clients_of(aws))
    assert None is finder.find(family, "oldest")
    assert ["ListTaskDefinitions", *["DescribeTaskDefinition"] * 3] == requests(aws)
    aws.journal.clear()
    assert [f"{family}:2", f"{family}:4"] == [str(finder.find(family, each)).rpartition("/")[2] for each in "02"]
    assert ["ListTaskDefinitions"] * 2 == requests(aws)


def test_a_search_reads_on_over_many_pages(aws: EmbeddedAws, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ECS may answer with fewer than it was asked for."""
    definitions = Definitions(clients_of(aws))
    arn = definitions.register(definition(family, "oldest"), "oldest")
    for number in range(5):
        definitions.register(definition(family, str(number)), str(number))
    monkeypatch.setattr("controller.sandbox.aws.arns.PAGE", 2)
    monkeypatch.setattr(definitions_module, "PAGE", 2)
    aws.journal.clear()
    assert arn == Definitions(clients_of(aws)).find(family, "oldest")
    assert 3 == requests(aws).count("ListTaskDefinitions")


def test_a_search_ends_where_revisions_are_older_than_the_template(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """What was derived before the template existed is of another one: after a deployment one look tells."""
    register_template(timed_aws, "worker")
    before = Definitions(clients_of(timed_aws))
    arns = {}
    for print_ in "abc":
        clock.now += 600
        arns[print_] = before.register(definition("worker-x2", print_), print_)
    clock.now += 600
    register_template(timed_aws, "worker")
    restarted = Definitions(clients_of(timed_aws))
    restarted.read_template("worker")
    timed_aws.journal.clear()
    assert None is restarted.find("worker-x2", "new")
    assert ["ListTaskDefinitions", "DescribeTaskDefinition"] == requests(timed_aws)
    restarted.read_template("worker:1")
    assert arns["a"] == restarted.find("worker-x2", "a")


def test_of_several_revisions_the_oldest_active_one_is_used(aws: EmbeddedAws, family: str) -> None:
    """By every controller: whoever registered it, and whichever of them it knew first."""
    first, second = Definitions(clients_of(aws)), Definitions(clients_of(aws))
    assert (None, None) == (first.find(family, "a"), second.find(family, "a"))
    oldest = first.register(definition(family, "a"), "a")
    assert oldest == second.register(definition(family, "a"), "a")
    assert [oldest] * 3 == [each.find(family, "a") for each in (first, second, Definitions(clients_of(aws)))]
    deregister(aws, oldest)
    for each in (first, second):
        each.forget(oldest)
    assert {f"{oldest[:-2]}:2"} == {each.find(family, "a") for each in (first, second, Definitions(clients_of(aws)))}


def test_a_registration_that_saw_no_other_is_looked_at_again(aws: EmbeddedAws, family: str) -> None:
    """A listing may lag: what it hid at the registration counts at the next launch."""
    first, second = Definitions(clients_of(aws)), Definitions(clients_of(aws))
    oldest = first.register(definition(family, "a"), "a")
    aws.disturbances.add(Disturbance("ecs", "ListTaskDefinitions", "replace", body={"taskDefinitionArns": []}))
    newer = second.register(definition(family, "a"), "a")
    assert [oldest, f"{oldest[:-2]}:2"] == [second.find(family, "a"), newer]


@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_a_registration_whose_second_look_fails_is_used(aws: EmbeddedAws, family: str, kind: Kinds) -> None:
    """It is there; that another may be older is for the next launch to find out."""
    aws.disturbances.add(Disturbance("ecs", "ListTaskDefinitions", kind, times=2))
    arn = Definitions(clients_of(aws)).register(definition(family, "a"), "a")
    assert arn == f"arn:aws:ecs:us-east-1:123456789012:task-definition/{family}:1"


@pytest.mark.parametrize("kind", ["lost_answer", "cut", "malformed"])
def test_a_registration_whose_answer_is_lost_is_not_sent_again(aws: EmbeddedAws, family: str, kind: Kinds) -> None:
    """It is looked for, and found if ECS has done the work."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", kind))
    arn = Definitions(clients_of(aws)).register(definition(family, "a"), "a")
    assert f"{family}:1" == arn.rpartition("/")[2]
    assert 1 == requests(aws).count("RegisterTaskDefinition")


@pytest.mark.parametrize("kind", ["lost_request", "error"])
def test_a_registration_that_was_not_made_is_an_error(aws: EmbeddedAws, family: str, kind: Kinds) -> None:
    """The next launch registers it, once."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", kind))
    definitions = Definitions(clients_of(aws))
    with pytest.raises(AwsError, match=f'registering task definition "{family}"'):
        definitions.register(definition(family, "a"), "a")
    assert None is definitions.find(family, "a")
    assert f"{family}:1" == definitions.register(definition(family, "a"), "a").rpartition("/")[2]


def test_a_refused_registration_is_not_known(aws: EmbeddedAws, family: str) -> None:
    """ECS's reason is passed on, and nothing is taken for registered."""
    definitions = Definitions(clients_of(aws))
    with pytest.raises(AwsError, match=f'registering task definition "{family}": ClientException: .+') as caught:
        definitions.register(definition(family, "a") | {"containerDefinitions": [container(essential=False)]}, "a")
    assert Kind.INVALID == caught.value.fault
    assert None is definitions.find(family, "a")


def test_a_refused_registration_names_the_way_out(aws: EmbeddedAws, family: str) -> None:
    """Whatever ECS does not take of copies, the template as it is runs."""
    with pytest.raises(AwsError) as caught:
        Definitions(clients_of(aws)).register(definition(family, "a") | {"cpu": "64"}, "a")
    assert "task.max_containers_per_task" == caught.value.key
    assert str(caught.value).endswith("; set task.max_containers_per_task lower; 1 runs the template as it is")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tags show at once, so that a revision without ours is nobody's of ours."""
    monkeypatch.setattr(definitions_module, "TAGS_LATE", timedelta(0))


@pytest.mark.usefixtures("settled")
def test_a_family_of_somebody_else_is_told_from_ours(aws: EmbeddedAws, family: str) -> None:
    """By its newest revision; nobody's is free, and one that was ours once is not asked about again."""
    definitions, free, ours = Definitions(clients_of(aws)), family, f"{unique('family')}-x2"
    assert None is definitions.find_foreign(free)
    theirs = register_template(aws, f"{unique('family')}-x2")
    assert str(definitions.find_foreign(theirs.partition(":")[0])).endswith(f"task-definition/{theirs}")
    definitions.register(definition(ours, "a"), "a")
    register_template(aws, ours)
    aws.journal.clear()
    assert None is definitions.find_foreign(ours)
    assert [] == requests(aws)
    assert str(Definitions(clients_of(aws)).find_foreign(ours)).endswith(f"task-definition/{ours}:2")


def test_a_revision_that_somebody_adds_to_our_family_is_passed_over(aws: EmbeddedAws, family: str) -> None:
    """Ours go on being found beside it."""
    ours = Definitions(clients_of(aws)).register(definition(family, "a"), "a")
    register_template(aws, family)
    assert [ours, None] == [Definitions(clients_of(aws)).find(family, print_) for print_ in ("a", "b")]


def test_tags_that_come_late_are_looked_for_again(aws: EmbeddedAws, family: str) -> None:
    """A revision that another controller has just registered is nobody else's, and found as soon as it can be told."""
    arn = Definitions(clients_of(aws)).register(definition(family, "a"), "a")
    ecs, definitions = aws.client("ecs"), Definitions(clients_of(aws))
    ecs.untag_resource(resourceArn=arn, tagKeys=[tag["key"] for tag in our_tags("a", TEMPLATE, 2)])
    assert (None, None) == (definitions.find_foreign(family), definitions.find(family, "a"))
    ecs.tag_resource(resourceArn=arn, tags=our_tags("a", TEMPLATE, 2))
    assert arn == definitions.find(family, "a")


@pytest.mark.usefixtures("settled")
def test_each_revision_of_somebody_else_is_described_once(aws: EmbeddedAws, family: str) -> None:
    """However often a fingerprint is looked for among them."""
    for _ in range(3):
        register_template(aws, family)
    definitions = Definitions(clients_of(aws))
    assert [None, None] == [definitions.find(family, print_) for print_ in ("a", "b")]
    assert 3 == requests(aws).count("DescribeTaskDefinition")


def test_what_may_be_registered_is_botocores_own_model(aws: EmbeddedAws) -> None:
    """Members of members are known through lists; what ECS only answers is not among them."""
    registrable = Definitions(clients_of(aws)).registrable
    containers = registrable["containerDefinitions"]
    assert containers is not None
    assert {"containerName": None, "condition": None} == containers["dependsOn"]
    assert None is registrable["family"]
    assert {"taskDefinitionArn", "revision", "status", "registeredAt"}.isdisjoint(registrable)
    assert [] == requests(aws)
