"""Progress: how fast the messages that wait are taken, whatever anybody says that one takes.

A pace that is given, or assumed at first, may be wrong, and CloudWatch tells nothing of the first burst before it is
over. So until something was learned there is a second guard. As long as no more messages are seen to come, those that
are fewer now were taken, by the containers that have run meanwhile. Their work, divided by what they took, is how long
a message takes, at least: each has taken one that it has not done yet. Where that is longer than what the rule goes by,
and by more than chance, it counts instead, and of the promise only what is left since the messages came.

Counts may be a minute old. So messages are seen to come only where more are visible than at any look of a minute, and
what was taken is told by the look of the last minute that saw the fewest, which is likely the freshest. Messages that
come while as many are taken are not seen. They make the pace look slower, which costs containers and not the promise.
"""

from __future__ import annotations

from controller.core.decision.lessons import ENOUGH_TO_DOUBT, measure_error
from controller.core.decision.need import Pace, Source
from controller.core.decision.sightings import OLDEST
from controller.core.frozen import change, frozen


@frozen
class Glance:
    """How many messages were visible at a look, and what containers had worked by then."""

    at: float
    visible: int
    work: float
    """Container-seconds since messages were last seen to come."""


@frozen
class Progress:
    """What became of the messages that are visible, since some were last seen to come."""

    since: float
    """When they were."""
    came: int
    """Messages that were visible then."""
    glances: tuple[Glance, ...]
    """The looks of the last minute and the one before, the newest last."""
    running: int
    """Containers that ran at the newest of them."""


def note_progress(before: Progress | None, visible: int, running: int, now: float) -> Progress | None:
    """Return the progress after a look; None: for a minute nothing was visible."""
    if before is None:
        return _begin((), visible, running, now) if visible else None
    newest = before.glances[-1]
    if now < newest.at:
        return _begin((), visible, running, now) if visible else None
    if visible > max([glance.visible for glance in before.glances]):
        return _begin(before.glances, visible, running, now)
    work = newest.work + before.running * (now - newest.at)
    glances = _add(before.glances, Glance(now, visible, work))
    if not (visible or any(glance.visible for glance in glances)):
        return None
    return change(before, glances=glances, running=running)


def find_slower(progress: Progress, pace: Pace) -> Pace | None:
    """Return the pace that is seen, where it is slower than the one that the rule goes by; None: it is not."""
    # A look at which nobody had worked yet, and fewer were visible, saw counts from before the messages came.
    later = [glance for glance in progress.glances if glance.at > progress.since and glance.work > 0]
    if pace.seconds is None or not later:
        return None
    freshest = min(later, key=lambda glance: glance.visible)
    taken = progress.came - freshest.visible
    if taken < ENOUGH_TO_DOUBT:
        return None
    seconds = freshest.work / taken
    if seconds * (1 - measure_error(taken)) <= pace.seconds:
        return None
    return change(pace, seconds=seconds, source=Source.SEEN, messages=taken, given=pace.seconds)


def _begin(glances: tuple[Glance, ...], visible: int, running: int, now: float) -> Progress:
    return Progress(now, visible, _add(glances, Glance(now, visible, 0.0)), running)


def _add(glances: tuple[Glance, ...], glance: Glance) -> tuple[Glance, ...]:
    """Return the glances of the last minute and the one before, with one more."""
    first = 0
    # Of those that are older than a minute the newest stays.
    while first + 1 < len(glances) and glance.at - glances[first + 1].at > OLDEST:
        first += 1
    return (*glances[first:], glance)
