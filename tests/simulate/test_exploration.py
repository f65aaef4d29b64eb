from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.config import Loaded, load
from controller.simulate.exploration import Variant, judge, list_variants
from controller.simulate.measures import Row
from controller.simulate.tables import draw_findings, give_verdict, say_share
from tests.config.files import LEAST, demand


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "config.yaml"
    path.write_text(LEAST)
    return load(path)


def row(name: str, p99: float, dollars: float, late: float = 0.0) -> Row:
    return Row(
        name, {"p50": 1.0, "p95": 2.0, "p99": p99, "max": p99}, late, 0, 10.0, 1.0, 1.0, dollars, containers=9, empty=0
    )


def variants_of(loaded: Loaded, **named: list[str]) -> dict[str, Variant]:
    return {each.name: each for each in list_variants(loaded, loaded.spec.scalers[0], named)}


def test_each_number_is_halved_and_doubled(loaded: Loaded) -> None:
    """As far as the configuration allows it; what is 0 stays."""
    variants = variants_of(loaded)
    assert {"max_containers: 45", "max_containers: 180", "poll_interval: 5s", "poll_interval: 20s",
            "demand.messages_per_container: 2", "demand.messages_per_container: 10", "hysteresis.dead_band: 0.1",
            "task.max_containers_per_task: 4"} <= set(variants)  # fmt: skip
    assert "cooldown.launch: 15s" not in variants  # a slot is the least
    assert "task.max_containers_per_task: 18" not in variants
    assert not [name for name in variants if name.startswith("min_containers")]
    assert 45 == variants["max_containers: 45"].spec.policy.max_containers
    assert "max_containers: 45" in variants["max_containers: 45"].text


def test_steps_are_scaled_whole(tmp_path: Path) -> None:
    """Each step stays above the one before."""
    text = demand(
        "steps:\n  - {backlog: 1, containers: 1}\n  - {backlog: 9, containers: 2}\n  - {backlog: 90, containers: 9}"
    )
    path = tmp_path / "config.yaml"
    path.write_text(text)
    variant = variants_of(load(path))["demand.steps: containers x 0.5"]
    assert [1, 2, 4] == [step.containers for step in variant.spec.policy.demand.steps]  # type: ignore[union-attr]


def test_what_check_warns_of_is_known(tmp_path: Path) -> None:
    """Of a variant, and not of the configuration as it is."""
    path = tmp_path / "config.yaml"
    path.write_text(f"{demand('steps: [{backlog: 1, containers: 90}]')}    min_containers: 2\n")
    variants = variants_of(load(path))
    assert () == variants["min_containers: 4"].warnings
    (warning,) = variants["max_containers: 180"].warnings
    assert warning.startswith("scalers[0].demand.steps[0].containers: the top step asks for 90 containers")
    this, better = row("this", 400, 10, late=0.004), row("better", 100, 10.3)
    findings, _ = judge(this, [(variants["max_containers: 180"], better)])
    said = f"`ecsq check` warns of `max_containers: 180`: {warning}"
    assert give_verdict(this, 300, None, findings[0]).endswith(f"for 3 % more. {said}.")
    assert f"! {said}" in draw_findings(this, findings, [])
    narrow = draw_findings(this, findings, ["cooldown.launch"], 80)
    assert narrow[1].startswith("*!  max_containers: 180")
    assert max(map(len, narrow)) <= 80


