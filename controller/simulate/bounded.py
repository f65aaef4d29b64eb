"""The row of the bound: its container-hours, and what these cost at the cheapest packing that there is."""

from __future__ import annotations

from math import isnan

from controller.core.copies.fargate import MIB_PER_GB, UNITS_PER_VCPU
from controller.simulate.bound import Work, find_bound
from controller.simulate.comparison import BOUND
from controller.simulate.measures import Row, Terms
from controller.simulate.outcome import SimulatedRun
from controller.simulate.tasks import Workers


def measure_bound(run: SimulatedRun, workers: Workers, terms: Terms, factor: float = 1.0) -> Row:
    """Return the row of the bound at ``factor`` times the longest wait of a run.

    Messages that nobody took are left out of it.
    """
    wait = factor * max(run.waits, default=0.0)
    served = [(sent, work) for sent, work, done in zip(run.sent, run.work, run.done, strict=True) if not isnan(done)]
    work = Work([sent for sent, _ in served], [seconds for _, seconds in served])
    taken_up = find_bound(work, wait, workers.start.least)
    # Nobody pays for what comes before the pull, so that starts are left out of what is paid.
    paid = find_bound(work, wait, max(0.0, workers.start.least - workers.unbilled))
    sizes = [
        (k, (size.cpu or 0) / UNITS_PER_VCPU, (size.memory or 0) / MIB_PER_GB) for k, size in terms.shape.sizes.items()
    ]
    vcpu, gb = min(
        ((cpu / k, memory / k) for k, cpu, memory in sizes), key=lambda each: _price(each[0], each[1], terms)
    )
    hours = paid / 3600
    return Row(
        name=BOUND,
        wait={"p50": None, "p95": None, "p99": None, "max": wait if served else None},
        late_share=None,
        left=0,
        container_hours=taken_up / 3600,
        vcpu_hours=hours * vcpu,
        gb_hours=hours * gb,
        dollars=hours * _price(vcpu, gb, terms),
    )


def _price(vcpu: float, gb: float, terms: Terms) -> float:
    """Return the dollars of an hour."""
    share = 1 - terms.spot_share * (1 - terms.tariff.spot)
    return (vcpu * terms.tariff.vcpu + gb * terms.tariff.gb) * share
