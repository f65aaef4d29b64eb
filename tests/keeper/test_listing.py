import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.keeper.conftest import Start
from tests.keeper.metadata import Endpoint, listed, says, statuses, task

NAMES = ("worker-1", "worker-2")


def read_listing(keep: Start, document: str, *names: str) -> str:
    """Return the containers and statuses that the keeper logs for a document."""
    with Endpoint(says(document)) as endpoint:
        keeper = keep(endpoint.uri, *names)
        assert keeper.stdout is not None
        line = keeper.stdout.readline()
        keeper.terminate()
        keeper.wait()
    return line.removeprefix("ecsq-keeper: see ").strip()


RUNS, ENDED = listed("worker-1", "RUNNING"), listed("worker-2", "STOPPED")
EXPECTED = "worker-1=RUNNING worker-2=STOPPED"
PLAIN = task([RUNS, ENDED])


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN, id="as ECS writes it"),
        pytest.param(json.dumps(json.loads(PLAIN), indent=4), id="indented"),
        pytest.param("\n\t " + PLAIN + " \r\n", id="space around it"),
        pytest.param(json.dumps(json.loads(PLAIN), separators=(" ,\n", " :\t")), id="space before and after signs"),
        pytest.param(task([dict(reversed(RUNS.items())), dict(reversed(ENDED.items()))]), id="fields reversed"),
        pytest.param(json.dumps(dict(reversed(json.loads(PLAIN).items()))), id="Containers first"),
        pytest.param(task([RUNS, ENDED], KnownStatus="STOPPED"), id="the task says STOPPED"),
        pytest.param(task([{**RUNS, "DesiredStatus": "STOPPED"}, ENDED]), id="it should stop"),
        pytest.param(
            task([RUNS, ENDED, *(listed(n, "STOPPED") for n in ("worker", "worker-", "worker-11", "my-worker-1"))]),
            id="names that begin or end alike",
        ),
        pytest.param(
            task([{**RUNS, "Labels": {"Name": "worker-2", "KnownStatus": "STOPPED"}}, ENDED]), id="labels so called"
        ),
        pytest.param(
            task([{"Networks": [{"Name": "worker-1", "KnownStatus": "STOPPED"}], **RUNS}, ENDED]),
            id="networks so called",
        ),
        pytest.param(
            task([{**RUNS, "Volumes": [{"Containers": [listed("worker-1", "STOPPED")]}]}, ENDED]),
            id="Containers inside a container",
        ),
        pytest.param(task([RUNS, ENDED], Others=[listed("worker-1", "STOPPED")]), id="another list of the task"),
        pytest.param(
            task([RUNS, ENDED], Resources={"Containers": [listed("worker-1", "STOPPED")]}), id="Containers elsewhere"
        ),
        pytest.param(
            task([{**RUNS, "Reason": '"},{"Name":"worker-1","KnownStatus":"STOPPED"'}, ENDED]), id="quotes in a string"
        ),
        pytest.param(task([{**RUNS, "Reason": "a\\"}, {"x": "\\\\", **ENDED}]), id="backslashes at the end of strings"),
        pytest.param(task([{**RUNS, "Reason": "}]}]} {[ ' $(exit 0) `x` * \\\""}, ENDED]), id="brackets in a string"),
        pytest.param(task([RUNS, {**ENDED, "Snapshotter": "worker-1=STOPPED"}]), id="our own notation in a string"),
        pytest.param(task([RUNS, ENDED, listed("x worker-1=STOPPED", "STOPPED")]), id="our own notation in a name"),
        pytest.param(task([RUNS, ENDED, listed("worker-1", "STOPPED")]), id="listed twice, running once"),
        pytest.param(task([listed("worker-1", "STOPPED"), RUNS, ENDED]), id="listed twice, stopped first"),
        pytest.param(task([RUNS, ENDED, {"KnownStatus": "STOPPED"}]), id="one without a name"),
        pytest.param(task([{"KnownStatus": "STOPPED"}, RUNS, ENDED]), id="one without a name before"),
        pytest.param(task([RUNS, ENDED, {"": "", "e": [], "o": {}, "n": None, "t": True, "f": -1.5e3}]), id="empties"),
    ],
)
def test_the_containers_own_status_is_read(keep: Start, document: str) -> None:
    """It is read however the document is written, and whatever else in it looks alike."""
    assert EXPECTED == read_listing(keep, document, *NAMES)


@pytest.mark.parametrize(
    "fields",
    [{}, *({"KnownStatus": status} for status in (None, 7, {"x": "STOPPED"}, ["STOPPED"], "STOPPED worker-2=STOPPED"))],
    ids=repr,
)
def test_a_status_that_ecs_does_not_have_is_unknown(keep: Start, fields: dict[str, Any]) -> None:
    """A container whose status is missing or makes no sense has not stopped, whatever is listed before it."""
    document = task([listed("worker-2", "STOPPED"), {"Name": "worker-1", **fields}])
    assert "worker-1=UNKNOWN" == read_listing(keep, document, "worker-1")


def test_a_large_document_is_read_whole(keep: Start) -> None:
    """Nine workers with labels of 10 KB each are all seen."""
    labels = {f"label-{number}": "x" * 100 for number in range(100)}
    workers = [listed(f"worker-{number}", "RUNNING", Labels=labels) for number in range(1, 10)]
    expected = " ".join(f"worker-{number}=RUNNING" for number in range(1, 10))
    assert expected == read_listing(keep, task(workers), *(f"worker-{number}" for number in range(1, 10)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([*NAMES, "STOPPED", "\\", '"']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Name", "KnownStatus", "Containers", "\\", 'a"b']) | st.text(max_size=4), inner
        )
    ),
    max_leaves=12,
)
containers = st.fixed_dictionaries(
    {"Name": st.sampled_from([*NAMES, "worker", "worker-11"]), "KnownStatus": st.sampled_from(["RUNNING", "STOPPED"])},
    optional={"Labels": json_values, "Aa": json_values, "Zz": json_values},
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    listing=st.lists(containers, max_size=4, unique_by=lambda each: each["Name"]),
    rest=st.dictionaries(st.sampled_from(["KnownStatus", "Aa", "Zz"]), json_values),
    shuffled=st.randoms(use_true_random=False),
    style=st.sampled_from([{}, {"indent": 0}, {"indent": 2}, {"ensure_ascii": False}]),
)
def test_any_document_is_read_as_a_json_parser_reads_it(
    keep: Start,
    listing: list[dict[str, Any]],
    rest: dict[str, Any],
    shuffled: Any,
    style: dict[str, Any],
) -> None:
    """Random fields in random order, nested and written in every way, do not confuse it."""
    document = dict(shuffle({**rest, "Containers": [dict(shuffle(each, shuffled)) for each in listing]}, shuffled))
    text = json.dumps(document, **style)
    known = {each["Name"]: each["KnownStatus"] for each in listing}
    expected = " ".join(f"{name}={known.get(name, 'absent')}" for name in NAMES)
    assert expected == read_listing(keep, text, *NAMES)


def shuffle(members: dict[str, Any], shuffled: Any) -> list[tuple[str, Any]]:
    """Return an object's members in a random order."""
    items = list(members.items())
    shuffled.shuffle(items)
    return items


def test_the_short_form_of_the_tests_is_a_document(keep: Start) -> None:
    """The short form that other tests use gives the statuses that it names."""
    assert "worker-1=RUNNING" == read_listing(keep, statuses(worker_1="RUNNING"), "worker-1")
