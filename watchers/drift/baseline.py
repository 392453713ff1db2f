"""A reference as a file: what a stream is compared with, kept, shown, compared, exported and shared by replicas.

A NumPy .npz archive without pickles: a sample of rows (half-precision embeddings, scalars, categories, masked
exemplars, times), the shared bins of the fleet, and a JSON description with the encoder's hash, the time range and the
counts. It holds statistics and a bounded sample, not the traffic. No I/O here: bytes in, bytes out.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchers.drift import measures
from watchers.drift.events import BaselineError
from watchers.drift.fleet import Bins, bins_of, occupancy
from watchers.drift.ranks import Ints
from watchers.drift.reason import explain
from watchers.drift.reference import LEAST_SAMPLES, Reference
from watchers.drift.samples import Sample, Table, tabulate
from watchers.drift.terms import marking_terms
from watchers.watcher import Direction

VERSION = 1
KIND = "sidewatch-drift-baseline"
MOST_ROWS = 2_000
EXEMPLARS = 256
EXEMPLAR_CHARS = 300


@dataclass(frozen=True, slots=True)
class Baseline:
    """One reference. `seen` counts the rows that it was drawn from; replicas that load it share its `bins`.

    `direction`: of the streams that it is a reference for, where a fleet shares it.
    """

    encoder: str
    table: Table
    seen: int
    bins: Bins
    direction: Direction = Direction.PROMPT

    def reference(self, strata: str = "none", seed: int = 0) -> Reference:
        """Return a fresh fitted reference; each stream needs its own, since its ranks grow with the stream."""
        return Reference(self.table, strata, seed)


def build(
    samples: Collection[Sample], encoder: str, seed: int = 0, direction: Direction = Direction.PROMPT
) -> Baseline:
    """Build a baseline; past 2,000 rows a random sample of them is kept, in order.

    Raises: BaselineError where there are too few rows.
    """
    table = tabulate(samples)
    if len(table) < LEAST_SAMPLES:
        raise BaselineError(f"the baseline has {len(table)} rows; it needs at least {LEAST_SAMPLES}")
    rng = np.random.default_rng(seed)
    if len(table) > MOST_ROWS:
        table = _rows(table, np.sort(rng.choice(len(table), MOST_ROWS, replace=False)))
    keep = set(rng.permutation(len(table))[:EXEMPLARS].tolist())
    texts = [text[:EXEMPLAR_CHARS] if i in keep else "" for i, text in enumerate(table.exemplars)]
    return Baseline(encoder, replace(table, exemplars=texts), len(samples), bins_of(table, rng), direction)


def _rows(table: Table, rows: Ints) -> Table:
    return Table(
        table.embeddings[rows],
        {n: v[rows] for n, v in table.scalars.items()},
        {n: [v[i] for i in rows] for n, v in table.categories.items()},
        [table.exemplars[i] for i in rows],
        table.times[rows],
    )


def to_bytes(baseline: Baseline) -> bytes:
    """Return the file's bytes; `from_bytes` reads them."""
    table, bins = baseline.table, baseline.bins
    described = {
        "kind": KIND,
        "version": VERSION,
        "encoder": baseline.encoder,
        "seen": baseline.seen,
        "direction": baseline.direction,
        "scalars": list(table.scalars),
        "categories": dict(table.categories.items()),
        "exemplars": table.exemplars,
        "edges": {n: e.tolist() for n, e in bins.edges.items()},
    }
    arrays: dict[str, NDArray[np.generic]] = {"embeddings": table.embeddings, "times": table.times}
    arrays["centres"] = bins.centres
    arrays |= {f"scalar_{i}": v for i, v in enumerate(table.scalars.values())}
    arrays["description"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def from_bytes(data: bytes, encoder: str | None = None) -> Baseline:
    """Read a baseline's file. `encoder`: the hash that it must have been built with; None accepts any.

    Raises: BaselineError for a damaged or foreign file, another version, or another encoder.
    """
    try:
        baseline = _read(data)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, EOFError, OSError, IndexError) as error:
        raise BaselineError(f"this is not a baseline, or a damaged one ({type(error).__name__})") from error
    if encoder is not None and baseline.encoder != encoder:
        raise BaselineError(f"the baseline is of encoder {baseline.encoder}, this is {encoder}: build it again")
    return baseline


