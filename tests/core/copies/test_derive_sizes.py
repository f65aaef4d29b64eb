from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.core.copies.derive import derive, find_copies_limit
from controller.core.copies.sizing import TaskSize, size_task
from controller.core.copies.template import CannotCopy, Template
from tests.core.copies.templates import FARGATE_MEMORY, WITHOUT_DEADLINE, allowed, container, ec2, find_faults, template

FIRELENS_ROUTER = container("router", memoryReservation=50)


@pytest.mark.parametrize(
    ("given", "k", "expected"),
    [
        pytest.param(template(), 1, TaskSize(1024, 2048, 1024, 2048), id="one is the template"),
        pytest.param(template(), 3, TaskSize(4096, 8192, 3072, 6144), id="three times, rounded up"),
        pytest.param(
            template(container("worker"), container("proxy", cpu=256, memory=512)),
            2,
            TaskSize(2048, 4096, 256 + 2 * 768, 512 + 2 * 1536),
            id="the worker counts as what the sidecars leave",
        ),
        pytest.param(
            template(container("worker", cpu=256, memory=512)),
            4,
            TaskSize(1024, 2048, 1024, 2048),
            id="the worker's own figures",
        ),
        pytest.param(
            template(container("worker", cpu=512, memoryReservation=600), container("proxy", cpu=100, memory=200)),
            2,
            TaskSize(2048, 4096, 1124, 200 + 2 * 1848),
            id="a reservation is no limit, so it may be using all that is left",
        ),
        pytest.param(
            template(
                container("worker", memoryReservation=600), container("proxy", memory=1900, memoryReservation=100)
            ),
            2,
            TaskSize(2048, 4096, 2048, 1900 + 2 * 600),
            id="but at least its reservation",
        ),
        pytest.param(
            template(container("worker", cpu=1024, memory=1000), container("proxy")),
            2,
            TaskSize(2048, 4096, 2048, 1048 + 2000),
            id="a sidecar without figures keeps the memory that it had",
        ),
        pytest.param(
            template(container("worker"), FIRELENS_ROUTER, cpu="1 vCPU", memory="2GB"),
            2,
            TaskSize(2048, 4096, 2048, 50 + 2 * 1998),
            id="figures with units",
        ),
        pytest.param(
            template(container("worker", memory=2048), cpu=".25 vcpu", memory="2048"),
            2,
            TaskSize(512, 4096, 512, 4096),
            id="a fraction of a vCPU",
        ),
        pytest.param(
            ec2(container("worker", cpu=100, memory=100), cpu="300", memory="700"),
            3,
            TaskSize(300, 300, 300, 300),
            id="EC2 does not round",
        ),
        pytest.param(
            ec2(container("worker", cpu=16, memory=100), cpu="2048", memory="4096"),
            2,
            TaskSize(128, 200, 32, 200),
            id="EC2 takes no less than an eighth of a vCPU",
        ),
        pytest.param(
            ec2(container("worker", memory=100)), 3, TaskSize(None, None, None, None), id="EC2 without figures"
        ),
        pytest.param(
            template(requiresCompatibilities=None, compatibilities=["EC2", "FARGATE"]),
            3,
            TaskSize(4096, 8192, 3072, 6144),
            id="good for Fargate without demanding it",
        ),
        pytest.param(template(requiresCompatibilities=["EC2"]), 3, TaskSize(3072, 6144, 3072, 6144), id="EC2 demanded"),
        pytest.param(
            template(cpu="16384", memory="122880"), 2, TaskSize(32768, 249856, 32768, 245760), id="the largest"
        ),
        pytest.param(template(cpu="16384", memory="122880"), 3, None, id="none is as large"),
    ],
)
def test_task_sizes(given: Template, k: int, expected: TaskSize | None) -> None:
    """A task needs its sidecars once and the worker k times, rounded up on Fargate to a size that it has."""
    assert expected == size_task(given, "worker", k)


def test_rounding_is_what_is_paid_beyond_the_need() -> None:
    """2 vCPU and 6 GB for containers that need 1 vCPU and 4 GB round up by 1 vCPU and 2 GB."""
    assert pytest.approx(1 + 2 * 0.11) == TaskSize(2048, 6144, 1024, 4096).rounding
    assert 0 == TaskSize(None, None, None, None).rounding


figures = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.integers(0, 4096),
        "memory": st.integers(6, 20_000),
        "memoryReservation": st.integers(6, 4000),
        "essential": st.booleans(),
    },
)
sizes = st.sampled_from([(cpu, memory) for cpu, memories in FARGATE_MEMORY.items() for memory in memories])


def count_memory(one: dict[str, Any]) -> int:
    """Return the MiB that ECS adds up for a container."""
    figure: int = one.get("memory") or one.get("memoryReservation") or 0
    return figure


@given(size=sizes, worker=figures, others=st.lists(figures, max_size=8))
def test_every_k_within_the_limit_can_be_registered_and_the_next_one_cannot(
    size: tuple[int, int], worker: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    """Whatever the containers, ECS's rules and a table of sizes that was typed out agree with the limit."""
    assume(sum(one.get("cpu", 0) for one in (worker, *others)) <= size[0])
    assume(sum(map(count_memory, (worker, *others))) <= size[1])
    sidecars = [container(f"sidecar-{number}", **other) for number, other in enumerate(others)]
    whole = template(container("worker", **worker), *sidecars, cpu=str(size[0]), memory=str(size[1]))
    most, _ = find_copies_limit(whole, "worker", WITHOUT_DEADLINE, allowed())
    for k in range(2, most + 1):
        definition = derive(whole, "worker", k, WITHOUT_DEADLINE, allowed())
        assert [] == find_faults(definition)
        assert k + len(others) + 1 == len(definition["containerDefinitions"])
    with pytest.raises(CannotCopy):
        derive(whole, "worker", most + 1, WITHOUT_DEADLINE, allowed())


@given(size=sizes, cpu=st.integers(1, 4096), memory=st.integers(6, 16_384), k=st.integers(2, 9))
def test_the_size_is_the_smallest_of_the_table_that_holds_k_workers(
    size: tuple[int, int], cpu: int, memory: int, k: int
) -> None:
    """A worker with figures of its own counts k times, and nothing else counts."""
    given_template = template(container("worker", cpu=cpu, memory=memory), cpu=str(size[0]), memory=str(size[1]))
    fitting = [(c, m) for c, ms in FARGATE_MEMORY.items() for m in ms if c >= k * cpu and m >= k * memory]
    found = size_task(given_template, "worker", k)
    assert min(fitting, default=None) == (found and (found.cpu, found.memory))
    assert found is None or (found.needed_cpu, found.needed_memory) == (k * cpu, k * memory)
