import os
import signal
from pathlib import Path

import pytest

from controller.core.copies.derive import derive
from tests.core.copies.templates import WITHOUT_DEADLINE, after, allowed, container, template
from tests.keeper.conftest import Start, children, command, wait_for_end
from tests.keeper.metadata import Endpoint, Respond, cut, reset, says, silence, statuses
from tests.support.aws import eventually

RUNNING = statuses(worker_1="RUNNING", worker_2="RUNNING")
ONE_LEFT = statuses(worker_1="STOPPED", worker_2="RUNNING")
STOPPED = statuses(worker_1="STOPPED", worker_2="STOPPED")
WORKERS = ("worker-1", "worker-2")


def test_ends_with_0_when_the_last_worker_has_stopped(keep: Start) -> None:
    """It logs each change that it sees, and asks for the path of its own task."""
    with Endpoint(says(RUNNING), says(RUNNING), says(ONE_LEFT), says(STOPPED)) as endpoint:
        code, said = wait_for_end(keep(endpoint.uri, *WORKERS))
    assert (0, ["/v4/1234-5678/task"] * 4) == (code, endpoint.asked)
    assert [
        "see worker-1=RUNNING worker-2=RUNNING",
        "see worker-1=STOPPED worker-2=RUNNING",
        "see worker-1=STOPPED worker-2=STOPPED",
        "all have stopped",
    ] == said


@pytest.mark.parametrize("status", ["NONE", "PULLED", "CREATED", "RUNNING", "RESOURCES_PROVISIONED", "stopped", ""])
def test_goes_on_while_a_worker_is_in_any_other_state(keep: Start, status: str) -> None:
    """Only STOPPED, spelled as ECS spells it, counts as an end."""
    document = statuses(worker_1="STOPPED", worker_2=status)
    with Endpoint(says(document)) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="2")
        endpoint.wait_for(6)
        assert keeper.poll() is None
        endpoint.now(says(STOPPED))
        assert 0 == wait_for_end(keeper)[0]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(says("", 500), id="500"),
        pytest.param(says(STOPPED, 500), id="500 with a document"),
        pytest.param(says("", 404), id="404"),
        pytest.param(says(""), id="nothing in the answer"),
        pytest.param(says("<html>moved</html>"), id="HTML"),
        pytest.param(says('\x00\x01\xff garbage \\" { [ }'), id="noise"),
        pytest.param(says(STOPPED[:-1]), id="one bracket short"),
        pytest.param(says(STOPPED + "}"), id="one bracket over"),
        pytest.param(says(STOPPED + STOPPED), id="two documents"),
        pytest.param(says("[" + STOPPED + "]"), id="an array of documents"),
        pytest.param(says(STOPPED.replace("]", "}")), id="brackets that do not match"),
        pytest.param(says("{}"), id="an empty document"),
        pytest.param(says('{"Containers":null}'), id="Containers is null"),
        pytest.param(says(STOPPED.replace('"Containers"', '"containers"')), id="no Containers"),
        pytest.param(says('{"task":' + STOPPED + "}"), id="Containers somewhere below"),
        pytest.param(cut(STOPPED), id="cut in the middle"),
        pytest.param(reset, id="connection reset"),
    ],
)
def test_trouble_at_the_endpoint_does_not_end_it(keep: Start, trouble: Respond) -> None:
    """Errors, garbage and parts of an answer do not count, even if they look like the end of all workers."""
    with Endpoint(trouble) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="2")
        endpoint.wait_for(6)
        assert keeper.poll() is None
        endpoint.now(says(STOPPED))
        code, said = wait_for_end(keeper)
    assert 0 == code
    assert f"no usable answer from {endpoint.uri}/task; going on" == said[0]
    assert said[1].startswith("answers again, after ")


def test_an_endpoint_that_says_nothing_is_asked_again(keep: Start) -> None:
    """It gives up a question that is not answered in time, and asks again."""
    with Endpoint(silence, says(RUNNING), says(STOPPED)) as endpoint:
        assert 0 == wait_for_end(keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_TIMEOUT="1"))[0]
    assert 3 == len(endpoint.asked)


def test_an_endpoint_that_does_not_listen_yet_is_asked_again(keep: Start) -> None:
    """A refused connection is handled like any other failure of the endpoint."""
    endpoint = Endpoint(says(STOPPED))
    endpoint._server.socket.close()
    keeper = keep(endpoint.uri, *WORKERS)
    assert "ecsq-keeper: no usable answer" in (keeper.stdout.readline() if keeper.stdout else "")
    assert keeper.poll() is None


def test_sigterm_ends_it_at_once(keep: Start) -> None:
    """It does not wait for an answer that takes a minute; a shell exits with 143 after SIGTERM."""
    with Endpoint(silence) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_TIMEOUT="60")
        # Its only question may have come by now.
        eventually(lambda: endpoint.asked)
        keeper.terminate()
        assert 143 == keeper.wait(10)


def test_sigterm_ends_it_while_it_sleeps(keep: Start) -> None:
    """It does not sleep on until its next question."""
    with Endpoint(says(RUNNING)) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_POLL="60")
        assert keeper.stdout is not None
        assert "ecsq-keeper: see worker-1=RUNNING worker-2=RUNNING\n" == keeper.stdout.readline()
        keeper.terminate()
        assert 143 == keeper.wait(10)


