"""The shortest schedules that break a promise when a rule is off; with all rules on, each is harmless."""

from __future__ import annotations

from tests.proof.account import Starts
from tests.proof.configurations import CONFIGURATIONS, L, S, in_order, proving
from tests.proof.process import SENDS, Process
from tests.proof.world import Fate, Moment, World

PLAIN, LARGE_TASKS = CONFIGURATIONS[0], CONFIGURATIONS[4]
"""Both have a max of 25: as calls of 10, 10 and 5 tasks of one container, and as a call of 8 tasks of three."""
IN_ORDER = in_order(PLAIN)
PROVING = proving(PLAIN)
"""Of the only revision of its template: nothing but the canary may be launched at first."""
BRISK = CONFIGURATIONS[3]
"""Another time-out, and a max of 6."""
A_MARGIN = 0.1


def _loses_a_request(world: World, process: Process) -> None:
    """Let a process lose its first request and stand still until it is too late to send it again."""
    world.pass_until(Moment.OPENS, L)
    assert world.bring_to_request(process)
    world.decide(process, Fate.LOST)
    world.go(process)
    world.pass_until(Moment.LAST_SEND, A_MARGIN)
    world.go_to(process, None)


def _starts_when_its_slot_ends(world: World, process: Process) -> None:
    """Let a process send at the last moment, and its call take effect at the very last."""
    world.pass_until(Moment.LAST_SEND, -A_MARGIN)
    assert world.bring_to_request(process)
    world.decide(process, Fate.SLOW)
    world.go_to(process, None)
    world.pass_until(Moment.OVER)


def both_poll_all_the_time(world: World) -> None:
    """Two controllers poll every other second; a listing shows nothing that is younger than L."""
    for _ in range(40):
        for process in world.processes:
            world.go_to(process, None)
        world.pass_to(world.now + 2)


def an_answer_is_lost(world: World) -> None:
    """Start the first call's tasks without an answer; the call is sent again."""
    process = world.processes[0]
    world.pass_until(Moment.OPENS, A_MARGIN)
    assert world.bring_to_request(process)
    world.decide(process, Fate.CUT)
    world.go_to(process, None)


def a_poll_comes_when_the_slot_begins(world: World) -> None:
    """Tasks have just started, in the last slot, and are not listed yet."""
    first, second = world.processes
    _starts_when_its_slot_ends(world, first)
    world.go_to(second, None)


def a_listing_takes_long(world: World) -> None:
    """Begin a listing before the window and answer it within."""
    first, second = world.processes
    _starts_when_its_slot_ends(world, first)
    world.go_to(second, "describes")
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(second, None)


def a_process_stands_still_before_it_sends(world: World) -> None:
    """Until another one has launched in the next slot."""
    first, second = world.processes
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(first, SENDS)
    world.pass_until(Moment.OVER)
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(second, None)
    world.go_to(first, None)


def a_request_is_lost(world: World) -> None:
    """Another controller then launches with other numbers; it sees nothing of what the first has started."""
    first, second = world.processes
    world.pass_until(Moment.OPENS, A_MARGIN)
    assert world.bring_to_request(first)
    world.decide(first, Fate.LOST)
    world.go_to(first, None)
    world.go_to(second, None)


def two_plans_meet(world: World) -> None:
    """Two controllers launch in the same slot with other numbers, the one with more calls last."""
    world.pass_until(Moment.OPENS, A_MARGIN)
    for process in world.processes:
        world.go_to(process, None)


def an_answer_lies_of_what_has_started(world: World) -> None:
    """Refuse a whole call for want of capacity, though all its tasks have started."""
    process = world.processes[0]
    world.pass_until(Moment.OPENS, A_MARGIN)
    assert world.bring_to_request(process)
    world.decide(process, Fate.ANSWERED, Starts.LIES)
    world.go_to(process, None)


def a_request_arrives_five_minutes_late(world: World) -> None:
    """Its sender has launched again meanwhile."""
    process = world.processes[0]
    _loses_a_request(world, process)
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(process, None)
    world.pass_until(Moment.EXPIRES)
    world.arrive_late(0)


def a_scaler_changes_hands_while_a_request_is_lost(world: World) -> None:
    """Get it back before the request arrives, and launch for it again meanwhile."""
    process = world.processes[0]
    _loses_a_request(world, process)
    process.hand_over()
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(process, None)
    world.pass_until(Moment.EXPIRES)
    world.arrive_late(0)


def a_late_request_arrives_during_a_listing(world: World) -> None:
    """Use a listing that does not show it only when nothing can arrive any more."""
    process = world.processes[0]
    _loses_a_request(world, process)
    world.pass_until(Moment.EXPIRES, -A_MARGIN)
    world.go_to(process, "describes")
    world.pass_until(Moment.EXPIRES)
    world.arrive_late(0)
    world.pass_to(world.now + L + 1)
    world.go_to(process, None)


def a_late_request_arrives_by_a_slow_clock(world: World) -> None:
    """Its sender's clock is fast, so that AWS takes its signature for younger than it is."""
    process = world.processes[0]
    process.skew = S / 2
    _loses_a_request(world, process)
    doubt = process.reconciler.state.doubts[0]
    world.pass_to(world.late[0].valid_until)
    world.arrive_late(0)
    world.pass_to(doubt.last_sent_at + 300 + L - process.skew + A_MARGIN)
    world.go_to(process, None)


def an_answer_without_tasks_follows_a_lost_request(world: World) -> None:
    """Leave the token unbound, and let the lost request arrive beside the next slot's tasks."""
    process = world.processes[0]
    world.account.binds_nothing = False
    world.pass_until(Moment.OPENS, A_MARGIN)
    assert world.bring_to_request(process)
    world.decide(process, Fate.LOST)
    world.go_to(process, SENDS)
    world.go(process)
    world.decide(process, Fate.ANSWERED, Starts.NONE)
    world.go_to(process, None)
    world.pass_until(Moment.OVER)
    world.pass_until(Moment.OPENS, A_MARGIN)
    world.go_to(process, None)
    world.arrive_late(0)
