"""A test stand: a queue, tasks that serve it, and a runner for their containers."""

from threading import Event

from controller.clock import machine_clock
from controller.core.copies.copies import KEEPER, copy_names
from controller.core.copies.keeper import SCRIPT
from controller.sandbox.assignments import BEHAVIOUR_VARIABLE, QUEUE_VARIABLE
from controller.sandbox.messages import Message, MessageRecords, MessageTotals, Mishap
from controller.sandbox.runner import ContainerRunner
from controller.sandbox.scenario import CLUSTER, SUBNET


class Stand:
    """One queue, a runner for the tasks that serve it, and the records of what they do."""

    def __init__(self, aws, keepers):
        self.aws = aws
        self.name = "jobs"
        self.sqs, self.ecs = aws.client("sqs"), aws.client("ecs")
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        self.records = MessageRecords()
        self.clock = machine_clock(Event())
        self.runner = ContainerRunner(aws.ecs, sqs=self.sqs, records=self.records, keepers=keepers, clock=self.clock)

    def send(self, *seconds: float, mishap: Mishap | None = None) -> None:
        """Send one message for each number of seconds of work; the first may have a mishap."""
        for number, length in enumerate(seconds):
            message = Message(f"{self.name}-{number}", length, None if number else mishap)
            self.records.record_sent(self.name, message, self.clock.now())
            self.sqs.send_message(QueueUrl=self.url, MessageBody=message.to_body())

    def worker(self, name="worker", behaviour="drain", **more) -> dict:
        environment = {
            BEHAVIOUR_VARIABLE: behaviour,
            QUEUE_VARIABLE: more.pop("queue", self.name),
        }
        return {
            "name": name,
            "image": "worker",
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            **more,
        }

    def register(self, *containers: dict) -> str:
        """Register the next revision of the stand's family, run nothing, and return its ARN."""
        registered = self.ecs.register_task_definition(
            family=self.name,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="1024",
            memory="2048",
            containerDefinitions=list(containers),
        )
        return registered["taskDefinition"]["taskDefinitionArn"]

    def run(self, *containers: dict) -> str:
        """Register these containers, run one task of them, and return its ARN."""
        answer = self.ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=self.register(*containers),
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET]}},
        )
        return answer["tasks"][0]["taskArn"]

    def stopped(self, arn: str) -> bool:
        return self.aws.ecs.task(arn).last_status == "STOPPED"

    def exit_codes(self, arn: str) -> dict[str, int | None]:
        return {view.name: view.exit_code for view in self.aws.ecs.task(arn).containers}

    def totals(self) -> tuple[int, int, int]:
        totals: MessageTotals = self.records.count(self.name)
        return totals.sent, totals.done, totals.done_twice


def copies(stand: Stand, number: int, behaviour: str) -> list[dict]:
    """Return a keeper and copies of a worker that depend on it, as in a derived revision."""
    names = copy_names("worker", number)
    after_keeper = [{"containerName": KEEPER, "condition": "START"}]
    return [
        {
            "name": KEEPER,
            "image": "busybox",
            "essential": True,
            "entryPoint": ["sh", "-c"],
            "command": [SCRIPT, KEEPER, *names],
        },
        *(stand.worker(name, behaviour, essential=False, dependsOn=after_keeper) for name in names),
    ]
