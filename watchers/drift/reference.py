"""A fitted reference: which scores a stream has, how they are ranked, and how the reference itself varies."""

from dataclasses import dataclass

import numpy as np

from watchers.drift.events import BaselineError
from watchers.drift.ranks import Doubles, Ranks
from watchers.drift.samples import STRATA_COUNTS, Sample, Table, strata_of
from watchers.drift.scores import SCORES, Map, Point, fit_map

LEAST_SAMPLES = 40
WITNESSES = ("witness_fast", "witness_slow")
# Shares of the false-alarm budget within the embedding's half.
EMBEDDING_WEIGHTS = {
    "distance": 2.0,
    "outside": 2.0,
    "nearest_cluster_distance": 2.0,
    "cluster": 2.0,
    "witness_fast": 3.0,
    "witness_slow": 3.0,
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar's monotone, heavy-tail-proof transform: asinh((x - middle) / scale)."""

    middle: float
    scale: float

    def __call__(self, value: float) -> float:
        return float(np.arcsinh((value - self.middle) / self.scale))


def fit_scalar(values: Doubles) -> Scalar:
    """Fit the transform. Shapes: (samples,), NaN where missing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Scalar(0.0, 1.0)
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    spread = high - low or known.std() or abs(middle) * 0.1 or 1.0
    return Scalar(float(middle), float(spread))


class Reference:
    """What a stream is compared with. Built once from a table; its ranks then grow with the stream.

    Raises: BaselineError where the table is too small to say anything.
    """

    def __init__(self, table: Table, strata: str, seed: int) -> None:
        if len(table) < LEAST_SAMPLES:
            raise BaselineError(f"the reference has {len(table)} samples; it needs at least {LEAST_SAMPLES}")
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(table))
        fit, self.calibration = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        self.strata = strata
        self.table = table
        usable = (table.embeddings.astype(np.float64) ** 2).sum(1) > 1e-12
        embedded = fit[usable[fit]]
        self.map: Map | None = fit_map(table.embeddings[embedded], rng) if len(embedded) >= 20 else None
        self.scalars = {name: fit_scalar(values[fit]) for name, values in table.scalars.items()}
        self.values = {name: _values([v[i] for i in fit]) for name, v in table.categories.items()}
        fixed = SCORES if self.map is not None else ()
        self.names = (*fixed, *self.scalars, *self.values)
        if not self.names:
            raise BaselineError("the reference has neither embeddings nor scalars nor categories")
        self._fill(fit)

    @property
    def witnesses(self) -> int:
        return len(WITNESSES) if self.map is not None else 0

    def weights(self) -> Doubles:
        """Return each score's share of the false-alarm budget: fixed scores, then witnesses. Adds up to 1."""
        count = len(SCORES) if self.map is not None else 0
        others = len(self.names) - count
        first = np.array([EMBEDDING_WEIGHTS.get(n, 0.5) for n in (*self.names[:count], *WITNESSES[: self.witnesses])])
        share = 0.0 if not count else (0.6 if others else 1.0)
        each = (1 - share) / others if others else 0.0
        embedded = first / first.sum() * share if count else first
        return np.concatenate([embedded[:count], np.full(others, each), embedded[count:]])

    def scores(self, sample: Sample) -> tuple[Doubles, Point | None]:
        """Return a sample's fixed scores, NaN where it lacks one, and its point. Shape: (names,)."""
        point = None
        values: list[float] = []
        if self.map is not None:
            if sample.embedding is None:
                values = [np.nan] * len(SCORES)
            else:
                point = self.map.project(sample.embedding)
                values = point.scores()
        for name, transform in self.scalars.items():
            value = sample.scalars.get(name, np.nan)
            values.append(transform(value))
        for name, known in self.values.items():
            kind = sample.categories.get(name, "")
            values.append(float(known.get(kind, len(known))) if kind else np.nan)
        return np.array(values), point

    def row(self, index: int) -> Sample:
        """Return one row of the table as a sample."""
        t = self.table
        embedding = t.embeddings[index]
        return Sample(
            embedding if embedding.any() else None,
            {n: float(v[index]) for n, v in t.scalars.items()},
            {n: v[index] for n, v in t.categories.items()},
            "",
            float(t.times[index]),
        )

    def _fill(self, fit: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        both = [self.scores(self.row(i)) for i in range(len(self.table))]
        self.all_scores = np.array([s for s, _ in both])
        self.points = [p for _, p in both]
        low, high = _ranges(self.all_scores[fit])
        self.ranks = Ranks(low, high, STRATA_COUNTS[self.strata])
        strata = strata_of(self.table.times, self.strata)
        for i in self.calibration:
            row = self.all_scores[i]
            seen = np.isfinite(row)
            self.ranks.add(self.ranks.bins(np.where(seen, row, 0.0)), seen, int(strata[i]))


def _values(kinds: list[str]) -> dict[str, int]:
    names, counts = np.unique([k for k in kinds if k], return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][:200]
    return {str(n): i for i, n in enumerate(frequent)}


def _ranges(scores: Doubles) -> tuple[Doubles, Doubles]:
    filled = np.where(np.isfinite(scores), scores, np.nan)
    known = np.isfinite(filled).any(0)
    filled[:, ~known] = 0.0
    low, high = np.nanmin(filled, 0), np.nanmax(filled, 0)
    span = np.maximum(high - low, 1e-6)
    return low - 0.75 * span, high + 1.25 * span