def test_a_worker_that_appears_late_is_waited_for(keep: Start) -> None:
    """A worker that ECS has not created yet is missing from the list, and that does not count as an end."""
    first = statuses(worker_1="STOPPED")
    with Endpoint(says(first), says(first), says(ONE_LEFT), says(STOPPED)) as endpoint:
        code, said = wait_for_end(keep(endpoint.uri, *WORKERS))
    assert (0, "see worker-1=STOPPED worker-2=absent") == (code, said[0])


def test_one_that_never_appears_is_given_up_when_the_others_have_stopped(keep: Start) -> None:
    """The grace counts answers without a change, and the exit code tells that not all workers have run."""
    with Endpoint(says(statuses(worker_1="STOPPED"))) as endpoint:
        code, said = wait_for_end(keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="5"))
    assert (3, 6) == (code, len(endpoint.asked))
    assert "given up on what never appeared; the others have stopped" == said[-1]


def test_one_that_never_appears_does_not_end_one_that_runs(keep: Start) -> None:
    """After the grace it still waits for a worker that runs."""
    with Endpoint(says(statuses(worker_1="RUNNING"))) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="2")
        endpoint.wait_for(8)
        assert keeper.poll() is None
        endpoint.now(says(statuses(worker_1="STOPPED")))
        assert 3 == wait_for_end(keeper)[0]


def test_one_that_vanishes_is_taken_as_it_was_seen_last(keep: Start) -> None:
    """A running worker that is missing from the list still runs, however long that takes; a stopped one has stopped."""
    with Endpoint(says(ONE_LEFT), says(statuses())) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="2")
        endpoint.wait_for(8)
        assert keeper.poll() is None
        endpoint.now(says(statuses(worker_2="STOPPED")))
        assert 0 == wait_for_end(keeper)[0]


def test_trouble_does_not_use_up_the_grace(keep: Start) -> None:
    """An answer that cannot be used says nothing about who is missing, so it does not count."""
    with Endpoint(*[says("", 500)] * 10, says(STOPPED)) as endpoint:
        assert 0 == wait_for_end(keep(endpoint.uri, *WORKERS, ECSQ_KEEPER_GRACE="3"))[0]


def test_a_watch_that_breaks_off_is_started_again(keep: Start) -> None:
    """It starts its inner shell again when that is killed, so that a lack of memory does not end the task."""
    with Endpoint(says(RUNNING)) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS)
        endpoint.wait_for(2)
        for child in children(keeper.pid):
            os.kill(child, signal.SIGKILL)
        endpoint.wait_for(3)
        endpoint.now(says(STOPPED))
        code, said = wait_for_end(keeper)
    assert 0 == code
    assert "the watch broke off; starting it again" in said


def test_a_log_that_nobody_reads_does_not_end_it(keep: Start) -> None:
    """A closed pipe at its output does not end the keeper, and so not the workers."""
    with Endpoint(says(RUNNING)) as endpoint:
        keeper = keep(endpoint.uri, *WORKERS)
        assert keeper.stdout is not None
        keeper.stdout.close()
        keeper.stdout = None
        for document in (ONE_LEFT, RUNNING, ONE_LEFT):
            endpoint.now(says(document))
            endpoint.wait_for(3)
        assert keeper.poll() is None
        endpoint.now(says(STOPPED))
        assert 0 == keeper.wait(20)


def test_without_the_endpoint_it_fails_at_once(keep: Start) -> None:
    """Without the endpoint it could never see an end, so the task fails at its start and does not run for ever."""
    assert (2, ["ECS_CONTAINER_METADATA_URI_V4 is not set"]) == wait_for_end(keep(None, *WORKERS))


def test_without_names_it_fails_at_once(keep: Start) -> None:
    """A definition that gives the keeper nothing to wait for is a mistake, and the keeper says so."""
    assert (2, ["no container named to wait for"]) == wait_for_end(keep("http://127.0.0.1:9"))


def test_an_image_without_wget_is_named(keep: Start, tools: Path, tmp_path: Path) -> None:
    """The message names the missing tool and what to change."""
    (tmp_path / "sleep").symlink_to(tools / "sleep")
    code, said = wait_for_end(keep("http://127.0.0.1:9", *WORKERS, path=tmp_path))
    assert (2, ["this image has no wget: choose another keeper_image"]) == (code, said)


def test_the_command_of_a_derived_definition_waits_for_copies_and_what_follows_them(keep: Start) -> None:
    """The registered command names the copies and then the container that runs after the worker, and it works."""
    worker, last = container("worker", essential=False), container("upload", dependsOn=after("worker", "COMPLETE"))
    derived = derive(template(worker, last), "worker", 2, WITHOUT_DEADLINE, allowed())
    keeper = derived["containerDefinitions"][0]
    argv = [*keeper["entryPoint"], *keeper["command"]]
    assert argv == command(template(worker, last), "worker", 2)
    with Endpoint(says(STOPPED), says(STOPPED), says(statuses(upload="STOPPED"))) as endpoint:
        code, said = wait_for_end(keep(endpoint.uri, argv=argv))
    assert (0, "see worker-1=STOPPED worker-2=STOPPED upload=absent") == (code, said[0])
