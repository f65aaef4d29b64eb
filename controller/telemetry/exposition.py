"""The text that a scrape gets, part by part: whole, that of ten thousand scalers would take 200 MB while it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from controller.telemetry.scalers import Samples

Encode = Callable[[Collector], bytes]
"""What the library has for each text format; ``prometheus_client.exposition.choose_encoder`` returns one."""


class _Metrics(Collector):
    """Metrics that are there already."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._metrics


def expose(registry: CollectorRegistry, encode: Encode) -> Iterator[bytes]:
    """Yield all that ``encode`` would make of the registry, part by part."""
    end = encode(_Metrics())
    for metric in registry.collect():
        samples = metric.samples
        if isinstance(samples, Samples):
            metric.samples = []
            yield from chain([encode(_Metrics(metric)).removesuffix(end)], map(str.encode, samples.write()))
        else:
            yield encode(_Metrics(metric)).removesuffix(end)
    yield end
