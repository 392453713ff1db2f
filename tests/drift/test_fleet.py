"""The fleet's figure from added counters is the pooled data's figure."""

import numpy as np
import pytest

from watchers.drift import measures
from watchers.drift.baseline import build
from watchers.drift.fleet import FleetCounters, fleet_drift, occupancy
from watchers.drift.samples import Sample, tabulate


def samples(rows: np.ndarray, shift: float, seed: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [Sample(r, {"tokens": float(rng.lognormal(3 + shift))}, {}, "", 0.0) for r in rows]


def test_replicas_added_up_equal_the_pooled_data(embeddings: dict[str, np.ndarray]) -> None:
    baseline = build(samples(embeddings["assistant"][:500], 0.0, 0), "e")
    shards = [
        samples(embeddings["assistant"][500:900], 0.0, 1),
        samples(embeddings["german"], 0.3, 2),
        samples(embeddings["arithmetic"][:37], 1.0, 3),
    ]
    replicas = [FleetCounters(baseline.bins) for _ in shards]
    for replica, shard in zip(replicas, shards, strict=True):
        for start in range(0, len(shard), 50):
            replica.add(shard[start : start + 50])
    reference = occupancy(baseline.bins, baseline.table)
    fleet = fleet_drift(reference, [r.counts for r in replicas])
    pooled = occupancy(baseline.bins, tabulate([s for shard in shards for s in shard]))
    assert set(fleet) == {"cluster", "tokens"}
    for name, (psi, divergence) in fleet.items():
        assert psi == pytest.approx(measures.population_stability(reference[name], pooled[name]), rel=1e-12)
        assert 0.0 < divergence < np.log(2)


def test_the_formula_of_the_recording_rules() -> None:
    reference, counts = (
        {"x": np.array([50.0, 30.0, 20.0])},
        [{"x": np.array([30.0, 10.0, 0.0])}, {"x": np.array([10.0, 30.0, 20.0])}],
    )
    psi, divergence = fleet_drift(reference, counts)["x"]
    # q = (0.4, 0.4, 0.2): (0.4-0.5) ln 0.8 + (0.4-0.3) ln(4/3)
    assert psi == pytest.approx(0.0510826, abs=1e-6)
    assert divergence == pytest.approx(0.0063672, abs=1e-6)


def test_no_counts_give_no_figure() -> None:
    assert fleet_drift({"x": np.array([1.0, 2.0])}, [{"x": np.zeros(2)}]) == {}
