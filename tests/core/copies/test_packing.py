from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.copies.packing import (
    Call,
    Packing,
    PackingPolicy,
    Plan,
    TaskGroup,
    add_canaries,
    explain_cut,
    pack,
    pack_on,
)

SPREAD, DENSE = Packing.SPREAD, Packing.DENSE
WIDE = PackingPolicy(SPREAD, max_tasks_per_launch=100, max_containers_per_task=9)
policies = st.builds(PackingPolicy, st.sampled_from(Packing), st.integers(1, 150), st.integers(1, 12))


def layout(plan: Plan) -> list[tuple[int, int]]:
    return [(group.tasks, group.containers) for group in plan.groups]


@pytest.mark.parametrize(
    ("packing", "containers", "max_tasks", "max_per_task", "expected"),
    [
        pytest.param(SPREAD, 0, 100, 9, [], id="nothing asked, nothing planned"),
        pytest.param(SPREAD, 7, 100, 9, [(7, 1)], id="spread: one a task while tasks last"),
        pytest.param(SPREAD, 25, 10, 9, [(5, 3), (5, 2)], id="spread: evenly, the fullest first"),
        pytest.param(SPREAD, 30, 10, 9, [(10, 3)], id="spread: even when it divides"),
        pytest.param(SPREAD, 1000, 10, 9, [(10, 9)], id="spread: what does not fit waits"),
        pytest.param(DENSE, 7, 100, 9, [(1, 7)], id="dense: one task while it holds them"),
        pytest.param(DENSE, 18, 100, 9, [(2, 9)], id="dense: full tasks"),
        pytest.param(DENSE, 10, 100, 9, [(2, 5)], id="dense: alike tasks save a call"),
        pytest.param(DENSE, 11, 100, 9, [(1, 9), (1, 2)], id="dense: full tasks when calls are equal"),
        pytest.param(DENSE, 1000, 10, 9, [(10, 9)], id="dense: what does not fit waits"),
        pytest.param(DENSE, 5, 3, 1, [(3, 1)], id="dense: one a task when the template allows one"),
    ],
)
def test_layouts(
    packing: Packing, containers: int, max_tasks: int, max_per_task: int, expected: list[tuple[int, int]]
) -> None:
    """Spread takes more tasks before more containers a task; dense takes the fewest tasks."""
    plan = pack(containers, PackingPolicy(packing, max_tasks, 9), max_per_task)
    assert expected == layout(plan)


@pytest.mark.parametrize(
    ("asked", "most", "expected"),
    [
        (
            24,
            5,
            "planned 15 of 24 containers: max_tasks_per_launch is 3, with at most 5 a task; "
            "the rest waits for a later launch",
        ),
        (
            24,
            20,
            "planned 18 of 24 containers: max_tasks_per_launch is 3, with at most 6 a task; "
            "the rest waits for a later launch",
        ),
        (15, 5, None),
        (0, 5, None),
    ],
    ids=["by the template", "by the configuration", "all of it", "nothing asked"],
)
def test_a_plan_that_is_cut_names_the_limits(asked: int, most: int, expected: str | None) -> None:
    """Both limits are named, since the user may raise either; a plan that is complete has nothing to explain."""
    policy = PackingPolicy(SPREAD, 3, 6)
    assert expected == explain_cut(asked, pack(asked, policy, most), policy, most)


def test_calls_hold_at_most_ten_tasks_the_fullest_first() -> None:
    """A group larger than a call is sent in several, in an order that is the same for every controller."""
    plan = Plan((TaskGroup(21, 3), TaskGroup(4, 2)))
    assert (Call(10, 3), Call(10, 3), Call(1, 3), Call(4, 2)) == plan.calls
    assert (71, 25, 2) == (plan.containers, plan.tasks, plan.revisions)


def test_a_task_of_one_needs_no_revision() -> None:
    """A task of one container runs the template itself, so only the other sizes need a revision."""
    assert 1 == Plan((TaskGroup(1, 9), TaskGroup(3, 1))).revisions


def test_the_least_rounding_wins_over_fewer_calls() -> None:
    """Where tasks of 5 round up badly, tasks of 6 and 4 are taken, although they need two calls."""
    plan = pack(10, replace(WIDE, packing=DENSE), 9, lambda k: 1.0 if k in {5, 8, 9, 7} else 0.0)
    assert [(1, 6), (1, 4)] == layout(plan)


@pytest.mark.parametrize(
    ("containers", "policy", "most"),
    [(-1, WIDE, 9), (1, replace(WIDE, max_tasks_per_launch=0), 9), (1, WIDE, 0)],
    ids=["negative containers", "no tasks allowed", "no containers allowed"],
)
def test_impossible_limits_are_refused(containers: int, policy: PackingPolicy, most: int) -> None:
    """A caller's mistake raises an error that names it, and does not become an empty plan."""
    with pytest.raises(ValueError, match=f"cannot pack {containers} containers"):
        pack(containers, policy, most)


