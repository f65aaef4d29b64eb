"""Outlets: telling others of changes, each in a thread of its own, and never in the way of a reconcile.

::

    a change --offer--> at most WAITING wait --the rate--> send --it may pass--> pause, and send again
                            |                               |
                            '-- one more: the oldest -------+-- refused, or tried for long enough: dropped and counted

What waits when the process ends is lost.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from uuid import uuid4

import structlog

from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.clock import Clock
from controller.config import EventFormat, EventSpec
from controller.core.decision.rate import Bucket, Rate, take
from controller.core.envelopes import Sender, write_event, write_slack
from controller.core.notices import Notice, watch_configuration
from controller.daemon.webhook import UnsentError, post
from controller.scaling.services import Services

WAITING = 500
"""Events that wait at most, for each that is told."""
RATE = Rate(per_second=1.0, burst=20)
"""How fast each is told; Slack takes about one a second."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds before an event is sent again."""

Send = Callable[[Notice, str], None]
"""Sends a notice with its id. Raises UnsentError."""


class Outlet:
    """One that is told."""

    def __init__(
        self, name: str, send: Send, count: Callable[[str], None], clock: Clock, pauses: tuple[float, ...] = PAUSES
    ) -> None:
        """``count`` is told of each event what became of it: ``sent`` or ``dropped``."""
        self._name = name
        self._send = send
        self._count = count
        self._clock = clock
        self._pauses = pauses
        self._bucket = Bucket()
        self._waiting: deque[tuple[Notice, str]] = deque()
        self._changed = Condition()
        self._ended = self._is_troubled = False
        self._thread = Thread(target=self._run, name=f"events {name}", daemon=True)
        self._thread.start()

    def offer(self, notice: Notice) -> None:
        """Let a notice be sent; returns at once. Where too many wait the oldest is dropped."""
        with self._changed:
            if len(self._waiting) == WAITING:
                self._waiting.popleft()
                self._count("dropped")
            self._waiting.append((notice, str(uuid4())))
            self._changed.notify_all()

    def end(self) -> None:
        """Send nothing more; a call under way is not waited for."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            self._bucket, seconds = take(RATE, self._bucket, 1, self._clock.elapsed())
            if self._pause(seconds):
                return
            self._deliver(*taken)

    def _take(self) -> tuple[Notice, str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            return None if self._ended else self._waiting.popleft()

    def _pause(self, seconds: float) -> bool:
        """Wait so many seconds; True at once when there is nothing more to send."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, seconds) if seconds > 0 else self._ended

    def _deliver(self, notice: Notice, identity: str) -> None:
        for pause in (*self._pauses, None):
            try:
                self._send(notice, identity)
            except UnsentError as error:
                if pause is None or not error.passes:
                    self._drop(notice, str(error))
                    return
                if self._pause(max(pause, error.wait)):
                    return
            except Exception as error:  # noqa: BLE001 - its words may hold the URL, and the next event has to go out
                self._drop(notice, f"a fault of the controller itself ({type(error).__name__})")
                return
            else:
                self._is_troubled = False
                self._count("sent")
                return

    def _drop(self, notice: Notice, why: str) -> None:
        self._count("dropped")
        if not self._is_troubled:
            structlog.get_logger().warning("events are lost", to=self._name, kind=notice.kind.value, why=why)
        self._is_troubled = True


class Outlets:
    """Everybody who is told, as the configuration has it."""

    def __init__(self, services: Services, sender: Sender, pauses: tuple[float, ...] = PAUSES) -> None:
        """Tell nobody yet. ``pauses`` are the seconds before an event is sent again."""
        self._pauses = pauses
        self._services = services
        self._sender = sender
        self._specs: tuple[EventSpec, ...] = ()
        self._outlets: tuple[Outlet, ...] = ()
        self._refused: str | None = None
        """The problems of the last edit of the configuration; None: it was taken."""
        services.metrics.listen(self.offer)

    def configure(self, specs: tuple[EventSpec, ...]) -> None:
        """Tell these from now on; variables of the environment are read now. What waits for others is dropped."""
        if specs == self._specs:
            return
        before, self._specs = self._outlets, specs
        self._outlets = tuple(self._open(index, spec) for index, spec in enumerate(specs))
        for outlet in before:
            outlet.end()

    def offer(self, notice: Notice) -> None:
        """Let everybody be told; returns at once."""
        for outlet in self._outlets:
            outlet.offer(notice)

    def note_configuration(self, problems: str | None) -> None:
        """Tell of an edit of the configuration that is refused, for these problems, or taken after one that was."""
        notice, self._refused = watch_configuration(self._refused, problems, self._services.clock.now()), problems
        if notice is not None:
            self.offer(notice)

    def stop(self) -> None:
        """Tell nobody any more."""
        for outlet in self._outlets:
            outlet.end()

    def _open(self, index: int, spec: EventSpec) -> Outlet:
        target, events = "webhook" if spec.bus is None else "eventbridge", self._services.metrics.events
        if spec.variable is not None and not os.environ.get(spec.variable):
            structlog.get_logger().warning("events are lost", to=f"events[{index}]", why=_not_set(spec.variable))
        send = self._send_to_bus(spec.bus) if spec.bus is not None else self._send_to_webhook(spec)
        count = {outcome: events.labels(target, outcome) for outcome in ("sent", "dropped")}
        return Outlet(
            f"events[{index}]", send, lambda outcome: count[outcome].inc(), self._services.clock, self._pauses
        )

    def _send_to_bus(self, bus: str) -> Send:
        def send(notice: Notice, identity: str) -> None:
            try:
                self._services.put_event(bus, write_event(notice, self._sender, identity))
            except AwsError as error:
                raise UnsentError(str(error), passes=error.fault not in FOR_A_PERSON) from error

        return send

    def _send_to_webhook(self, spec: EventSpec) -> Send:
        # A secret that was read from a file often ends in a newline.
        url = spec.url if spec.variable is None else os.environ.get(spec.variable, "").strip()

        def send(notice: Notice, identity: str) -> None:
            if not url:
                raise UnsentError(_not_set(spec.variable), passes=False)
            if spec.format is EventFormat.SLACK:
                post(url, "application/json", write_slack(notice, self._sender))
            else:
                post(url, "application/cloudevents+json", write_event(notice, self._sender, identity))

        return send


def _not_set(variable: str | None) -> str:
    return f"the variable {variable} of the environment is not set"
