"""The metrics page: the observer's own instruments and the workers' cumulative figures, put together at scrape."""

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sidecar import __version__
from sidecar.observer.instruments import Instruments, family
from sidecar.observer.metric_table import BY_NAME, Cell, Labels
from sidecar.observer.view import View
from sidecar.usage import cpu_seconds

STARTED_UNIX_SECONDS: Final = "sidewatch_observer_start_time_seconds"


class WorkersCollector(Collector):
    """Renders what the workers counted."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Family]:
        by_name: dict[str, list[tuple[Labels, Cell]]] = defaultdict(list)
        for name, labels, cell in self._view.totals.sums().rows():
            by_name[name].append((labels, cell))
        for name, value in self._view.totals.gauges().items():
            by_name[name].append(((), [value]))
        for name, rows in by_name.items():
            yield family(BY_NAME[name], rows)

    def describe(self) -> Iterator[Family]:
        return iter(())


class Exposition:
    """Renders the metrics page of one observer."""

    def __init__(self, instruments: Instruments, view: View) -> None:
        self._instruments, self._view = instruments, view
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(instruments)
        self._registry.register(WorkersCollector(view))
        instruments.set(STARTED_UNIX_SECONDS, (), time.time())
        for result in ("applied", "refused"):  # from 0, so that the first one is an increase
            instruments.add("sidewatch_settings_reloads_total", (result,), 0.0)
        instruments.set("sidewatch_build_info", (__version__,), 1.0)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type: OpenMetrics where `accept` asks for it."""
        self._refresh()
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _refresh(self) -> None:
        view, put = self._view, self._instruments.set
        put("sidewatch_settings_reloads_total", ("invalid",), view.totals.reloads_refused())
        put("sidewatch_workers", (), len(view.collector.workers))
        put("sidewatch_open_captures", (), sum(worker.open_captures for worker in view.collector.workers))
        put("sidewatch_backlog_exchanges", (), len(view.backlog))
        put("sidewatch_backlog_bytes", (), view.backlog.held_bytes)
        put("sidewatch_backlog_age_seconds", (), view.backlog.age_seconds)
        put("sidewatch_observer_cpu_seconds_total", (), cpu_seconds())
        put("sidewatch_observer_resident_memory_bytes", (), view.resident_bytes())
        parts = view.parts()
        for name in parts.names:
            put("sidewatch_watcher_circuit_open", (name,), float(name in parts.panel.resting))
        if not parts.settings.watchers.remote.endpoint:
            # The one that was there before a reload may have ended as away: an alert on it would never be over.
            put("sidewatch_remote_circuit_open", (), 0.0)
        if parts.drift is not None:
            parts.drift.refresh_gauges()
        if parts.judge is not None:
            parts.judge.refresh_gauges()
