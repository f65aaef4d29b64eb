import io
from dataclasses import replace

import pytest
from rich.console import Console

from controller.sandbox.live import LiveView, PlainView, choose_view, draw
from controller.sandbox.progress import RECENT_LAUNCHES, Progress, QueueProgress, read_decisions, read_launches

DRAIN = QueueProgress(
    name="drain",
    visible=12,
    in_flight=6,
    running=6,
    starting=4,
    tasks=5,
    sent=30,
    done=12,
    decision="launch 4: 18 messages ask for 10 containers, 6 live",
)
SINGLE = QueueProgress(name="single")
PROGRESS = Progress(
    elapsed=23.4,
    duration=60,
    phase="bursts arrive",
    queues=(DRAIN, SINGLE),
    launches=("00:07 drain: launched 4 (4 x 1)",),
)


def console(width=80, **more) -> Console:
    return Console(file=io.StringIO(), width=width, _environ={"TERM": "xterm", **more.pop("environ", {})}, **more)


def text_of(shown: Console) -> str:
    return shown.file.getvalue()


@pytest.mark.parametrize("width", [30, 61, 62, 80, 200])
def test_the_picture_fits_every_width_with_every_number(width):
    """No line is wider than the terminal, and none of the numbers is lost."""
    shown = console(width)
    shown.print(draw(PROGRESS, width))
    text = text_of(shown)

    assert max(len(line) for line in text.splitlines()) <= width
    words = text.replace("\n", " ").split()
    assert {"12", "6", "4", "5", "30"} <= {word.strip(",;") for word in words}
    assert "18 messages ask for 10" in " ".join(words)


def test_the_picture_fits_a_terminal_of_24_lines():
    """Two scalers with long decisions and the last launches fit into 80 x 24."""
    long = [replace(queue, decision="word " * 28) for queue in (DRAIN, SINGLE)]
    busy = replace(PROGRESS, queues=tuple(long), launches=PROGRESS.launches * RECENT_LAUNCHES)
    shown = console()
    shown.print(draw(busy, 80))

    assert len(text_of(shown).splitlines()) <= 24


def test_without_colour_the_bars_still_differ():
    """With NO_COLOR there is no colour escape, and work, waiting and starting have different signs."""
    shown = console(force_terminal=True, environ={"NO_COLOR": "1"})
    shown.print(draw(PROGRESS, 80))
    lines = text_of(shown).splitlines()

    assert not any(f"\x1b[{colour}" in line for line in lines for colour in range(30, 38))
    assert any("messages    " + "#" * 6 + "." * 12 in line for line in lines)
    assert any("containers  " + "#" * 6 + "+" * 4 in line for line in lines)


@pytest.mark.parametrize(
    ("terminal", "term", "expected"),
    [(True, "xterm", LiveView), (True, "dumb", PlainView), (False, "xterm", PlainView)],
    ids=["terminal", "dumb terminal", "pipe"],
)
def test_only_a_terminal_that_can_draw_gets_the_live_view(terminal, term, expected):
    """Pipes, files and dumb terminals get plain lines."""
    assert isinstance(choose_view(console(force_terminal=terminal, environ={"TERM": term})), expected)


def test_plain_lines_come_on_change_only_and_not_too_often():
    """A queue that has not changed gets no new line, and one that has changed waits for the interval."""
    shown = console()
    view = PlainView(shown)
    busier = replace(PROGRESS, elapsed=24, queues=(replace(DRAIN, visible=11), SINGLE))
    with view:
        view.show(PROGRESS)
        first = len(text_of(shown).splitlines())
        view.show(PROGRESS)
        view.show(busier)
        soon = len(text_of(shown).splitlines())
        view.show(replace(busier, elapsed=27))

    assert soon == first
    assert text_of(shown).splitlines()[first:] == [
        "00:27 drain: 11 visible, 6 in flight; 6 running, 4 starting in 5 tasks; 12 of 30 done",
        "      launch 4: 18 messages ask for 10 containers, 6 live",
    ]


