"""The promise: with how many containers every message is taken within ``start_within`` of its arrival.

The work that waits, less what the live containers take on until the promise is due; new ones share the rest::

    need  = visible x S - idle x own(T) - busy x ahead - sum over starting of own(T - what is left of D)
    asked = live + need / own(T - D), rounded up

    T  the promise, less a poll and half a slot       S  the seconds that a message occupies a container
    D  the seconds that a start takes, their median
    own(t) = max(t, D, S)     what a free container takes on within t;   S alone if it takes one message and exits
    ahead  = max(T - S, 0)    what one takes on beside its message;      0 if it takes one message and exits

A busy container is free after S and not after S / 2: durations are not fixed, and those that last are those that are
met. Whoever starts takes one message on, however late that is, so no share is below S; and none is below D, since a
promise that a start can hardly keep would else ask for a multiple of the containers. For workers that take one message
the rule is one container for each message that no live one is about to take: waiting for them saves nothing. The same
holds while S is unknown: the promise goes before the cost.
"""

from __future__ import annotations

from math import ceil

from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.need import Need, Pace
from controller.core.decision.policy import Policy, StartWithin
from controller.core.decision.slots import slot_length

HARDLY_MORE = 1.2
"""Messages that a container takes until the promise is due, below which it makes no difference that it may go on."""
UNKNOWN_START_DELAY = 60.0
"""Seconds from RunTask until a worker runs that count until a start was measured."""


def find_time(policy: Policy, goal: StartWithin) -> float:
    """Return T: the promise without the time in which nobody decides, seconds; of a short promise, half of it."""
    undecided = policy.poll_interval + slot_length(policy.slots) / 2
    return max(goal.start_within - undecided, goal.start_within / 2)


def measure_need(promise: float, pace: Pace, queue: QueueCounts, fleet: Fleet, now: float) -> Need:
    """Return the work that waits, and who takes it on within ``promise`` seconds.

    ``queue.in_flight`` are messages of live containers, as far as that is known.
    """
    delay = fleet.start_delay if fleet.start_delay is not None else UNKNOWN_START_DELAY
    # While nobody knows how long a message takes, each needs a container, whatever number stands for its length.
    message = 1.0 if pace.seconds is None else pace.seconds
    takes_one = pace.seconds is None or pace.takes_one
    if takes_one is None:
        # Who would take hardly more than one until the promise is due is asked for one, until it is known to go on.
        takes_one = max(promise - delay, delay) < HARDLY_MORE * message

    def own(span: float) -> float:
        return message if takes_one else max(span, delay, message)

    busy = min(queue.in_flight, fleet.running)
    # A task from the future was created before the clock stepped back: its whole start is still before it.
    left = [min(delay, max(0.0, delay - (now - born))) for born in fleet.starting]
    return Need(
        pace=pace,
        promise=promise,
        takes_one=takes_one,
        start_delay=delay,
        waiting=queue.visible * message,
        taken_by_idle=(fleet.running - busy) * own(promise),
        taken_by_busy=0.0 if takes_one else busy * max(0.0, promise - message),
        taken_by_starting=sum([own(promise - rest) for rest in left]),
        share=own(promise - delay),
    )


def count_asked(need: Need, queue: QueueCounts, fleet: Fleet) -> int:
    """Return how many containers should live: those that do, and new ones for the rest; 1 if something waits."""
    extra = ceil(round(need.rest / need.share, 9))
    return max(fleet.live + extra, 1 if queue.visible else 0)


def find_patience(need: Need) -> float:
    """Return for how many seconds nothing may move before one container more is asked for: half of what a start leaves.

    Of a promise that is hardly longer than a start, half a start.
    """
    return max(need.promise - need.start_delay, need.start_delay) / 2
