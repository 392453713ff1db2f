"""Counters, gauges and histograms as plain cells, rendered by prometheus_client at scrape.

Why not prometheus_client's own classes: a stream's hundred chunk gaps are added in one call, label values are bounded
in one place, and the workers' cumulative figures are rendered by the same code. A cell is made at most
`series` times a metric and `label_values` times a label; past that a value becomes "other" and is counted.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sidecar.observer.metric_table import BY_NAME, METRICS, STREAM, Cell, Labels, Metric, Type

OTHER = "other"
LABEL_CHARS = 128  # a model name from the wire may be of any length
OVERFLOW = "sidewatch_label_overflow_total"


class Instruments(Collector):
    """All cells of one process. Every method may be called from any thread."""

    def __init__(self, label_values: int = 200, series: int = 2_000) -> None:
        self.label_values, self.series = label_values, series
        self._lock = threading.Lock()
        self._cells: dict[str, dict[Labels, Cell]] = {metric.name: {} for metric in METRICS}
        self._values: dict[str, set[str]] = {}

    def add(self, name: str, labels: Labels = (), amount: float = 1.0) -> None:
        """Add to a counter."""
        with self._lock:
            self._cell(name, labels)[0] += amount

    def set(self, name: str, labels: Labels, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._cell(name, labels)[0] = value

    def observe(self, name: str, labels: Labels, values: Iterable[float]) -> None:
        """Add values to a histogram."""
        bounds = BY_NAME[name].buckets
        with self._lock:
            cell = self._cell(name, labels)
            for value in values:
                cell[bisect_left(bounds, value)] += 1
                cell[-1] += value

    def clear(self, name: str) -> None:
        """Forget a gauge's series, before it is set afresh."""
        with self._lock:
            self._cells[name].clear()

    def value(self, name: str, labels: Labels = ()) -> float:
        """Return a counter's or gauge's value, or a histogram's count; 0 where there is no such series."""
        with self._lock:
            cell = self._cells[name].get(labels)
            if cell is None:
                return 0.0
            return sum(cell[:-1]) if BY_NAME[name].type is Type.HISTOGRAM else cell[0]

    def collect(self) -> Iterator[Family]:
        with self._lock:
            snapshot = [
                (metric, [(labels, list(cell)) for labels, cell in self._cells[metric.name].items()])
                for metric in METRICS
            ]
        for metric, rows in snapshot:
            if rows:
                yield family(metric, rows)

    def describe(self) -> Iterator[Family]:
        """Nothing beforehand, so that registering does not collect."""
        return iter(())

    def _cell(self, name: str, labels: Labels) -> Cell:
        cells = self._cells[name]
        cell = cells.get(labels)
        if cell is not None:
            return cell
        metric = BY_NAME[name]
        scopes = (_scope(metric, label, labels) for label in metric.labels)
        bounded = tuple(self._bounded(name, scope, value) for scope, value in zip(scopes, labels, strict=True))
        if bounded not in cells and len(cells) >= self.series and labels:
            self._overflowed(name, "series")
            bounded = (OTHER,) * len(labels)
        return cells.setdefault(bounded, _empty(metric))

    def _bounded(self, name: str, label: str, value: str) -> str:
        value = value[:LABEL_CHARS]
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) < self.label_values:
            known.add(value)
            return value
        self._overflowed(name, label)
        return OTHER

    def _overflowed(self, name: str, label: str) -> None:
        if name != OVERFLOW:  # its own labels come from the table and are few
            self._cells[OVERFLOW].setdefault((name, label), [0.0])[0] += 1


def _scope(metric: Metric, label: str, labels: Labels) -> str:
    """Return whose values are bounded together: a label's in all metrics, and each configured label's for itself."""
    if label == "value":
        return labels[0]
    return "drift label" if label == "label" and metric.labels[: len(STREAM)] == STREAM else label


def _empty(metric: Metric) -> Cell:
    return [0.0] * (len(metric.buckets) + 2 if metric.type is Type.HISTOGRAM else 1)


def family(metric: Metric, rows: Sequence[tuple[Labels, Cell]]) -> Family:
    """Return one metric's rows as prometheus_client renders them."""
    if metric.type is Type.HISTOGRAM:
        return _histogram(metric, rows)
    kind = CounterMetricFamily if metric.type is Type.COUNTER else GaugeMetricFamily
    result = kind(metric.name, metric.help, labels=metric.labels)
    for labels, cell in rows:
        result.add_metric(labels, cell[0])
    return result


def _histogram(metric: Metric, rows: Sequence[tuple[Labels, Cell]]) -> Family:
    result = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(str, map(float, metric.buckets)), "+Inf"]
    for labels, cell in rows:
        total, buckets = 0.0, []
        for bound, count in zip(bounds, cell, strict=False):
            total += count
            buckets.append((bound, total))
        result.add_metric(labels, buckets=buckets, sum_value=cell[-1])
    return result
