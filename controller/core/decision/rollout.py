"""Rollout: a new revision of the template proves itself with a task or a few before all others run it.

::

                       .------ its pause is over: with the next launch ------.
                       v                                                     |
    unproven ---- a launch takes a canary along ---- RunTask does not take it: refused
                       |
                    proving ---- ``canary`` tasks do well ----> trusted, for as long as it is the newest
                       |
                       '-------- a task fails ----> gone back: a revision before it stays trusted

A task does well that runs for ``prove``, or ends well before. It fails if it does not start, or if its worker exits
with an error sooner than that. All else (no capacity, an interruption, an end that nobody saw) says nothing, and
another canary follows: after a lack of capacity not at once, or one that is larger than the others would for ever take
the place of the only task that is wanted.

Of a revision that is trusted no end says anything here any more: that is the breaker's business, and what becomes of a
canary is not.

All but canaries run the newest ACTIVE revision that has proven itself. Where none is known to have, as after a restart
that comes long after the last task, it is the one before the newest, the first that has not failed. Where there is none
either, nothing but canaries is launched, and a failed one is followed by another after a pause.

ECS's own tasks are all that is judged by, so a restart comes to the same. Revisions are those of the template; tasks of
copies count for the revision that these are copies of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from controller.core.decision.breaker import Sign
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.setback import Setback, Trouble, fail, try_later, turn_away
from controller.core.frozen import change, frozen


class Standing(StrEnum):
    """How the newest revision stands, a closed set."""

    TRUSTED = "trusted"
    UNPROVEN = "unproven"
    PROVING = "proving"
    """A canary lives."""
    REFUSED = "refused"
    """It could not be launched at all."""
    GONE_BACK = "gone_back"
    """A canary has failed."""


LEFT_OUT = frozenset({Standing.REFUSED, Standing.GONE_BACK})
"""The standings of a revision that somebody has to mend."""


@frozen
class Rollout:
    """What is known of the template's revisions."""

    active: tuple[int, ...] | None = None
    """Those that are ACTIVE, the newest first, as last listed; None: unknown."""
    proven: tuple[int, ...] = ()
    """Those that have proven themselves, the newest first."""
    setbacks: tuple[Setback, ...] = ()
    """Of revisions that have not, one each."""
    assumed: int | None = None
    """The revision that is taken to be good since none is known to be; None: there was no need, or no such revision.
    It stays so if those after it are deregistered."""

    def find_setback(self, revision: int) -> Setback | None:
        """Return what went wrong with a revision; None: nothing."""
        return next((each for each in self.setbacks if each.revision == revision), None)

    @property
    def trusted(self) -> int | None:
        """The revision that all but canaries run; None: there is none, or the revisions are unknown."""
        return next((each for each in self.active or () if each in self.proven), self.assumed)


NOTHING_KNOWN = Rollout()


@frozen
class RevisionUse:
    """The tasks of a scaler that are not gone yet, of one revision of its template."""

    revision: int | None
    """None: not known."""
    tasks: int


@frozen
class Stage:
    """Where a rollout stands at a moment."""

    newest: int
    trusted: int | None
    """The revision that all but canaries run; None: there is none."""
    standing: Standing
    canaries: int
    """Tasks of the newest that may be launched now, one container each, to prove it."""
    unproven: int
    """Tasks that live and have not proven their revision yet, or of which it is not known what they run."""
    setback: Setback | None = None
    """What went wrong with the newest."""

    @property
    def most(self) -> int | None:
        """The containers that may be launched: where nothing is trusted, canaries alone. None: any number."""
        return self.canaries if self.trusted is None else None


def find_stage(
    policy: RolloutPolicy | None, rollout: Rollout, uses: Iterable[RevisionUse], in_doubt: int, now: float
) -> Stage | None:
    """Return where a rollout stands at ``now``; None: there is none, or the revisions are unknown.

    ``uses`` is what lives. What is ``in_doubt``, containers that may yet start, may be canaries: none follows them.
    """
    if policy is None or not rollout.active:
        return None
    newest, trusted = rollout.active[0], rollout.trusted
    uses = tuple(uses)
    unproven = sum(use.tasks for use in uses if _is_unproven(rollout, trusted, use.revision))
    setback = rollout.find_setback(newest)
    lives = any(use.revision == newest for use in uses)
    canaries = 0
    if newest != trusted and not in_doubt and _may_try(setback, trusted, now):
        canaries = max(0, policy.canary - unproven)
    standing = Standing.TRUSTED if newest == trusted else _judge(setback, lives=lives)
    return Stage(newest, trusted, standing, canaries, unproven, setback)


def note_active(rollout: Rollout, active: Iterable[int] | None) -> Rollout:
    """Return what is known after the ACTIVE revisions were listed; None: they could not be.

    What was deregistered is forgotten: it can be run no more.
    """
    if active is None:
        return change(rollout, active=None)
    listed = tuple(sorted(active, reverse=True))
    return Rollout(
        active=listed,
        proven=tuple(each for each in rollout.proven if each in listed),
        setbacks=tuple(each for each in rollout.setbacks if each.revision in listed),
        assumed=rollout.assumed if rollout.assumed in listed else None,
    )