@pytest.mark.parametrize("text", [LEAST, (Path(__file__).parents[2] / "config.yaml").read_text()])
def test_every_variant_is_a_file_that_check_takes(tmp_path: Path, text: str) -> None:
    """With all its comments, and nothing changed but the key."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    before = load(path)
    for variant in variants_of(before).values():
        again = load(path, variant.text.encode()).spec
        assert (variant.spec, before.spec.scalers[1:]) == (again.scalers[0], again.scalers[1:])
        assert [line for line in text.splitlines() if line.lstrip().startswith("#")] == [
            line for line in variant.text.splitlines() if line.lstrip().startswith("#")
        ]


def test_what_others_have_in_common_with_it_is_not_changed(tmp_path: Path) -> None:
    """An anchor would change them as well."""
    second = LEAST.removeprefix("scalers:\n").replace("content-ingest", "other")
    text = (LEAST + second).replace("messages_per_container: 5", "&five\n      messages_per_container: 5", 1)
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("demand:\n      messages_per_container: 5", "demand: *five"))
    loaded = load(path)
    assert not [name for name in variants_of(loaded) if name.startswith("demand.")]
    with pytest.raises(ValueError, match=r"demand\.messages_per_container: the file has it in common with others"):
        variants_of(loaded, **{"demand.messages_per_container": ["7"]})


def test_named_values_are_tried_instead(loaded: Loaded) -> None:
    """Of a key that is named, and no others."""
    names = [name for name in variants_of(loaded, max_containers=["7", "9"]) if name.startswith("max_containers")]
    assert ["max_containers: 7", "max_containers: 9"] == names


def test_the_best_comes_first(loaded: Loaded) -> None:
    """What costs less at the same wait, then what shortens it most for a dollar, then what is worse."""
    variants = list(variants_of(loaded, max_containers=["1", "2", "3", "4", "5"]).values())[-5:]
    this = row("this", 100, 10)
    rows = [row("a", 120, 5), row("b", 10, 13), row("c", 60, 12), row("d", 100, 9), row("e", 100, 10)]
    findings, idle = judge(this, list(zip(variants, rows, strict=True)))
    assert ["d", "b", "c", "a"] == [each.row.name for each in findings]
    assert [True, True, True, False] == [each.is_better for each in findings]
    assert all(each.is_frontier for each in findings)
    assert [] == idle


def test_keys_that_change_nothing_are_named(loaded: Loaded) -> None:
    """If neither of their values does: another reason of a poll makes no message wait less, and costs nothing."""
    variants = variants_of(loaded, max_containers=["80", "70"], poll_interval=["5s"])
    this = row("this", 100, 10)
    tried = [(variants[name], row(name, 100, dollars)) for name, dollars in
             (("max_containers: 80", 10), ("max_containers: 70", 10), ("poll_interval: 5s", 11))]  # fmt: skip
    tried[1] = (tried[1][0], replace(tried[1][1], polls={"cooldown": 3}))
    findings, idle = judge(this, tried)
    assert (["poll_interval: 5s"], ["max_containers"]) == ([each.row.name for each in findings], idle)
    lines = draw_findings(this, findings, idle)
    assert "change nothing here: max_containers" == lines[-1]
    assert any("+10.0 %" in line for line in lines)


def test_the_verdict_says_what_would_do_better(loaded: Loaded) -> None:
    """The goal, the remedy with its price, the bound, and what found nothing."""
    variant = variants_of(loaded)["max_containers: 180"]
    this = row("this", 400, 10, late=0.004)
    findings, _ = judge(this, [(variant, row("remedy", 100, 10.3))])
    bound = Row("bound", {}, None, 0, 8.0, 1.0, 1.0, 7.0)
    assert (
        "The goal of 5m is kept for 99.60 % of messages; `max_containers: 180` would keep it for all, for 3 % more. "
        "Even with every message known in advance, waits no longer than these would take at least 80 % of "
        "these container-hours."
    ) == give_verdict(this, 300, bound, findings[0])
    assert "The goal of 5m is kept for all messages." == give_verdict(row("this", 1, 1), 300, None, None)
    assert "; nothing that was tried would keep it for more. Even" in give_verdict(this, 300, bound, None)
    partly, _ = judge(this, [(variant, row("remedy", 100, 10.3, late=0.002))])
    assert (
        "The goal of 5m is kept for 99.60 % of messages; none of what was tried keeps it for all; "
        "`max_containers: 180` would keep it for 99.80 %, for 3 % more."
    ) == give_verdict(this, 300, None, partly[0])


def test_a_share_is_never_rounded_to_a_whole_that_it_is_not() -> None:
    """One message of a hundred thousand is late, not none."""
    assert ["0 %", "<0.01 %", "1.25 %", ">99.99 %", "100 %"] == [
        say_share(share) for share in (0, 0.00001, 0.0125, 0.99999, 1)
    ]
