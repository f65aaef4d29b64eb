"""Where ``ecsq simulate`` takes its arrivals from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import click

from controller.cli.daemon_status import base_url, fetch_status
from controller.cli.output import say
from controller.clock import machine_clock
from controller.config import OWN, ControllerSpec, ScalerSpec
from controller.core.decision.policy import Busy
from controller.core.words import DAY
from controller.simulate.counts import (
    Count,
    Metered,
    estimate_work,
    infer_arrivals,
    read_log,
    read_prometheus,
    read_status,
    spread_metered,
)
from controller.simulate.draws import Draw, Kind
from controller.simulate.shapes import Period, draw_shapes, parse_period
from controller.simulate.traces import TraceError, read_trace
from controller.simulate.world import Arrival

MONDAY = 1_767_571_200.0
"""2026-01-05 00:00 UTC, at which drawn arrivals begin: the same text and seed give the same run at any time."""
POINTS = 10_000
"""Points that are asked of Prometheus, which gives 11,000 at most."""
TIMEOUT = 30.0
"""Seconds that Prometheus has for its answer."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the command line says of arrivals."""

    kind: str
    """file, arrivals, log, status, prometheus or cloudwatch."""
    value: str
    lasts: float
    """How long drawn arrivals come, and how far back Prometheus is asked, seconds."""
    spread: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a source has told."""

    arrivals: Sequence[Arrival]
    since: float
    until: float
    work: Draw
    """How long messages take: as given, else as the source tells it, else the default."""


def read_arrivals(
    source: Source, spec: ControllerSpec, scaler: ScalerSpec, work: Draw | None, default: Draw, seed: int
) -> Told:
    """Return the arrivals of a source. Raises click.ClickException, which says what is wrong with it.

    Of a trace every problem is a line on standard error, and then the exit code is 1.
    """
    try:
        told = _read(source, spec, scaler, work, default, seed)
    except TraceError as error:
        say(error.problems, err=True)
        raise SystemExit(1) from error
    if not told.arrivals:
        raise click.ClickException(f"--{source.kind} {source.value}: no message arrives in that time")
    return told


def _read(
    source: Source, spec: ControllerSpec, scaler: ScalerSpec, work: Draw | None, default: Draw, seed: int
) -> Told:
    if source.kind == "file":
        return Told(*read_trace(Path(source.value), spread=source.spread), work or default)
    if source.kind == "arrivals":
        period = Period(MONDAY, MONDAY + source.lasts)
        try:
            return Told(draw_shapes(source.value, period, seed), period.since, period.until, work or default)
        except ValueError as error:
            raise click.ClickException(f"--arrivals: {error}") from error
    if source.kind == "cloudwatch":
        return _read_cloudwatch(source, spec, scaler, work, default)
    readers: dict[str, Callable[[], list[Count]]] = {
        "log": lambda: read_log(Path(source.value), scaler.name),
        "status": lambda: read_status(fetch_status(source.value), scaler.name),
        "prometheus": lambda: _query_prometheus(source, scaler.name),
    }
    counts = readers[source.kind]()
    work = work or default
    return Told(infer_arrivals(counts, work.mean), min(counts).at, max(counts).at, work)


def _read_cloudwatch(
    source: Source, spec: ControllerSpec, scaler: ScalerSpec, work: Draw | None, default: Draw
) -> Told:
    from controller.aws.accesses import AllClients  # noqa: PLC0415 - boto3 is slow to import
    from controller.aws.cloudwatch import KEPT_FOR, read_history  # noqa: PLC0415
    from controller.aws.errors import AwsError  # noqa: PLC0415

    clock, lasts = machine_clock(Event()), parse_period(source.value)
    now = clock.now()
    if lasts > KEPT_FOR:
        raise ValueError(f"CloudWatch keeps what it has by five minutes for {KEPT_FOR / DAY:.0f} days; ask for no more")
    since = now - lasts
    try:
        session = None
        if scaler.queue_access != OWN:
            clients = AllClients(spec.aws, spec.name, lambda *_: None, clock)
            session = clients.of(scaler.queue_access).open_session()
        history = read_history(spec.aws, _find_queues(spec, scaler), since, now, clock, session)
    except AwsError as error:
        raise click.ClickException(str(error)) from error
    sent, deleted, in_flight = history.values.values()
    moments = sorted({*sent, *deleted, *in_flight})
    metered = [Metered(at, sent.get(at, 0.0), deleted.get(at, 0.0), in_flight.get(at, 0.0)) for at in moments]
    # In flight is then what nobody works on.
    is_told = scaler.policy.busy is Busy.IN_FLIGHT
    estimate = estimate_work(metered, history.period) if is_told else None
    drawn = work or (default if estimate is None else Draw(Kind.EXPONENTIAL, estimate))
    return Told(spread_metered(metered, history.period), since, now, drawn)


def _find_queues(spec: ControllerSpec, scaler: ScalerSpec) -> tuple[str, ...]:
    """Return a scaler's queues, which may have to be looked for. Raises click.ClickException if none is known."""
    if scaler.search is None:
        return scaler.queues
    if scaler.search.each:
        told = "gives every queue a scaler of its own; simulate one of them, with a configuration that names its queue"
        raise click.ClickException(f"--cloudwatch: scaler {scaler.name} {told}")
    from controller.aws.session import Clients  # noqa: PLC0415 - boto3 is slow to import
    from controller.aws.traits import TraitsKnown  # noqa: PLC0415
    from controller.scaling.search import search_with  # noqa: PLC0415

    clients = Clients(spec.aws, spec.name, lambda *_: None, machine_clock(Event()))
    running, unfound = search_with(clients, TraitsKnown(clients.clock)).run(replace(spec, scalers=(scaler,)))
    if unfound or not running.scalers[0].queues:
        raise click.ClickException(f"--cloudwatch: {unfound.get(scaler.name) or f'no {scaler.search} were found'}")
    return running.scalers[0].queues


def _query_prometheus(source: Source, scaler: str) -> list[Count]:
    now = machine_clock(Event()).now()
    wanted = f'max by (state) (ecsq_queue_messages{{scaler="{scaler}",state=~"visible|in_flight"}})'
    step = max(15, round(source.lasts / POINTS))
    query = {"query": wanted, "start": f"{now - source.lasts:.0f}", "end": f"{now:.0f}", "step": step}
    url = f"{base_url(source.value)}/api/v1/query_range?{urlencode(query)}"
    try:
        with urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - base_url lets through HTTP alone
            document: Any = json.load(answer)
    except (URLError, OSError, HTTPException, ValueError) as error:
        why = " ".join((_read_refusal(error) or str(getattr(error, "reason", error))).split())
        raise click.ClickException(f"Prometheus does not answer at {base_url(source.value)}: {why}") from error
    return read_prometheus(document)


def _read_refusal(error: Exception) -> str | None:
    """Return what Prometheus says of a query that it has refused; None: it says nothing."""
    if not isinstance(error, HTTPError):
        return None
    with error, suppress(OSError, HTTPException, ValueError, TypeError, KeyError):
        return str(json.load(error)["error"])
    return None


def is_work_told(arrivals: Sequence[Arrival]) -> bool:
    """Say whether each arrival tells how long its messages take, so that nothing is drawn."""
    return bool(arrivals) and all(arrival.seconds is not None for arrival in arrivals)
