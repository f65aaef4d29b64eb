import pytest

from controller.sandbox.census import Census
from controller.sandbox.messages import MessageTotals
from controller.sandbox.runner import Kill
from controller.sandbox.siblings import KeeperTotals
from controller.sandbox.summary import Summary, quantile, render, sum_up_queue

DONE = MessageTotals(sent=40, done=40, done_twice=1, waits=tuple(float(n) for n in range(1, 41)))
CENSUS = Census(launched=((2, 1), (1, 3)))
KILL = Kill(
    task="arn:task/1", container="worker-2", queue="drain", stop_code="EssentialContainerExited", message="drain-1-7"
)


def summary_of(messages=DONE, *, in_queue=0, kills=(), **more) -> Summary:
    return Summary(
        seconds=47.3,
        seed=1,
        queues=(
            sum_up_queue("drain", messages, census=CENSUS, in_queue=in_queue, kills=len(kills)),
            sum_up_queue("single", MessageTotals(sent=2, done=2), census=Census(), in_queue=0, kills=0),
        ),
        calls={"ecs:RunTask": 3, "sqs:GetQueueAttributes": 94},
        revisions=2,
        kills=kills,
        **more,
    )


@pytest.mark.parametrize(
    ("undone", "in_queue", "lost", "left"),
    [(0, 0, 0, 0), (3, 3, 0, 3), (3, 1, 2, 1), (3, 0, 3, 0), (0, 2, 0, 0)],
    ids=["all done", "left", "lost and left", "lost", "only messages that are done already"],
)
def test_what_is_not_done_is_lost_or_left(undone, in_queue, lost, left):
    """A message that is not done is lost unless the queue still has it."""
    queue = sum_up_queue("drain", MessageTotals(sent=10, done=10 - undone), census=CENSUS, in_queue=in_queue, kills=0)

    assert (lost, left) == (queue.lost, queue.left)


def test_a_run_with_everything_done_succeeds():
    """The exit code is 0, and the last line says that nothing was lost or killed."""
    summary = summary_of()

    assert summary.exit_code == 0
    assert (
        render(summary).splitlines()[-1]
        == "Every message was done: none lost, no worker killed in the middle of its work."
    )


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (
            summary_of(MessageTotals(sent=5, done=4)),
            "1 message lost: neither done nor in the queue any more.",
        ),
        (summary_of(MessageTotals(sent=5, done=2), in_queue=3), "3 messages not done in time."),
        (
            summary_of(kills=(KILL,)),
            "Container worker-2 of arn:task/1 was killed while it worked on message drain-1-7 "
            "(EssentialContainerExited).",
        ),
        (
            summary_of(MessageTotals(sent=5, done=2), in_queue=3, failures=("The controller ended by itself.",)),
            "The controller ended by itself.",
        ),
        (
            summary_of(MessageTotals(sent=5, done=4), interrupted=True),
            "1 message lost: neither done nor in the queue any more.",
        ),
    ],
    ids=["lost", "left", "killed", "another failure", "lost before a Ctrl-C"],
)
def test_a_run_that_went_wrong_fails_and_says_why(summary, problem):
    """The exit code is 1, and every kind of failure has its own sentence."""
    assert (1, (problem,)) == (summary.exit_code, summary.problems)
    assert problem in render(summary)


def test_messages_left_after_a_ctrl_c_are_no_failure():
    """The summary says how many are left, and the exit code is 0."""
    summary = summary_of(MessageTotals(sent=5, done=2), in_queue=3, interrupted=True)

    assert summary.exit_code == 0
    assert "Ended on request with 3 messages left in the queues" in render(summary)


@pytest.mark.parametrize(("launched", "code"), [((), 0), (((1, 1),), 1)], ids=["not asked for", "asked for"])
def test_whoever_tries_a_queue_of_their_own_need_not_do_the_sandboxs_messages(launched, code):
    """They are judged only where something was launched for them."""
    sandboxs = sum_up_queue("drain", MessageTotals(sent=5), census=Census(launched=launched), in_queue=5, kills=0)
    own = {"orders": MessageTotals(sent=1, done=1)}
    summary = Summary(seconds=60.0, seed=1, queues=(sandboxs,), calls={}, revisions=0, own=own)

    assert code == summary.exit_code
    text = render(summary)
    assert ("messages are left, 5 in all: none lost, no worker killed." in text) == (code == 0)
    assert max(map(len, text.splitlines())) <= 80


def test_the_summary_has_every_number_and_fits_80_columns():
    """All numbers of the run are in the text, in lines of at most 80 columns."""
    text = render(summary_of(kills=(KILL,), failures=()))
    rows = {line[:32].strip(): line[32:].split() for line in text.splitlines()}

    assert rows["sent"] == ["40", "2", "42"]
    assert rows["done twice"] == ["1", "0", "1"]
    assert rows["from sent to started, median"] == ["20.5", "s", "-", "20.5", "s"]
    assert rows["from sent to started, p95"] == ["38.0", "s", "-", "38.0", "s"]
    assert rows["tasks"] == ["3", "0", "3"]
    assert rows["containers"] == ["5", "0", "5"]
    assert rows["killed in the middle of work"] == ["1", "0", "1"]
    assert rows["AWS calls by the controller"] == ["97"]
    assert rows["ecs:RunTask"] == ["3"]
    assert rows["task definition revisions"] == ["2"]
    assert "tasks x containers, drain: 2 x 1, 1 x 3" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("  Container")) <= 80


def test_the_summary_counts_what_the_keepers_did():
    """It has the tasks ended, the questions asked, and under chaos the answers spoiled."""
    text = render(summary_of(keepers=KeeperTotals(3, 40, 8)))
    rows = {line[:32].strip(): line[32:].split() for line in text.splitlines()}

    assert rows["keepers that ended their task"] == ["3"]
    assert rows["questions asked"] == ["40"]
    assert rows["answers spoiled on their way"] == ["8"]
    assert "spoiled" not in render(summary_of(keepers=KeeperTotals(3, 40)))


def test_a_task_that_outlived_its_workers_is_a_failure_that_hides_no_other():
    """Messages that were left are a failure of their own beside it."""
    summary = summary_of(MessageTotals(sent=5, done=2), in_queue=3, outlived=("Task 1 still lives.",))

    assert (1, ("Task 1 still lives.", "3 messages not done in time.")) == (summary.exit_code, summary.problems)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [((), 0.95, None), ((4.0,), 0.95, 4.0), ((3.0, 1.0, 2.0), 0.5, 2.0), (tuple(range(100)), 0.95, 94)],
    ids=["none", "one", "median of three", "p95 of a hundred"],
)
def test_quantile(values, share, expected):
    """A quantile is always one of the values."""
    assert expected == quantile(values, share)
