"""Drift of a whole fleet from counters: every replica counts into the same bins, and counters add up.

The bins come from a shared baseline: the nearest of its cluster centres, and ten quantile bins of each scalar. Each
replica exports `sidewatch_drift_bins_total{stream, feature, bin}` and the baseline's own shares as
`sidewatch_drift_reference_share{direction, feature, bin}`. With a_b = increase of the counters over a window, summed over
the replicas, q_b = a_b / sum a and p_b the reference's share, each floored at 0.0001:

    PSI = sum_b (q_b - p_b) ln(q_b / p_b)
    JS  = 1/2 sum_b p_b ln(p_b / m_b) + 1/2 sum_b q_b ln(q_b / m_b),    m_b = (p_b + q_b) / 2

so the fleet's figure is the figure of the pooled data, whatever the number of replicas. (JS needs no floor where a
term with a zero share is left out.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from watchers.drift import measures
from watchers.drift.effect import jensen_shannon
from watchers.drift.ranks import Doubles
from watchers.drift.samples import Sample, Table, tabulate
from watchers.drift.scores import assign, k_means, order_centres
from watchers.encoding import Floats

CLUSTERS = 24  # few, since each is a time series on every replica
QUANTILES = 10
CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Bins:
    """Shared bins. Shapes: `centres` float32 (clusters, dimensions); `edges`: inner edges of each scalar's bins."""

    centres: Floats
    edges: Mapping[str, Doubles]


def bins_of(table: Table, rng: np.random.Generator) -> Bins:
    """Draw bins from a table: clusters, and quantiles of each scalar."""
    rows = table.embeddings[table.embedded()].astype(np.float32)
    centres = np.zeros((0, rows.shape[1]))
    if len(rows) >= 2:
        centres = order_centres(k_means(rows, min(CLUSTERS, len(rows) // 2), rng))
    known = {n: v[np.isfinite(v)] for n, v in table.scalars.items()}
    edges = {n: measures.quantile_edges(v, QUANTILES) for n, v in known.items() if len(v)}
    return Bins(centres.astype(np.float32), edges)


def occupancy(bins: Bins, table: Table) -> dict[str, Doubles]:
    """Count a table's samples in the bins: feature -> counts."""
    found: dict[str, Doubles] = {}
    if len(bins.centres):
        rows = table.embeddings[table.embedded()].astype(np.float32)
        found[CLUSTER] = np.bincount(assign(rows, bins.centres), minlength=len(bins.centres)).astype(np.float64)
    for name, edges in bins.edges.items():
        values = table.scalars.get(name, np.zeros(0))
        found[name] = measures.histogram(values[np.isfinite(values)], edges).astype(np.float64)
    return found


@dataclass(slots=True)
class FleetCounters:
    """One replica's counters of one stream: only ever growing, to be read by the metrics."""

    bins: Bins
    counts: dict[str, Doubles] = field(default_factory=dict)

    def add(self, samples: Iterable[Sample]) -> None:
        """Count samples."""
        for name, counts in occupancy(self.bins, tabulate(list(samples))).items():
            self.counts[name] = self.counts.get(name, np.zeros(len(counts))) + counts


def fleet_drift(
    reference: Mapping[str, Doubles], counters: Iterable[Mapping[str, Doubles]]
) -> dict[str, tuple[float, float]]:
    """Return (PSI, Jensen-Shannon in nats) of each feature from the replicas' counters, added up."""
    pooled: dict[str, Doubles] = {}
    for counts in counters:
        for name, values in counts.items():
            pooled[name] = pooled.get(name, np.zeros(len(values))) + values
    return {n: _drift(reference[n], counts) for n, counts in pooled.items() if n in reference and counts.sum() > 0}


def _drift(reference: Doubles, counts: Doubles) -> tuple[float, float]:
    shares = reference / max(reference.sum(), 1.0), counts / counts.sum()
    return measures.population_stability(*shares), float(jensen_shannon(shares[1], shares[0]))
