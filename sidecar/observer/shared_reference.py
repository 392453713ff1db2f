"""The fleet's shared reference: a baseline from a file or a URL, and the counters and gauges of its bins.

What cannot be used (no such file, no answer, another encoder's, damaged) is told once, clearly, and shown as a gauge; the
streams then learn references of their own. A rollout with an old file costs the fleet's figures, never the watching.
"""

import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from threading import Lock
from typing import Final

import numpy as np
import structlog

from sidecar.observer.instruments import Instruments
from watchers.drift import Baseline, BaselineError, StreamKey
from watchers.drift.baseline import from_bytes
from watchers.drift.fleet import occupancy
from watchers.drift.ranks import Doubles
from watchers.drift.samples import Sample, tabulate

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 67_108_864
TIMEOUT_SECONDS: Final = 10.0
STREAMS: Final = 16  # whose bins are counted: each is a hundred series or more


def maybe_reference(where: str | None, encoder: str) -> Baseline | None:
    """Return the baseline that `drift.reference` names; None without one, or where it cannot be used."""
    if where is None:
        return None
    try:
        return from_bytes(_fetch(where), encoder)
    except (BaselineError, OSError, ValueError) as error:
        log.error(
            "drift.reference cannot be used: streams learn references of their own", file=where, problem=str(error)
        )
        return None


def _fetch(where: str) -> bytes:
    """Raises OSError, ValueError for a scheme other than http(s) or a file past 64 MiB."""
    if "://" not in where:
        with open(where, "rb") as file:
            return _bounded(file.read(MOST_BYTES + 1))
    if not where.startswith(("http://", "https://")):
        raise ValueError("give a file or an http(s) URL")
    with urllib.request.urlopen(where, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
        return _bounded(response.read(MOST_BYTES + 1))


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    return data


class FleetBins:
    """Counts samples into the shared bins. Every method may be called from any thread.

    A stream's bins are scraped once at 0 before they grow, so that Prometheus sees every count as growth; until
    then its counts are held here.
    """

    def __init__(self, shared: Baseline, instruments: Instruments) -> None:
        self._shared, self._instruments = shared, instruments
        self._lock = Lock()
        self._counts: dict[StreamKey, dict[str, Doubles]] = {}  # not exported yet
        self._scraped: set[StreamKey] = set()
        occupied = occupancy(shared.bins, shared.table)
        self._shares = {name: counts / max(counts.sum(), 1.0) for name, counts in occupied.items()}

    def count(self, samples: Iterable[tuple[StreamKey, Sample]]) -> None:
        """Count a batch; streams of the other direction, of one label, and those past the bound are left out."""
        by_stream: dict[StreamKey, list[Sample]] = defaultdict(list)
        for key, sample in samples:
            if key.direction is self._shared.direction and not key.label:
                by_stream[key].append(sample)
        with self._lock:
            for key, found in by_stream.items():
                if key not in self._counts and len(self._counts) >= STREAMS:
                    continue
                held = self._counts.setdefault(key, {name: np.zeros(len(v)) for name, v in self._shares.items()})
                for name, counts in occupancy(self._shared.bins, tabulate(found)).items():
                    held[name] += counts

    def refresh(self) -> None:
        """Export what was counted and the reference's own shares, before a scrape."""
        put, add = self._instruments.set, self._instruments.add
        for name, shares in self._shares.items():
            for place, share in enumerate(shares.tolist()):
                put("sidewatch_drift_reference_share", (str(self._shared.direction), name, f"{place:02}"), share)
        with self._lock:
            for key, held in self._counts.items():
                for name, counts in held.items():
                    grown = counts if key in self._scraped else np.zeros(len(counts))
                    for place, count in enumerate(grown.tolist()):
                        labels = (key.route, key.model, str(key.direction), key.label, name, f"{place:02}")
                        add("sidewatch_drift_bins_total", labels, count)
                    counts -= grown
                self._scraped.add(key)