@given(containers=st.integers(0, 2000), policy=policies, most=st.integers(1, 12))
def test_a_plan_starts_exactly_what_fits_within_both_limits(containers: int, policy: PackingPolicy, most: int) -> None:
    """A plan holds what was asked for, as far as the limits allow; its calls and groups add up to the same."""
    plan = pack(containers, policy, most)
    per_task = min(most, policy.max_containers_per_task)
    assert min(containers, policy.max_tasks_per_launch * per_task) == plan.containers
    assert plan.tasks <= policy.max_tasks_per_launch
    assert all(1 <= group.containers <= per_task for group in plan.groups)
    assert all(1 <= call.count <= 10 for call in plan.calls)
    assert plan.containers == sum(call.count * call.containers for call in plan.calls)
    assert len({group.containers for group in plan.groups}) == len(plan.groups)


@given(containers=st.integers(1, 2000), policy=policies, most=st.integers(1, 12))
def test_the_number_of_tasks_is_what_the_packing_says(containers: int, policy: PackingPolicy, most: int) -> None:
    """Spread takes as many tasks as it may, with sizes that differ by at most one; dense takes as few as it can."""
    plan = pack(containers, policy, most)
    if policy.packing is SPREAD:
        assert min(containers, policy.max_tasks_per_launch) == plan.tasks
        assert max(g.containers for g in plan.groups) - min(g.containers for g in plan.groups) <= 1
    else:
        assert ceil(plan.containers / min(most, policy.max_containers_per_task)) == plan.tasks


@given(
    containers=st.integers(1, 30),
    max_tasks=st.integers(1, 30),
    most=st.integers(1, 9),
    waste=st.lists(st.integers(0, 3), min_size=10, max_size=10),
)
def test_dense_is_the_best_of_all_plans(containers: int, max_tasks: int, most: int, waste: list[int]) -> None:
    """An exhaustive search over all plans within the limits finds no better one."""
    found = pack(containers, PackingPolicy(DENSE, max_tasks, 9), most, waste.__getitem__)
    every = [sizes for sizes in all_plans(min(containers, max_tasks * most), most) if len(sizes) <= max_tasks]
    sizes = [group.containers for group in found.groups for _ in range(group.tasks)]
    assert min(judge(sizes, waste) for sizes in every) == judge(sizes, waste)


def all_plans(containers: int, most: int) -> Iterator[list[int]]:
    """Yield every list of task sizes, the largest first, that sums up to ``containers``."""
    if containers == 0:
        yield []
    for first in range(1, min(containers, most) + 1):
        yield from ([first, *rest] for rest in all_plans(containers - first, first))


def judge(sizes: list[int], waste: list[int]) -> tuple[int, int, int, int]:
    """Return the number of tasks, the rounding, the calls and the revisions, in the order in which they decide."""
    calls = sum(ceil(sizes.count(size) / 10) for size in set(sizes))
    return len(sizes), sum(waste[size] for size in sizes), calls, len(set(sizes) - {1})


@pytest.mark.parametrize(
    ("containers", "max_tasks", "provider", "probe", "expected"),
    [
        pytest.param(12, 100, "spot", None, [(10, 1, "spot"), (2, 1, "spot")], id="all on one"),
        pytest.param(12, 100, None, None, [(10, 1, None), (2, 1, None)], id="on none"),
        pytest.param(12, 100, "od", "spot", [(10, 1, "od"), (1, 1, "od"), (1, 1, "spot")], id="a probe comes last"),
        pytest.param(7, 3, "od", "spot", [(2, 3, "od"), (1, 1, "spot")], id="within the tasks of a launch"),
        pytest.param(1, 100, "od", "spot", [(1, 1, "spot")], id="one container is the probe"),
        pytest.param(5, 1, "od", "spot", [(1, 1, "spot")], id="so is a launch of one task"),
        pytest.param(5, 9, None, "spot", [(1, 1, "spot")], id="a probe alone while all are short"),
        pytest.param(0, 9, "od", "spot", [], id="nothing"),
    ],
)
def test_a_plan_on_providers(
    containers: int,
    max_tasks: int,
    provider: str | None,
    probe: str | None,
    expected: list[tuple[int, int, str | None]],
) -> None:
    """Each call names one provider; never more containers or tasks than without them."""
    policy = PackingPolicy(SPREAD, max_tasks, 9)
    plan = pack_on(containers, policy, 9, provider, probe)
    assert expected == [(call.count, call.containers, call.provider) for call in plan.calls]
    assert plan.containers <= containers
    assert plan.tasks <= max_tasks


def test_canaries_come_behind_what_is_trusted_and_before_a_probe() -> None:
    """If one is refused, whatever else was planned has been sent; a probe keeps none back."""
    rest, single = pack_on(7, WIDE, 9, "on-demand", "spot"), Plan((TaskGroup(1, 1, "on-demand"),))
    plan = add_canaries(rest, single, probes=True)
    assert [False, True, False] == [call.is_canary for call in plan.calls]
    assert (8, "spot") == (plan.containers, plan.calls[-1].provider)
    assert [(1, True)] == [call.kind for call in add_canaries(Plan(), single, probes=False).calls]
