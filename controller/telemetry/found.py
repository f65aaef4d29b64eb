"""The series of scalers that look for queues: how many they have found, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Found:
    """What a scaler of the configuration has found when its queues were last all looked for."""

    queues: int | None = None
    """None: they were never all found."""
    at: float = 0.0
    """Seconds since the epoch; 0: never."""


class FoundQueues(Collector):
    """Gives a scrape what was found, by the names of scalers; a scaler that goes takes its series along."""

    def __init__(self) -> None:
        self.found: Mapping[str, Found] = {}
        """Swapped whole."""

    def collect(self) -> Iterator[Metric]:
        """Yield both metrics."""
        queues = GaugeMetricFamily("ecsq_found_queues", "Queues that a scaler has found.", labels=["scaler"])
        at = GaugeMetricFamily(
            "ecsq_found_queues_timestamp_seconds",
            "When all queues of a scaler were last found; 0: never yet.",
            labels=["scaler"],
        )
        for scaler, found in self.found.items():
            if found.queues is not None:
                queues.add_metric([scaler], found.queues)
            at.add_metric([scaler], found.at)
        yield from (queues, at)
