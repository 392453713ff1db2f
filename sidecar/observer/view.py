"""What the admin pages may look at, and the status page made of it."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar import __version__
from sidecar.observer.backlog import Backlog
from sidecar.observer.collector import Collector
from sidecar.observer.outcome import State
from sidecar.observer.parts import Parts
from sidecar.observer.selftest import Selftest
from sidecar.observer.worker_totals import WorkerTotals
from sidecar.usage import resident_bytes
from watchers.drift import DriftEvent, StreamKey, StreamStatus


@dataclass(frozen=True, slots=True)
class View:
    """The observer's state. `parts` is asked each time, because a reload replaces it."""

    backlog: Backlog
    collector: Collector
    totals: WorkerTotals
    parts: Callable[[], Parts]
    selftest: Selftest
    began_seconds: float = field(default_factory=time.monotonic)

    def resident_bytes(self) -> int:
        return resident_bytes(os.getpid())

    def status(self) -> dict[str, Any]:
        """Return the status page's content: no text of any exchange is in it."""
        parts = self.parts()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": round(time.monotonic() - self.began_seconds, 1),
            "resident_bytes": self.resident_bytes(),
            "coverage": coverage_page(self.totals),
            "queue": {
                "exchanges": len(self.backlog),
                "bytes": self.backlog.held_bytes,
                "age_seconds": round(self.backlog.age_seconds, 3),
                "limit_exchanges": self.backlog.limit_exchanges,
                "limit_bytes": self.backlog.limit_bytes,
            },
            "workers": [
                {"worker": worker.number, "pid": worker.pid, "open_captures": worker.open_captures}
                for worker in self.collector.workers
            ],
            "watchers": [
                {
                    "name": watcher.name,
                    "model": watcher.model,
                    "labels": dict(watcher.labels),
                    "resting": watcher.name in parts.panel.resting,
                }
                for watcher in parts.panel.watchers
            ],
            "selftest": self.selftest.page(),
            "drift": self.drift(),
            "recent_flags": parts.recent.newest(),
        }

    def drift(self) -> list[dict[str, Any]]:
        """Return the drift page's content: one entry a stream."""
        streams = self.parts().drift
        if streams is None:
            return []
        told = streams.told()
        return [stream_page(key, status, told.get(key)) for key, status in streams.snapshot().items()]


def stream_page(key: StreamKey, status: StreamStatus, told: DriftEvent | None) -> dict[str, Any]:
    """Return one stream as JSON values; `reason` is that of its last change while it is in warning or drift."""
    return {
        "route": key.route,
        "model": key.model,
        "direction": key.direction,
        "label": key.label,
        "level": status.level,
        "effect": status.effect,
        "evidence": status.evidence,
        "alarm_every": status.alarm_every,
        "samples": status.samples,
        "reference_samples": status.reference_samples,
        "since_index": status.since_index,
        "skipped": dict(status.skipped),
        "effects": dict(status.effects),
        "reason": dict(told.reason) if told else None,
    }


def coverage_page(totals: WorkerTotals) -> dict[str, Any]:
    """Return exchanges seen, and of each watcher the states and the share that it inspected."""
    counters = totals.sums().counters
    watchers: dict[str, dict[str, Any]] = {}
    for (name, labels), count in counters.items():
        if name == "sidewatch_watcher_exchanges_total":
            watcher, state, reason = labels
            states = watchers.setdefault(watcher, {"clean": 0, "flagged": 0, "screened": 0, "skipped": {}})
            if state == State.SKIPPED:
                states["skipped"][reason] = count
            else:
                states[state] = count
    seen = counters["sidewatch_seen_exchanges_total", ()]
    return {"seen": seen, "watchers": {name: states | _share(states) for name, states in watchers.items()}}


def _share(states: Mapping[str, Any]) -> dict[str, float]:
    inspected = states["clean"] + states["flagged"] + states["screened"]
    settled = inspected + sum(states["skipped"].values())
    return {"settled": settled, "inspected_share": round(inspected / settled, 6) if settled else 0.0}