def _read(data: bytes) -> Baseline:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        described = json.loads(arrays["description"].tobytes())
        if described["kind"] != KIND:
            raise ValueError(described["kind"])
        if described["version"] != VERSION:
            raise BaselineError(f"the baseline is of version {described['version']}, this reads version {VERSION}")
        scalars = {n: arrays[f"scalar_{i}"] for i, n in enumerate(described["scalars"])}
        table = Table(
            arrays["embeddings"], scalars, dict(described["categories"]), list(described["exemplars"]), arrays["times"]
        )
        bins = Bins(arrays["centres"], {n: np.array(e) for n, e in described["edges"].items()})
    lengths = {len(table.embeddings), len(table.exemplars), *map(len, scalars.values())}
    if lengths != {len(table)} or any(len(v) != len(table) for v in table.categories.values()):
        raise ValueError("columns of unlike length")
    direction = Direction(described.get("direction", Direction.PROMPT))
    return Baseline(str(described["encoder"]), table, int(described["seen"]), bins, direction)


def show(baseline: Baseline) -> dict[str, object]:
    """Describe a baseline: counts, time range, scalars, categories, exemplars. JSON values only."""
    table = baseline.table
    known = {n: v[np.isfinite(v)] for n, v in table.scalars.items()}
    return {
        "version": VERSION,
        "encoder": baseline.encoder,
        "direction": baseline.direction,
        "samples_seen": baseline.seen,
        "samples_kept": len(table),
        "dimensions": table.embeddings.shape[1],
        "time_seconds": [float(table.times.min()), float(table.times.max())],
        "clusters": len(baseline.bins.centres),
        "scalars": {
            n: {"count": len(v), "mean": float(v.mean()), "p5_p50_p95": np.quantile(v, [0.05, 0.5, 0.95]).tolist()}
            for n, v in known.items()
            if len(v)
        },
        "categories": {n: sorted({k for k in v if k})[:20] for n, v in table.categories.items()},
        "exemplars": [t for t in table.exemplars if t][:5],
    }


def diff(before: Baseline, after: Baseline) -> dict[str, object]:
    """Compare two baselines of one encoder, as a drift's reason does. Raises: BaselineError for unlike encoders."""
    if before.encoder != after.encoder:
        raise BaselineError(f"the baselines are of encoders {before.encoder} and {after.encoder}")
    first, second = (occupancy(before.bins, b.table) for b in (before, after))
    stability = {n: round(measures.population_stability(first[n], second[n]), 5) for n in first if n in second}
    return explain(before.reference(), after.table) | {"population_stability": stability}


def export(baseline: Baseline) -> dict[str, object]:
    """Return what other tools need: the bins, the reference's shares of them, and its terms. JSON values only."""
    shares = {n: (c / max(c.sum(), 1.0)).round(6).tolist() for n, c in occupancy(baseline.bins, baseline.table).items()}
    half = len(baseline.table) // 2
    gained, lost = marking_terms(baseline.table.exemplars[:half], baseline.table.exemplars[half:])
    return {
        **show(baseline),
        "edges": {n: e.tolist() for n, e in baseline.bins.edges.items()},
        "shares": shares,
        "terms_that_moved_within": [t.term for t in (*gained, *lost)],
    }


def from_table(table: Table, encoder: str) -> Baseline:
    """Return a table as a baseline, whole: a stream's present that was accepted as its new normal."""
    return Baseline(encoder, table, len(table), bins_of(table, np.random.default_rng(0)))
