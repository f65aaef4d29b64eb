"""Which RunTask calls cannot run a template, in tables and for every combination of a few members."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.copies.placement import find_misfit, limit_by_fargate
from controller.core.copies.template import Template
from tests.core.copies.templates import container, ec2, template

SUBNETS = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}
ON_FARGATE = {"launchType": "FARGATE", **SUBNETS}
ON_SPOT = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], **SUBNETS}
ON_EC2 = {"launchType": "EC2"}
ON_PROVIDER = {"capacityProviderStrategy": [{"capacityProvider": "big-machines", "weight": 1}]}
WORKER = container("worker", memory=512)
EBS = [{"name": "data", "configuredAtLaunch": True}]


@pytest.mark.parametrize(
    ("of", "call", "key", "reason"),
    [
        pytest.param(
            ec2(WORKER),
            ON_FARGATE,
            "task.launch_type",
            "cannot run on FARGATE: its networkMode is bridge and not awsvpc, it has no task-level cpu and memory; "
            "set task.launch_type to EC2, or name a definition for Fargate",
            id="bridge on Fargate",
        ),
        pytest.param(
            ec2(WORKER),
            ON_SPOT,
            "task.capacity_providers",
            "cannot run on FARGATE: its networkMode is bridge and not awsvpc, it has no task-level cpu and memory; "
            "name capacity providers of EC2, or name a definition for Fargate",
            id="bridge on Fargate Spot",
        ),
        pytest.param(
            template(compatibilities=["EC2", "FARGATE"]),
            {"launchType": "EXTERNAL"},
            "task.capacity",
            "cannot run on EXTERNAL: ECS found it fit for EC2 and FARGATE only; "
            "set task.launch_type to FARGATE instead of task.capacity, or name another definition",
            id="awsvpc on external instances",
        ),
        pytest.param(
            ec2(container("worker", memory=9, privileged=True), networkMode="awsvpc", cpu="256", memory="512"),
            ON_FARGATE,
            "task.launch_type",
            "cannot run on FARGATE: container worker is privileged; "
            "set task.launch_type to EC2, or name a definition for Fargate",
            id="privileged",
        ),
        pytest.param(
            ec2(networkMode="awsvpc", cpu="256", memory="512"),
            ON_FARGATE,
            "task.launch_type",
            "cannot run on FARGATE: ECS found it fit for EC2 only; "
            "set task.launch_type to EC2, or name a definition for Fargate",
            id="for a reason that only ECS knows",
        ),
        pytest.param(
            template(compatibilities=None, requiresCompatibilities=["EC2"]),
            ON_FARGATE,
            "task.launch_type",
            "cannot run on FARGATE: ECS found it fit for EC2 only; "
            "set task.launch_type to EC2, or name a definition for Fargate",
            id="demanded, where ECS does not say what it found",
        ),
        pytest.param(
            template(compatibilities=None, requiresCompatibilities=None, cpu="300"),
            ON_FARGATE,
            "task.launch_type",
            "cannot run on FARGATE: Fargate has no size of 300 CPU units and 2048 MiB; "
            "set task.launch_type to EC2, or name a definition for Fargate",
            id="a size that Fargate has not, where ECS says nothing",
        ),
        pytest.param(
            template(compatibilities=["FARGATE"]),
            {**ON_EC2, **SUBNETS},
            "task.launch_type",
            "cannot run on EC2: ECS found it fit for FARGATE only; "
            "set task.launch_type to FARGATE, or name another definition",
            id="Fargate's on EC2",
        ),
        pytest.param(
            template(compatibilities=["FARGATE"]),
            {**ON_PROVIDER, **SUBNETS},
            "task.capacity_providers",
            "cannot run outside Fargate, as with these capacity providers: ECS found it fit for FARGATE only; "
            "set task.launch_type to FARGATE instead of capacity providers, or name another definition",
            id="Fargate's on a capacity provider of EC2",
        ),
        pytest.param(
            template(compatibilities=["MANAGED_INSTANCES"]),
            {**ON_EC2, **SUBNETS},
            "task.launch_type",
            "cannot run on EC2: ECS found it fit for MANAGED_INSTANCES only; "
            "name a capacity provider of managed instances in task.capacity_providers, or another definition",
            id="managed instances' on EC2",
        ),
        pytest.param(
            ec2(compatibilities=["EXTERNAL"]),
            ON_EC2,
            "task.launch_type",
            "cannot run on EC2: ECS found it fit for EXTERNAL only; name another definition",
            id="external on EC2",
        ),
        pytest.param(
            template(),
            ON_EC2,
            "task.subnets",
            "needs subnets: its networkMode is awsvpc; set task.subnets",
            id="awsvpc without subnets",
        ),
        *(
            pytest.param(
                ec2(WORKER, networkMode=mode),
                {**ON_EC2, **SUBNETS},
                "task.subnets",
                f"takes no subnets: its networkMode is {mode or 'default'} and not awsvpc; "
                "remove task.subnets, task.security_groups and task.assign_public_ip",
                id=f"subnets for {mode}",
            )
            for mode in ("bridge", "host", "none", None)
        ),
        pytest.param(
            template(volumes=EBS),
            ON_FARGATE,
            "task.run_task",
            "has the volume data, which is configuredAtLaunch: add it to task.run_task.volumeConfigurations",
            id="a volume that nobody configures",
        ),
        pytest.param(
            template(volumes=[{"name": "data"}]),
            {**ON_FARGATE, "volumeConfigurations": [{"name": "data"}]},
            "task.run_task",
            "has no volume data that is configuredAtLaunch: remove it from task.run_task.volumeConfigurations, "
            "or name a definition that has it",
            id="a volume that nobody asks for",
        ),
    ],
)
def test_a_call_that_run_task_must_refuse(of: Template, call: dict[str, Any], key: str, reason: str) -> None:
    """The reason names the template and what to do, and the key is the one to change."""
    misfit = find_misfit(of, call)
    assert (f"task definition {of.label} {reason}", key) == (misfit and misfit.reason, misfit and misfit.key)


@pytest.mark.parametrize(
    ("of", "call"),
    [
        pytest.param(template(), ON_FARGATE, id="Fargate"),
        pytest.param(template(), ON_SPOT, id="Fargate Spot"),
        pytest.param(template(requiresCompatibilities=None), ON_FARGATE, id="fit, though not demanded"),
        pytest.param(template(requiresCompatibilities=["EC2"]), ON_FARGATE, id="fit, though another is demanded"),
        pytest.param(template(compatibilities=None), ON_FARGATE, id="demanded, where ECS does not say what it found"),
        pytest.param(template(), {**ON_EC2, **SUBNETS}, id="awsvpc on EC2"),
        pytest.param(template(compatibilities=None), {**ON_EC2, **SUBNETS}, id="Fargate's on EC2, as ECS allows"),
        pytest.param(
            template(compatibilities=["FARGATE", "MANAGED_INSTANCES"]),
            {**ON_PROVIDER, **SUBNETS},
            id="managed instances",
        ),
        pytest.param(ec2(WORKER), ON_EC2, id="bridge on EC2"),
        pytest.param(ec2(WORKER), ON_PROVIDER, id="bridge on a capacity provider"),
        pytest.param(ec2(WORKER, networkMode=None), ON_EC2, id="no network mode"),
        pytest.param(ec2(WORKER), {}, id="where the cluster chooses"),
        pytest.param(
            template(volumes=EBS), {**ON_FARGATE, "volumeConfigurations": [{"name": "data"}]}, id="a volume configured"
        ),
    ],
)
def test_a_call_that_run_task_may_take(of: Template, call: dict[str, Any]) -> None:
    """What is not certain is left to ECS."""
    assert find_misfit(of, call) is None


@given(
    fits=st.sets(st.sampled_from(["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]), min_size=1),
    mode=st.sampled_from(["awsvpc", "bridge", "host", "none", None]),
    where=st.sampled_from([{"launchType": "FARGATE"}, ON_EC2, ON_PROVIDER]),
    subnets=st.booleans(),
)
def test_what_ecs_found_decides(fits: set[str], mode: str | None, where: dict[str, Any], *, subnets: bool) -> None:
    """A call fits if ECS found the template fit for where it runs, and has subnets exactly if awsvpc wants them."""
    found = find_misfit(
        template(compatibilities=sorted(fits), networkMode=mode), {**where, **(SUBNETS if subnets else {})}
    )
    runs = fits - {"FARGATE"} if where is ON_PROVIDER else where["launchType"] in fits
    assert (bool(runs) and subnets == (mode == "awsvpc")) == (found is None)


def test_copies_of_a_template_for_ec2_on_fargate() -> None:
    """They are not rounded to a size of Fargate's, so there are only as many as Fargate has a size for."""
    of = template(requiresCompatibilities=["EC2"])
    most, why = limit_by_fargate(of, "worker", ON_FARGATE, 9, "")
    assert 2 == most
    assert (
        "task definition content-worker:7 with 3 workers a task: its requiresCompatibilities lack FARGATE, so its size "
        "is not rounded up (3072 CPU units and 6144 MiB) to one that Fargate has: add FARGATE to them, "
        "or set max_containers_per_task to 2"
    ) == why


@pytest.mark.parametrize(
    ("of", "call"),
    [(template(), ON_FARGATE), (template(requiresCompatibilities=["EC2"]), ON_EC2), (ec2(WORKER), ON_PROVIDER)],
    ids=["rounded", "on EC2", "without a size"],
)
def test_other_copies_are_not_limited_by_fargate(of: Template, call: dict[str, Any]) -> None:
    """The limit and its reason stay what they were."""
    assert (9, "ten containers") == limit_by_fargate(of, "worker", call, 9, "ten containers")


def test_what_the_cluster_decides_only_ecs_knows() -> None:
    """A call that names neither launch type nor provider may run anywhere."""
    assert find_misfit(template(), SUBNETS) is None
    assert find_misfit(ec2(WORKER), {}) is None
    assert find_misfit(ec2(WORKER, compatibilities=["EXTERNAL", "EC2"]), {"launchType": "EXTERNAL"}) is None
