"""The proxy workers' cumulative figures, added up so that no sum ever goes back.

Each worker sends its whole state about once a second. When a worker is replaced by a new process, what the old one
counted is kept. What it had seen but not settled when it died can have no other end than `skipped/worker_lost`, so that
the ledger's sum over states stays equal to the exchanges seen.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from sidecar.channel import Histogram, Totals
from sidecar.observer.metric_table import Cell, Labels

LOST = "skipped\0worker_lost"


@dataclass(slots=True)
class Sums:
    """Counters by metric and labels, counts as whole numbers; histograms as cells of `metric_table`."""

    counters: defaultdict[tuple[str, Labels], float] = field(default_factory=lambda: defaultdict(int))
    histograms: dict[tuple[str, Labels], Cell] = field(default_factory=dict)

    def add(self, totals: Totals) -> None:
        counters = self.counters
        counters["sidewatch_seen_exchanges_total", ()] += totals.seen
        counters["sidewatch_observer_losses_total", ()] += totals.observer_losses
        counters["sidewatch_proxy_cpu_seconds_total", ()] += totals.cpu_seconds
        self._histogram("sidewatch_added_latency_seconds", (), totals.added_seconds)
        for reason, count in totals.dropped.items():
            counters["sidewatch_captures_dropped_total", (reason,)] += count
        for limit, count in totals.refused.items():
            counters["sidewatch_refused_total", (limit,)] += count
        for key, count in totals.upstream_connects.items():
            counters["sidewatch_upstream_connects_total", tuple(key.split("\0"))] += count
        for key, count in totals.ledger.items():
            counters["sidewatch_watcher_exchanges_total", tuple(key.split("\0"))] += count
        self._traffic(totals)

    def _traffic(self, totals: Totals) -> None:
        counters = self.counters
        for row in totals.traffic:
            route = (row.route,)
            counters["sidewatch_exchanges_total", (row.route, row.method, row.status, row.ending)] += row.exchanges
            counters["sidewatch_request_bytes_total", route] += row.request_bytes
            counters["sidewatch_response_bytes_total", route] += row.response_bytes
            self._histogram("sidewatch_exchange_duration_seconds", route, row.duration)
            self._histogram("sidewatch_first_byte_seconds", route, row.first_byte)

    def _histogram(self, name: str, labels: Labels, histogram: Histogram) -> None:
        cell = self.histograms.setdefault((name, labels), [0.0] * (len(histogram.counts) + 1))
        for index, count in enumerate(histogram.counts):
            cell[index] += count
        cell[-1] += histogram.sum

    def rows(self) -> Iterator[tuple[str, Labels, Cell]]:
        for (name, labels), value in self.counters.items():
            yield name, labels, [float(value)]
        for (name, labels), cell in self.histograms.items():
            yield name, labels, cell


class WorkerTotals:
    """The latest Totals of each worker, and the sums of those that were replaced."""

    def __init__(self) -> None:
        self._latest: dict[int, Totals] = {}
        self._retired = Sums()

    def update(self, totals: Totals) -> None:
        """Take one worker's state; another process under the same number retires the one before."""
        before = self._latest.get(totals.worker)
        if before is not None and before.pid != totals.pid:
            self._retired.add(settled_as_lost(before))
        self._latest[totals.worker] = totals

    def sums(self) -> Sums:
        """Return what all workers, present and past, have counted."""
        sums = Sums(
            defaultdict(int, self._retired.counters),
            {key: list(cell) for key, cell in self._retired.histograms.items()},
        )
        for totals in self._latest.values():
            sums.add(totals)
        return sums

    def reloads_refused(self) -> int:
        """Return how many configurations the primary refused; it is never replaced while this observer lives."""
        return sum(totals.reloads_refused for totals in self._latest.values())

    def gauges(self) -> dict[str, float]:
        """Return what the present workers have open now."""
        latest = self._latest.values()
        return {
            "sidewatch_in_flight": float(sum(totals.in_flight for totals in latest)),
            "sidewatch_client_connections": float(sum(totals.client_connections for totals in latest)),
            "sidewatch_channel_bytes": float(sum(totals.channel_bytes for totals in latest)),
            "sidewatch_proxy_resident_memory_bytes": float(sum(totals.resident_bytes for totals in latest)),
        }


def settled_as_lost(totals: Totals) -> Totals:
    """Return a dead worker's totals with every exchange that it had not settled counted as lost."""
    ledger = dict(totals.ledger)
    for watcher in totals.watchers:  # not for one that was disabled: its sum ended before
        settled = sum(count for key, count in totals.ledger.items() if key.split("\0")[0] == watcher)
        if settled < totals.seen:
            ledger[f"{watcher}\0{LOST}"] = ledger.get(f"{watcher}\0{LOST}", 0) + totals.seen - settled
    return msgspec.structs.replace(
        totals, ledger=ledger, in_flight=0, client_connections=0, channel_bytes=0, resident_bytes=0
    )
