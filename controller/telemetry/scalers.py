"""The metrics of scalers as a scrape collects them; which there are, and what they are read from, is in families.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric, Sample
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from controller.telemetry.families import COUNTERS, GAUGES, Family
from controller.telemetry.series import START_BUCKETS, Series

WRITTEN_AT_ONCE = 1000
"""Scalers whose samples of one metric are written in one go: what waits to be sent stays small."""

STARTS = ("task_start_duration_seconds", "From RunTask until a task's first worker runs; absent until one has.")


class ScalersCollector(Collector):
    """Gives a scrape the values of all scalers as they are at that moment."""

    def __init__(self, series: Mapping[str, Series]) -> None:
        """``series`` are those of all scalers, by name, and change as scalers come and go."""
        self._series = series

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of scalers."""
        every = list(self._series.values())
        for kind, families in (("gauge", GAUGES), ("counter", COUNTERS)):
            for family in families:
                metric = Metric(f"ecsq_{family.name}", family.text, kind)
                metric.samples = Samples(metric, family, every)  # type: ignore[assignment]  # it is only gone through
                yield metric
        yield _collect_starts(every)


class Samples:
    """The samples of a metric, each made when it is asked for: a list of those of 10,000 scalers takes 50 MB."""

    def __init__(self, metric: Metric, family: Family, every: Sequence[Series]) -> None:
        self._name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        self._family = family
        self._every = every

    def __iter__(self) -> Iterator[Sample]:
        for scaler, label, value in self._read(self._every):
            labels = {"scaler": scaler} | ({} if self._family.label is None else {self._family.label: label})
            yield Sample(self._name, labels, value)

    def write(self) -> Iterator[str]:
        """Yield the samples as every text format of Prometheus has them, those of some scalers at a time.

        The library escapes and checks each name anew, at ten times the cost. Names of scalers, and the values that we
        have for labels, need no escaping.
        """
        places = {"scaler": "{0}"} | ({} if self._family.label is None else {self._family.label: "{1}"})
        labels = ",".join(f'{name}="{place}"' for name, place in sorted(places.items()))
        write = f"{self._name}{{{{{labels}}}}} {{2}}\n".format
        for first in range(0, len(self._every), WRITTEN_AT_ONCE):
            some = self._every[first : first + WRITTEN_AT_ONCE]
            yield "".join(write(scaler, label, _format(value)) for scaler, label, value in self._read(some))

    def _read(self, every: Iterable[Series]) -> Iterator[tuple[str, str, float]]:
        """Yield every value there is: its scaler, what the label beside that is, and itself."""
        read = self._family.read
        for series in every:
            values = read(series)
            if isinstance(values, dict):
                for label, value in values.items():
                    yield series.scaler, label, value
            elif values is not None:
                yield series.scaler, "", values


@lru_cache(maxsize=1024)  # nearly all are 0, or the same small numbers
def _format(value: float) -> str:
    written: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return written


def _collect_starts(every: Iterable[Series]) -> Metric:
    metric = HistogramMetricFamily(f"ecsq_{STARTS[0]}", STARTS[1], labels=["scaler"])
    bounds = [*map(str, START_BUCKETS), "+Inf"]
    for series in every:
        if starts := series.starts:
            counted = list(zip(bounds, accumulate(starts.buckets), strict=True))
            metric.add_metric([series.scaler], buckets=counted, sum_value=starts.seconds)
    return metric