def note_signs(policy: RolloutPolicy, rollout: Rollout, signs: Mapping[int, Iterable[Sign]]) -> Rollout:
    """Return what is known after tasks, live ones and those that ended lately, were looked at again.

    ``signs`` are theirs by revision. They may be the same as at the look before: each counts once. As long as the
    revisions are unknown none is heeded: a bad end may be that of a revision which nobody has to prove.
    """
    active, trusted = rollout.active, rollout.trusted
    if active is None:
        return rollout
    for revision in sorted(signs):
        if revision in active and revision not in rollout.proven:
            is_on_trial = _is_unproven(rollout, trusted, revision)
            heeded = [sign for sign in signs[revision] if sign.good or is_on_trial]
            rollout = _note_revision(policy, rollout, revision, heeded)
    if rollout.trusted is not None:
        return rollout
    # What ended before is known by now, so this takes none of which that tells that it fails.
    untried = (each for each in active[1:] if not _has_failed(rollout.find_setback(each)))
    return change(rollout, assumed=next(untried, None))


def note_refusal(rollout: Rollout, revision: int, cause: str | None, now: float) -> Rollout:
    """Return what is known after a canary could not be launched, for a reason that a person must mend."""
    before = rollout.find_setback(revision)
    trouble = Trouble.FAILED if before and before.trouble is Trouble.FAILED else Trouble.REFUSED
    return _set_back(rollout, try_later(before, revision, trouble, now, cause))


def forget_refusals(rollout: Rollout) -> Rollout:
    """Return what is known once launches are configured otherwise: what was refused before says nothing of them."""
    return change(rollout, setbacks=tuple(each for each in rollout.setbacks if each.trouble is not Trouble.REFUSED))


def note_shortages(rollout: Rollout, shortages: Mapping[int, Iterable[CapacitySign]]) -> Rollout:
    """Return what is known after a look at the tasks, by revision, that have found no place; each counts once."""
    for revision in sorted(set(shortages) & set(rollout.active or ())):
        for sign in sorted(shortages[revision], key=lambda each: each.at):
            before = rollout.find_setback(revision)
            is_known = before is not None and (before.trouble is Trouble.FAILED or sign.at <= before.at)
            if not is_known and _is_unproven(rollout, rollout.trusted, revision):
                rollout = _set_back(rollout, turn_away(before, revision, sign))
    return rollout


def concerns_breaker(rollout: Rollout, revision: int | None, sign: Sign) -> bool:
    """Say whether a sign is one for the breaker: how a revision fails that has to prove itself tells of it alone."""
    if sign.good or revision is None:
        return True
    return not _is_unproven(rollout, rollout.trusted, revision)


def _is_unproven(rollout: Rollout, trusted: int | None, revision: int | None) -> bool:
    """Say whether tasks of a revision have to prove it: those from before the trusted one have not."""
    if revision is None:
        return True
    return revision not in rollout.proven and (trusted is None or revision > trusted)


def _has_failed(setback: Setback | None) -> bool:
    return setback is not None and setback.trouble is not Trouble.NO_CAPACITY


def _may_try(setback: Setback | None, trusted: int | None, now: float) -> bool:
    if setback is None or (trusted is None and setback.trouble is Trouble.NO_CAPACITY):
        # Where nothing else can be run, the scaler's own hold for a lack of capacity does.
        return True
    return now >= setback.until and (trusted is None or setback.trouble is not Trouble.FAILED)


def _judge(setback: Setback | None, *, lives: bool) -> Standing:
    """Return how a revision stands that is not trusted."""
    if setback is None or setback.trouble is Trouble.NO_CAPACITY:
        return Standing.PROVING if lives else Standing.UNPROVEN
    return Standing.GONE_BACK if setback.trouble is Trouble.FAILED else Standing.REFUSED


def _note_revision(policy: RolloutPolicy, rollout: Rollout, revision: int, signs: Iterable[Sign]) -> Rollout:
    """Return what is known after the signs of a revision, in the order of their times."""
    setback, did_well = rollout.find_setback(revision), 0
    for sign in sorted(signs, key=lambda each: (each.at, not each.good, each.born_at)):
        if setback is not None and setback.trouble is Trouble.FAILED and sign.at <= setback.at:
            continue
        if not sign.good:
            setback, did_well = fail(setback, revision, sign), 0
            continue
        did_well += 1
        if did_well >= policy.canary:
            proven = tuple(sorted({*rollout.proven, revision}, reverse=True))
            setbacks = tuple(each for each in rollout.setbacks if each.revision != revision)
            return change(rollout, proven=proven, setbacks=setbacks)
    return rollout if setback is None else _set_back(rollout, setback)


def _set_back(rollout: Rollout, setback: Setback) -> Rollout:
    others = tuple(each for each in rollout.setbacks if each.revision != setback.revision)
    return change(rollout, setbacks=(*others, setback))
