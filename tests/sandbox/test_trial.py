import pytest

from controller.sandbox.aws import METADATA
from controller.sandbox.disruptions import Blow
from controller.sandbox.memory import MEBIBYTE, MemoryUse
from controller.sandbox.summary import Summary, render
from controller.sandbox.trial import Trial

NONE = {"drain": 0, "single": 0}


def memory(growth: float) -> MemoryUse:
    return MemoryUse(settles_at=60.0, settled=70 * MEBIBYTE, last=int((70 + growth) * MEBIBYTE))


def summary_of(**more) -> Summary:
    trial = Trial(
        **(
            {
                "hits": {
                    ("ecs", "throttle"): 7,
                    ("sqs", "throttle"): 5,
                    ("ecs", "lost_answer"): 30,
                    (METADATA, "cut"): 8,
                },
                "blows": {Blow.KILLED: 2, Blow.KILLED_IN_A_LAUNCH: 3, Blow.RESTARTED: 1},
                "above_max": NONE,
                "beyond_plans": NONE,
            }
            | more
        )
    )
    return Summary(seconds=60.0, seed=1, queues=(), calls={}, revisions=0, trial=trial)


def rows(text: str) -> dict[str, list[str]]:
    return {line[:32].strip(): line[32:].split() for line in text.splitlines()}


def test_the_summary_counts_disturbances_and_broken_promises():
    """It has disturbances by kind, the most frequent first, kills, and numbers that must be 0, in 80 columns."""
    text = render(summary_of(memory=memory(1.5)))
    told = rows(text)

    assert told["faults in the controller's calls"] == ["42"]
    assert text.index("  lost answer") < text.index("  throttle")
    assert (told["lost answer"], told["throttle"]) == (["30"], ["12"])
    assert told["controller kills (SIGKILL)"] == ["5"]
    assert told["in the middle of a launch"] == ["3"]
    assert told["controller restarts (SIGTERM)"] == ["1"]
    assert told["containers above max, at worst"] == ["0", "0", "0"]
    assert told["tasks launched beyond plans"] == ["0", "0", "0"]
    assert told["controller memory after 60 s"] == ["70.0", "MiB"]
    assert told["at the end"] == ["71.5", "MiB"]
    assert max(map(len, text.splitlines())) <= 80


def test_a_run_in_which_everything_held_succeeds():
    """Disturbances and kills alone are no failure, and neither are 5 MiB more memory."""
    assert summary_of(memory=memory(5.0)).exit_code == 0


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (
            {"above_max": NONE | {"drain": 2}},
            "Scaler drain had 2 live containers more than its max_containers allows.",
        ),
        (
            {"beyond_plans": NONE | {"single": 1}},
            "Scaler single launched 1 task beyond the largest plan of a slot.",
        ),
        ({"memory": memory(5.1)}, "The controller holds 5.1 MiB more memory than at first: it may hold 5 MiB more."),
    ],
    ids=["above max", "beyond plans", "memory"],
)
def test_a_broken_promise_is_a_failure(broken, problem):
    """The exit code is 1, and each broken promise has its own sentence."""
    summary = summary_of(**broken)

    assert (1, (problem,)) == (summary.exit_code, summary.problems)


def test_unknown_memory_is_no_failure():
    """The summary says that it is not known."""
    summary = summary_of(memory=MemoryUse(settles_at=60.0))

    assert summary.exit_code == 0
    assert rows(render(summary))["controller memory"] == ["not", "known"]
