from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.account import Need, find_shares, judge_addresses, judge_vcpus

NEED = Need("a", 10, 0, 0.5, 512.0, {"FARGATE": 1.0}, frozenset({"s-1"}))
"""Ten containers, two a task of one vCPU."""


@pytest.mark.parametrize(
    ("run_task", "expected"),
    [
        ({"launchType": "FARGATE"}, {"FARGATE": 1.0}),
        ({"launchType": "EC2"}, {}),
        ({}, {}),
        (
            {
                "capacityProviderStrategy": [
                    {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
                    {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0},
                ]
            },
            {"FARGATE": 0.25, "FARGATE_SPOT": 0.75},
        ),
        ({"capacityProviderStrategy": [{"capacityProvider": "own", "weight": 1}]}, {}),
    ],
    ids=["on demand", "instances", "neither", "weights", "another provider"],
)
def test_the_kind_of_tasks(run_task: dict[str, Any], expected: dict[str, float]) -> None:
    """Only Fargate's have a quota of vCPUs."""
    assert expected == find_shares(run_task)


@pytest.mark.parametrize(
    ("needs", "budget", "quotas", "wanted"),
    [
        ([NEED], None, {"FARGATE": 5.0}, None),
        ([NEED], None, {"FARGATE": 4.5}, "5 vCPU of FARGATE"),
        ([NEED, replace(NEED, scaler="b")], None, {"FARGATE": 9.0}, "10 vCPU of FARGATE"),
        ([NEED, replace(NEED, scaler="b", units=1024.0)], 12, {"FARGATE": 10.0}, "11 vCPU of FARGATE"),
        ([replace(NEED, shares={"FARGATE_SPOT": 0.5})], None, {"FARGATE_SPOT": 2.0}, "2.5 vCPU of FARGATE_SPOT"),
        ([replace(NEED, shares={})], None, {"FARGATE": 0.0}, None),
        ([NEED], None, {}, None),
    ],
    ids=["enough", "short", "together", "budget", "a share", "none of Fargate's", "unknown"],
)
def test_vcpus(needs: list[Need], budget: int | None, quotas: dict[str, float], wanted: str | None) -> None:
    """All scalers share a quota; a budget is spent on the largest containers; an unknown quota is not too small."""
    said = list(judge_vcpus(needs, budget, quotas))
    assert ([] if wanted is None else [f"take {wanted} at the maximum"]) == [
        text.partition(", and")[0] for text in said
    ]


BOTH = frozenset({"s-1", "s-2"})


@pytest.mark.parametrize(
    ("needs", "free", "expected"),
    [
        ([NEED], {"s-1": 5}, []),
        ([NEED], {"s-1": 1}, [("a", "have 1 free address, and scaler a may start 5 more tasks")]),
        ([replace(NEED, live=4)], {"s-1": 3}, []),
        ([NEED], {}, []),
        ([replace(NEED, subnets=frozenset())], {"s-1": 0}, []),
        (
            [NEED, replace(NEED, scaler="b", subnets=BOTH)],
            {"s-1": 5, "s-2": 4},
            [("a", "have 9 free addresses, and scalers a, b may start 10 more tasks")],
        ),
        ([NEED, replace(NEED, scaler="b", subnets=BOTH)], {"s-1": 5, "s-2": 5}, []),
    ],
    ids=["enough", "short", "some live", "unknown", "no address", "who must share", "who may go elsewhere"],
)
def test_addresses(needs: list[Need], free: dict[str, int], expected: list[tuple[str, str]]) -> None:
    """Who can use no other subnets has to fit into these, together with all that can neither."""
    assert expected == [(scaler, text.partition(", each")[0]) for scaler, text in judge_addresses(needs, free)]
