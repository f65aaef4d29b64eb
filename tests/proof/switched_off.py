"""The rules of "a launch happens once", each switched off where it lives."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from controller.aws.errors import Fault
from controller.aws.run_task import RunTaskAnswer
from controller.aws.session import TooLateError
from controller.config import ScalerSpec
from controller.core.copies.packing import Call
from controller.core.decision import bounds, decide, limits, slots
from controller.core.decision.model import Decision
from controller.core.decision.policy import SlotPolicy
from controller.core.decision.slots import Slot, open_slot, slot_at, slot_numbered
from controller.scaling import calls, reconcile
from controller.scaling.calls import Calls
from controller.scaling.launch import Launcher, Launching
from controller.scaling.order import Enter, FindObjection, Order
from controller.telemetry.series import Series

Run = Callable[[Mapping[str, Any], float], RunTaskAnswer]
Sending = Generator[Any, None, Any]
A_WHILE = 120.0
"""Seconds after the end of the window for which sends go on if nothing checks them."""
A_NEW_INDEX = 100
"""Beyond all indices of a plan."""
SwitchOff = Callable[[pytest.MonkeyPatch], None]


def slots_of_the_configuration(patch: pytest.MonkeyPatch) -> None:
    """Rule 1: slots are as long as suits a configuration's time-out, and so differ between controllers."""
    patch.setattr(slots, "slot_length", lambda policy: 2 * policy.consistency_window + 4 * policy.call_timeout)


def random_tokens(patch: pytest.MonkeyPatch) -> None:
    """Rule 2: a token of its own for every send."""
    numbers = count()
    send = Calls._send

    def sends(self: Calls, order: Order, call: Call, index: int) -> Sending:
        run = self._run
        with pytest.MonkeyPatch.context() as sending:
            tokens = (f"random-{number}" for number in numbers)
            sending.setattr(self, "_run", lambda sent, until: run({**sent, "clientToken": next(tokens)}, until))
            return (yield from send(self, order, call, index))

    patch.setattr(Calls, "_send", sends)


def no_window(patch: pytest.MonkeyPatch) -> None:
    """Rule 3: a plan stands on any listing, at any time of its slot."""

    def opened(policy: SlotPolicy, _listed_at: float, last_slot: int | None, now: float) -> Slot | float:
        slot = slot_at(policy, now)
        used = last_slot is not None and slot.number <= last_slot
        return slot_numbered(policy, slot.number + 1).start if used else slot

    patch.setattr(decide, "open_slot", opened)


def window_judged_at_the_decision(patch: pytest.MonkeyPatch) -> None:
    """Rule 3: the decision lies in the window, and what it stands on anywhere."""
    patch.setattr(decide, "open_slot", lambda policy, _listed_at, last, now: open_slot(policy, now, last, now))


def sends_unchecked(patch: pytest.MonkeyPatch) -> None:
    """Rule 3: the decision lies in the window, and its sends anywhere."""
    checked = Order.last_send.fget
    patch.setattr(Order, "last_send", property(lambda order: checked(order) + A_WHILE))


def going_on_after_an_unknown(patch: pytest.MonkeyPatch) -> None:
    """Rule 5: after an unknown the next call is sent, not the same; what is in doubt is counted all the same."""
    send, carry_out = Calls._send, Launcher.launch
    doubts: list[tuple[int, float]] = []

    def sends(self: Calls, order: Order, call: Call, index: int) -> Sending:
        with pytest.MonkeyPatch.context() as sending:
            sending.setattr(self, "_run", _once(self._run))
            sent = yield from send(self, order, call, index)
        if sent.fault is not Fault.IN_DOUBT:
            return sent
        doubts.append((call.count * order.spec.packing.max_containers_per_task, sent.doubtful_since))
        return replace(sent, fault=None, error=None, doubtful_since=None)

    def carries_out(
        self: Launcher, spec: ScalerSpec, decision: Decision, enter: Enter, series: Series, objects: FindObjection
    ) -> Launching:
        doubts.clear()
        result = yield from carry_out(self, spec, decision, enter, series, objects)
        if not doubts:
            return result
        in_doubt = result.in_doubt + sum(containers for containers, _ in doubts)
        return replace(result, in_doubt=in_doubt, doubtful_since=max(since for _, since in doubts))

    patch.setattr(Calls, "_send", sends)
    patch.setattr(Launcher, "launch", carries_out)


def _once(run: Run) -> Run:
    """Return the same for a single send."""
    sends = count()

    def runs(parameters: Mapping[str, Any], last_send: float) -> RunTaskAnswer:
        if next(sends):
            raise TooLateError
        return run(parameters, last_send)

    return runs


def going_on_after_a_conflict(patch: pytest.MonkeyPatch) -> None:
    """Rule 6: the next call follows one that another controller has made with other numbers."""
    send = Calls._send

    def sends(self: Calls, order: Order, call: Call, index: int) -> Sending:
        sent = yield from send(self, order, call, index)
        return replace(sent, fault=None, error=None) if sent.fault is Fault.CONFLICT else sent

    patch.setattr(Calls, "_send", sends)


def the_next_provider_at_once(patch: pytest.MonkeyPatch) -> None:
    """Capacity in order: what one provider has refused is asked of the next in the same slot, by what was refused."""
    send = Calls._send

    def sends(self: Calls, order: Order, call: Call, index: int) -> Sending:
        sent = yield from send(self, order, call, index)
        if sent.fault is not Fault.CAPACITY:
            return sent
        missing = replace(call, count=call.count - len(sent.arns), provider=order.spec.policy.providers[-1])
        return (yield from send(self, order, missing, index + A_NEW_INDEX))

    patch.setattr(Calls, "_send", sends)


def canaries_beside_doubts(patch: pytest.MonkeyPatch) -> None:
    """Rollouts: a canary follows a call of unknown outcome, which may have been one."""
    honest = bounds.find_stage
    patch.setattr(bounds, "find_stage", lambda policy, known, uses, _, now: honest(policy, known, uses, 0, now))


def doubts_uncounted(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: a call of unknown outcome counts for nothing."""
    patch.setattr(limits, "keep_pending", lambda *_: ())


def doubts_given_up(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: a scaler is let go of to another controller although something of it is in doubt."""
    patch.setattr(reconcile, "keep_pending", lambda *_: ())


def doubts_judged_at_the_decision(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: a doubt ends when the decision comes late enough, however old its listing is."""
    now = {"at": 0.0}
    honest, measured = limits.keep_pending, decide._measure

    def measure(*given: Any) -> Any:
        now["at"] = given[-1]
        return measured(*given)

    patch.setattr(decide, "_measure", measure)
    patch.setattr(limits, "keep_pending", lambda policy, doubts, _: honest(policy, doubts, now["at"]))


def doubts_without_skew(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: a doubt ends as if every clock were AWS's."""
    patch.setattr(limits, "SKEW_SHARE", 0.0)


def doubts_resolved_by_nothing(patch: pytest.MonkeyPatch) -> None:
    """Rule 5: an answer that names no task resolves an unknown."""
    judge = calls._judge_answer
    patch.setattr(calls, "_judge_answer", lambda answer, asked, _: judge(answer, asked, None))
