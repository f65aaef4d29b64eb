"""ecs-queue-controller: watches SQS queues, launches ECS worker tasks, never stops one."""
