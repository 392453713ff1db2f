"""The fleet's shared reference: a baseline from a file or a URL, and the counters and gauges of its bins.

What cannot be used (no such file, no answer, another encoder's, damaged) is told once, clearly, and shown as a gauge; the
streams then learn references of their own. A rollout with an old file costs the fleet's figures, never the watching.
"""

import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import structlog

from sidecar.observer.instruments import Instruments
from watchers.drift import Baseline, BaselineError, StreamKey
from watchers.drift.baseline import from_bytes
from watchers.drift.fleet import occupancy
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
    """Counts samples into the shared bins. All bins of a stream are born at 0, so that Prometheus sees every count."""

    def __init__(self, shared: Baseline, instruments: Instruments) -> None:
        self._shared, self._instruments = shared, instruments
        self._open: set[StreamKey] = set()
        self._shares = {
            name: counts / max(counts.sum(), 1.0) for name, counts in occupancy(shared.bins, shared.table).items()
        }

    def count(self, samples: Iterable[tuple[StreamKey, Sample]]) -> None:
        """Count a batch; streams of the other direction, of one label, and those past the bound are left out."""
        by_stream: dict[StreamKey, list[Sample]] = defaultdict(list)
        for key, sample in samples:
            if key.direction is self._shared.direction and not key.label and self._opened(key):
                by_stream[key].append(sample)
        for key, found in by_stream.items():
            for name, counts in occupancy(self._shared.bins, tabulate(found)).items():
                for place in counts.nonzero()[0].tolist():
                    self._add(key, name, place, float(counts[place]))

    def refresh_gauges(self) -> None:
        """Set the reference's own shares, before a scrape."""
        for name, shares in self._shares.items():
            for place, share in enumerate(shares.tolist()):
                labels = (str(self._shared.direction), name, f"{place:02}")
                self._instruments.set("sidewatch_drift_reference_share", labels, share)

    def _opened(self, key: StreamKey) -> bool:
        if key not in self._open and len(self._open) < STREAMS:
            self._open.add(key)
            for name, shares in self._shares.items():
                for place in range(len(shares)):
                    self._add(key, name, place, 0.0)
        return key in self._open

    def _add(self, key: StreamKey, feature: str, place: int, count: float) -> None:
        labels = (key.route, key.model, str(key.direction), key.label, feature, f"{place:02}")
        self._instruments.add("sidewatch_drift_bins_total", labels, count)
