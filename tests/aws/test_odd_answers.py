from __future__ import annotations

import gzip
import json
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.bounded import MAX_ANSWER
from controller.aws.definitions import Definitions
from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.queue import Queue
from controller.aws.run_task import OutcomeUnknownError, run_task
from controller.aws.session import Clients
from controller.aws.tasks import Round, Tasks
from controller.aws.traits import COUNTS
from controller.core.copies.template import CannotCopy, find_worker
from controller.sandbox.aws import Disturbance
from tests.aws.test_session import Observer
from tests.support.aws import create_queue, run_tasks, send_messages
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import CONTROLLER, FARGATE, aws_spec, clients_of

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.aws import CreatedQueue

ZIPPED = gzip.compress(b'{"tasks": [], "failures": []}')
PAGE = b"<html><head><title>Forbidden</title></head><body>" + b"<p>by the proxy</p>" * 9_000 + b"</body></html>"
BODIES = {
    "nothing": b"",
    "null": b"null",
    "a-list": b"[]",
    "a-number": b"5",
    "text": b'"tasks"',
    "an-empty-document": b"{}",
    "no-json": b'{"tasks": [',
    "a-page": PAGE,
    "not-utf-8": b'{"tasks": "\xff\xfe"}',
    "zipped": ZIPPED,
    "deep-lists": b'{"tasks": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep-documents": b'{"taskDefinition": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "a-long-number": b'{"tasks": ' + b"9" * 10_000 + b"}",
}
"""What no operation of AWS answers, by name."""
ODD = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def answer(service: str, operation: str, content: bytes, status: int = 200, **headers: str) -> Disturbance:
    """Return a disturbance that gives every call such an answer, after its work."""
    return Disturbance(service, operation, "raw", times=None, content=content, status=status, headers=headers)


def wrong_types(document: Any) -> list[Any]:
    """Return the document with each of its values in turn replaced by one of every other type."""
    strange = [None, 5, -1.5, True, "x", [], {}, [None], {"a": 1}, [[]]]
    if isinstance(document, dict):
        changed = [document | {key: odd} for key, value in document.items() for odd in wrong_types(value)]
    elif isinstance(document, list):
        changed = [[odd] for value in document[:1] for odd in wrong_types(value)]
    else:
        changed = []
    return changed + [odd for odd in strange if type(odd) is not type(document)]


def read(what: Any, *allowed: type[Exception]) -> Exception | None:
    """Read something; gives the error that it raised, which has to be one of those that are allowed."""
    try:
        what()
    except (AwsError, *allowed) as error:
        return error
    return None


@ODD
def test_a_queue_that_cannot_be_read_is_a_problem_in_words(aws: EmbeddedAws, queue: CreatedQueue, body: bytes) -> None:
    """Whatever came instead of counts, or of a URL: it names the queue, and nobody takes it for an empty one."""
    aws.disturbances.add(answer("sqs", "*", body))
    for given in (queue.name, queue.url):
        with pytest.raises(AwsError, match=f'^queue "{given}": a broken answer') as caught:
            Queue(clients_of(aws), given).read_counts()
        assert (Kind.SERVER_ERROR, None) == (caught.value.fault, caught.value.key)


@ODD
@pytest.mark.parametrize("operation", ["ListTasks", "DescribeTasks"])
def test_a_cluster_that_cannot_be_read_is_a_problem_in_words(
    aws: EmbeddedAws, cluster: str, template: str, operation: str, body: bytes
) -> None:
    """Of the listing as of the descriptions; and no such answer is a cluster without tasks."""
    run_tasks(aws, cluster, template, startedBy=CONTROLLER)
    aws.disturbances.add(answer("ecs", operation, body))
    with pytest.raises(AwsError, match=f'^cluster "{cluster}": a broken answer') as caught:
        Tasks(clients_of(aws), cluster, CONTROLLER).observe({}, lambda _: None)
    assert (Kind.SERVER_ERROR, None) == (caught.value.fault, caught.value.key)


@ODD
def test_a_definition_that_cannot_be_read_is_a_problem_in_words(aws: EmbeddedAws, template: str, body: bytes) -> None:
    """Of the template, of a family's revisions, and of a registration that has happened all the same."""
    aws.disturbances.add(answer("ecs", "*", body))
    definitions = Definitions(clients_of(aws))
    copy = {"family": "odd-x2", "containerDefinitions": [{"name": "worker", "image": "busybox"}]}
    for ask in (
        lambda: definitions.read_template(template),
        lambda: definitions.find("odd-x2", "a"),
        lambda: definitions.find_foreign("odd-x2"),
        lambda: definitions.register(copy, "a"),
    ):
        with pytest.raises(
            AwsError, match=r'^(registering )?task definition .*"(odd|template).*": a broken answer'
        ) as it:
            ask()
        assert it.value.fault is Kind.SERVER_ERROR


@ODD
@pytest.mark.parametrize("status", [200, 302, 403, 500])
def test_a_launch_whose_answer_cannot_be_read_is_of_unknown_outcome(
    aws: EmbeddedAws, cluster: str, template: str, status: int, body: bytes
) -> None:
    """With whatever HTTP status it comes: no answer of ECS's, no refusal. Its tasks have started here."""
    aws.disturbances.add(answer("ecs", "RunTask", body, status))
    with pytest.raises(OutcomeUnknownError, match=f'^RunTask in cluster "{cluster}": .') as caught:
        run_task(clients_of(aws), {"cluster": cluster, "taskDefinition": template, **FARGATE}, time() + 60)
    assert 1 == len(aws.ecs.tasks())
    assert len(str(caught.value)) < 2_000


def test_a_launch_that_a_proxy_seems_to_refuse_is_not_refused(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A code is what tells ECS's word from that of somebody on the way."""
    call = {"cluster": cluster, "taskDefinition": template, **FARGATE}
    aws.disturbances.add(Disturbance("ecs", "RunTask", "raw", content=PAGE, status=403, works=False))
    with pytest.raises(OutcomeUnknownError):
        run_task(clients_of(aws), call, time() + 60)
    aws.disturbances.add(Disturbance("ecs", "RunTask", "error", code="AccessDeniedException", status=403))
    with pytest.raises(AwsError):
        run_task(clients_of(aws), call, time() + 60)


def test_zipped_answers_are_told_even_if_their_header_says_so(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Nobody has asked for them, so a broken one is no more broken than a sound one."""
    for content in (ZIPPED, ZIPPED[:-9], b"no gzip at all"):
        aws.disturbances.clear()
        aws.disturbances.add(answer("sqs", "*", content, **{"Content-Encoding": "gzip"}))
        with pytest.raises(AwsError, match=f'queue "{queue.name}": a broken answer'):
            Queue(clients_of(aws), queue.name).read_counts()


@pytest.mark.parametrize(
    "count", ["", "-1", "1.5", "1e3", "NaN", "9" * 400, "9" * 5_000, "\u0663", True, None, [], {}, 1.5, -1]
)
def test_a_count_that_is_no_number_of_messages_is_unknown(aws: EmbeddedAws, queue: CreatedQueue, count: object) -> None:
    """Below zero, in part, without end, or in another script: what SQS writes is none of them."""
    attributes = dict.fromkeys(COUNTS, "3") | {COUNTS[0]: count}
    aws.disturbances.add(answer("sqs", "GetQueueAttributes", json.dumps({"Attributes": attributes}).encode()))
    with pytest.raises(AwsError, match=f'^queue "{queue.name}": an answer without counts \\({COUNTS[0]} is ') as caught:
        Queue(clients_of(aws), queue.name).read_counts()
    assert Kind.SERVER_ERROR == caught.value.fault


def test_wrong_types_in_a_listing_are_told_and_not_carried_on(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Text for a list, null for an ARN, at every place: the kind is AWS's trouble, and none of ours to mend."""
    run_tasks(aws, cluster, template, startedBy=CONTROLLER)
    tasks = Tasks(clients_of(aws), cluster, CONTROLLER)
    for document in wrong_types({"taskArns": ["arn:aws:ecs:us-east-1:123456789012:task/a/1"], "nextToken": ""}):
        aws.disturbances.clear()
        aws.disturbances.add(answer("ecs", "ListTasks", json.dumps(document).encode()))
        error = read(lambda: tasks.observe({}, lambda _: None))
        assert error is None or (isinstance(error, AwsError) and error.fault not in FOR_A_PERSON), document


def test_wrong_types_in_a_description_are_told_or_do_no_harm(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """At every place, and moments that no calendar has: what is read is a task as the ledger takes it, or trouble."""
    (arn,) = run_tasks(aws, cluster, template, startedBy=CONTROLLER)
    container = {"name": "worker", "lastStatus": "RUNNING", "exitCode": 0}
    task = {"taskArn": arn, "lastStatus": "RUNNING", "createdAt": 1e9, "startedAt": 1e9, "containers": [container]}
    odd_moments = [{"tasks": [task | {"createdAt": moment}], "failures": []} for moment in (1e300, -1e300, "soon")]
    tasks = Tasks(clients_of(aws), cluster, CONTROLLER)
    for document in [*wrong_types({"tasks": [task], "failures": []}), *odd_moments]:
        aws.disturbances.clear()
        aws.disturbances.add(answer("ecs", "DescribeTasks", json.dumps(document).encode()))
        seen: list[Round] = []
        error = read(lambda seen=seen: seen.append(tasks.observe({}, lambda _: None)))
        assert error is None or (isinstance(error, AwsError) and error.fault not in FOR_A_PERSON), document
        assert [arn] * len(seen) == [
            arn for told in seen for arn in (*told.missing, *(each.arn for each in told.tasks))
        ]
        assert all(isinstance(each.created_at, float) for told in seen for each in told.tasks), document


def test_wrong_types_in_a_template_are_told_before_anything_is_made_of_it(aws: EmbeddedAws, template: str) -> None:
    """What is read has the shape that ECS promises, for it is copied, registered and run."""
    described = {
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/odd:1",
        "family": "odd",
        "revision": 1,
        "containerDefinitions": [{"name": "worker", "cpu": 1, "essential": True, "environment": [{"name": "a"}]}],
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
    }
    definitions = Definitions(clients_of(aws))
    for document in wrong_types({"taskDefinition": described, "tags": [{"key": "a", "value": "b"}]}):
        aws.disturbances.clear()
        aws.disturbances.add(answer("ecs", "DescribeTaskDefinition", json.dumps(document).encode()))
        error = read(lambda: find_worker(definitions.read_template(template), "worker"), CannotCopy)
        assert not isinstance(error, AwsError) or error.fault not in FOR_A_PERSON, document


def test_wrong_types_in_a_launchs_answer_leave_its_outcome_unknown(
    aws: EmbeddedAws, cluster: str, template: str
) -> None:
    """An ARN that is no text would be asked for ever after."""
    call = {"cluster": cluster, "taskDefinition": template, **FARGATE}
    arn = "arn:aws:ecs:us-east-1:123456789012:task/a/1"
    for document in wrong_types({"tasks": [{"taskArn": arn}], "failures": [{"reason": "AGENT", "detail": "x"}]}):
        aws.disturbances.clear()
        aws.disturbances.add(answer("ecs", "RunTask", json.dumps(document).encode()))
        try:
            told = run_task(clients_of(aws), call, time() + 60)
        except OutcomeUnknownError:
            continue
        assert all(isinstance(each, str) and each for each in (*told.arns, *told.failures)), document


def test_a_conflict_that_names_no_tasks_is_of_unknown_outcome(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """That there was another call is known then, and not what it has started."""
    content = json.dumps({"__type": "ConflictException", "message": "no", "resourceIds": [5]}).encode()
    aws.disturbances.add(answer("ecs", "RunTask", content, 400))
    with pytest.raises(OutcomeUnknownError, match="ConflictException: no"):
        run_task(clients_of(aws), {"cluster": cluster, "taskDefinition": template, **FARGATE}, time() + 60)


def test_an_answer_that_breaks_the_parser_is_counted(aws: EmbeddedAws, cluster: str) -> None:
    """As one of a server that is out of order, like any other that makes no sense."""
    observer = Observer()
    aws.disturbances.add(answer("ecs", "ListTasks", BODIES["deep-lists"]))
    clients = Clients(aws_spec(aws), "ecsq", observer, MACHINE_CLOCK)
    assert read(lambda: Tasks(clients, cluster, CONTROLLER).observe({}, lambda _: None))
    assert [("ecs", "ListTasks", "server_error")] == observer.seen


def test_an_answer_without_end_is_given_up(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """It would fill the memory of the process well within the time of a call."""
    aws.disturbances.add(answer("sqs", "*", b" " * (MAX_ANSWER["sqs"] + 1)))
    with pytest.raises(AwsError, match=f'queue "{queue.name}"') as caught:
        Queue(clients_of(aws), queue.name).read_counts()
    assert Kind.UNREACHABLE == caught.value.fault


def test_an_answer_behind_an_interim_one(aws: EmbeddedAws) -> None:
    """103 Early Hints is no answer; the true one belongs to its own call, and not to the next on the connection."""
    clients = clients_of(aws)
    full, empty = create_queue(aws), create_queue(aws)
    send_messages(aws, full.url, 7)
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "interim", times=None, delay=0.1))
    for _ in range(2):
        assert [7, 0] == [Queue(clients, queue.url).read_counts().visible for queue in (full, empty)]


def test_an_answer_that_trickles_in_is_given_up(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Each byte is in time for a read, and all of them together are not in time for a call."""
    aws.disturbances.add(
        Disturbance("sqs", "*", "trickle", times=None, delay=0.05),
        Disturbance("ecs", "*", "trickle", times=None, delay=0.05),
    )
    clients = clients_of(aws, call_timeout=0.5)
    for ask in (
        Queue(clients, "orders").read_counts,
        lambda: Tasks(clients, cluster, CONTROLLER).observe({}, lambda _: None),
        lambda: Definitions(clients).read_template(template),
    ):
        with pytest.raises(AwsError, match="Read timeout") as caught:
            ask()
        assert Kind.UNREACHABLE == caught.value.fault
    with pytest.raises(OutcomeUnknownError, match="Read timeout"):
        run_task(clients, {"cluster": cluster, "taskDefinition": template, **FARGATE}, time() + 60)


def test_a_listing_that_never_ends_is_given_up(aws: EmbeddedAws, cluster: str) -> None:
    """Page after page in time, and always another one: the listing as a whole is bounded as well."""
    seconds = iter(range(10_000))
    clock = MACHINE_CLOCK.__class__(now=time, elapsed=lambda: float(next(seconds)), pause=lambda _: False)
    tokens = iter(range(10_000))
    aws.disturbances.add(
        *(
            Disturbance("ecs", "ListTasks", "replace", body={"taskArns": [], "nextToken": str(next(tokens))})
            for _ in range(100)
        )
    )
    with pytest.raises(AwsError, match=f'cluster "{cluster}": AWS has not answered in full within 60s') as caught:
        Tasks(clients_of(aws, clock=clock), cluster, CONTROLLER).observe({}, lambda _: None)
    assert Kind.UNREACHABLE == caught.value.fault
