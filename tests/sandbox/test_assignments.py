import pytest

from controller.sandbox.messages import MessageRecords
from controller.sandbox.scenario import CLUSTER, SUBNET
from tests.sandbox.stand import Stand, copies
from tests.support.aws import eventually


def make_queue(stand: Stand, name: str, messages: int) -> str:
    """Make a queue of the user's own with so many messages; return its URL."""
    url = stand.sqs.create_queue(QueueName=name)["QueueUrl"]
    for number in range(messages):
        stand.sqs.send_message(QueueUrl=url, MessageBody=f"work {number}")
    return url


def run_for(stand: Stand, scaler: str, *containers: dict, **environment: str) -> str:
    """Run a task as a scaler's controller does; return its ARN."""
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    answer = stand.ecs.run_task(
        cluster=CLUSTER,
        taskDefinition=stand.register(*containers),
        launchType="FARGATE",
        group=scaler,
        overrides={"containerOverrides": [{"name": containers[-1]["name"], "environment": variables}]},
        networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET]}},
    )
    return answer["tasks"][0]["taskArn"]


def done(records: MessageRecords) -> dict[str, int]:
    """Return how many messages of each queue were done."""
    return {name: records.count(name).done for name in records.list_queues()}


OWN = {"name": "app", "image": "my/worker:1"}


@pytest.mark.parametrize("scaler", ["orders", "something-else"])
def test_any_container_takes_the_queue_that_its_environment_names(stand, scaler):
    """A definition that knows nothing of the sandbox does the work of its QUEUE_URL, and exits."""
    url = make_queue(stand, "orders", 2)
    arn = run_for(stand, scaler, OWN, QUEUE_URL=url)
    assert eventually(lambda: stand.stopped(arn))
    assert ({"orders": 2}, {"app": 0}) == (done(stand.records), stand.exit_codes(arn))


def test_a_queue_at_its_real_address_is_the_one_here(stand):
    """The URL that a definition has for production names the same queue in the sandbox."""
    make_queue(stand, "orders", 1)
    arn = run_for(stand, "s", OWN, QUEUE_URL="https://sqs.us-east-1.amazonaws.com/111122223333/orders")
    assert eventually(lambda: stand.stopped(arn))
    assert {"orders": 1} == done(stand.records)


def test_the_only_container_takes_the_queue_that_is_called_like_its_scaler(stand):
    """Without a word in its environment, the queue of the scaler's name is the scaler's own."""
    make_queue(stand, "orders", 1)
    arn = run_for(stand, "orders", OWN)
    assert eventually(lambda: stand.stopped(arn))
    assert {"orders": 1} == done(stand.records)


def test_copies_of_the_only_container_do_as_well(stand):
    """In a task of several copies each of them takes messages, and the keeper ends the task."""
    make_queue(stand, "orders", 3)
    keeper, *workers = copies(stand, 2, "drain")
    arn = run_for(stand, "orders", keeper, *({**worker, "environment": []} for worker in workers))
    assert eventually(lambda: stand.stopped(arn))
    assert {"orders": 3} == done(stand.records)


def test_of_several_containers_nobody_can_tell_which_does_the_work(stand):
    """Without QUEUE_URL nothing runs in them; the one that has it works, and the other is its sidecar."""
    url = make_queue(stand, "orders", 1)
    sidecar = {"name": "sidecar", "image": "my/sidecar:1", "essential": False}
    idle = run_for(stand, "orders", sidecar, OWN)
    arn = run_for(stand, "orders", sidecar, OWN, QUEUE_URL=url)
    assert eventually(lambda: stand.stopped(arn))
    assert ({"orders": 1}, False) == (done(stand.records), stand.stopped(idle))


def test_the_sandbox_s_own_template_never_drains_another_scaler_s_queue(stand):
    """Started for a queue of the user's own it works on that one, and for a scaler without a queue it fails."""
    stand.send(0.01)
    make_queue(stand, "orders", 1)
    arn, lost = run_for(stand, "orders", stand.worker()), run_for(stand, "elsewhere", stand.worker())
    assert eventually(lambda: stand.stopped(arn) and stand.stopped(lost))
    assert ({"orders": 1, stand.name: 0}, {"worker": 1}) == (done(stand.records), stand.exit_codes(lost))
    (failure,) = stand.runner.failures
    assert failure.endswith(
        "there is no queue 'elsewhere': a worker takes the queue of its variable QUEUE_URL, else that of its "
        "scaler's name; set task.environment.QUEUE_URL"
    )