def test_an_event_is_printed_once():
    """Old launches are not printed again after a moment in which the controller did not answer."""
    shown = console()
    blow = "00:20 the controller is killed, and back 1.0 s later"
    with PlainView(shown) as view:
        for launches, disruptions in ((PROGRESS.launches, ()), ((), (blow,)), (PROGRESS.launches, (blow,))):
            view.show(replace(PROGRESS, queues=(), launches=launches, disruptions=disruptions))

    assert text_of(shown).splitlines()[1:] == [*PROGRESS.launches, blow]


def test_the_picture_shows_the_disruptions():
    """Under chaos a viewer sees why the controller does not answer."""
    shown = console()
    shown.print(draw(replace(PROGRESS, disruptions=("00:20 the controller is killed",)), 80))

    assert "00:20 the controller is killed" in text_of(shown)


def record(scaler: str, at: float, outcome: str | None, **more) -> dict:
    return {
        "scaler": scaler,
        "at": at,
        "outcome": outcome,
        "plan": [{"tasks": 2, "containers": 1}, {"tasks": 1, "containers": 3}],
        "launch": 8,
        "launched_containers": 5,
        "error": None,
        "text": f"{scaler} at {at}",
        **more,
    }


STATUS = {
    "scalers": [
        {
            "name": "drain",
            "problem": None,
            "last_decision": record("drain", 108.0, None),
            "decisions": [record("drain", 107.0, "launched"), record("drain", 108.0, None)],
        },
        {"name": "single", "problem": "queue gone", "last_decision": None, "decisions": []},
        {
            "name": "other",
            "problem": None,
            "last_decision": None,
            "decisions": [record("other", 105.0, "partly_launched")],
        },
    ]
}


def test_launches_are_listed_in_the_order_of_time():
    """Launches of all scalers are listed oldest first, with their tasks and containers, and without holds."""
    assert read_launches(STATUS, began=100.0) == (
        "00:05 other: partly launched 5 (2 x 1, 1 x 3)",
        "00:07 drain: launched 5 (2 x 1, 1 x 3)",
    )


@pytest.mark.parametrize(
    ("outcome", "more", "told"),
    [
        ("failed", {"plan": None, "launched_containers": 0}, "launch of 8 failed: out of capacity"),
        ("in_doubt", {"launched_containers": 0}, "launch of 8 in doubt: out of capacity"),
        ("in_doubt", {}, "launch of 8 in doubt after 5: out of capacity"),
        ("partly_launched", {}, "partly launched 5 (2 x 1, 1 x 3): out of capacity"),
    ],
    ids=["nothing started", "nobody knows", "nobody knows of the rest", "some started"],
)
def test_a_launch_that_failed_is_listed_with_the_reason(outcome, more, told):
    """The reason does not repeat the name of the scaler."""
    failed = record("drain", 103.0, outcome, error="scaler drain: out of capacity", **more)
    status = {"scalers": [{"name": "drain", "problem": None, "last_decision": None, "decisions": [failed]}]}

    assert read_launches(status, began=100.0) == (f"00:03 drain: {told}",)


def test_new_events_are_printed_in_the_order_of_time():
    """Launches and disruptions of the same look are sorted together."""
    shown = console()
    launch, blow = "00:21 drain: launched 1 (1 x 1)", "00:20 the controller is killed, and back 1.0 s later"
    with PlainView(shown) as view:
        view.show(replace(PROGRESS, queues=(), launches=(launch,), disruptions=()))
        view.show(replace(PROGRESS, queues=(), launches=(launch, launch.replace("21", "24")), disruptions=(blow,)))

    assert text_of(shown).splitlines()[1:] == [launch, blow, launch.replace("21", "24")]


def test_decisions_are_read_in_words():
    """Every scaler has its problem, its last decision, or an empty text before the first."""
    assert read_decisions(STATUS) == {"drain": "drain at 108.0", "single": "queue gone", "other": ""}


def test_a_daemon_that_does_not_answer_has_no_decisions():
    """Decisions and launches are empty then."""
    assert (read_decisions(None), read_launches(None, began=0.0)) == ({}, ())
