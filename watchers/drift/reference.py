"""A fitted reference: which scores a stream has, how they are ranked, and how the reference itself varies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchers.drift.effect import excess_between_blocks
from watchers.drift.events import BaselineError
from watchers.drift.ranks import Doubles, Flags, Ints, Ranks
from watchers.drift.samples import STRATA_COUNTS, Table, strata_of
from watchers.drift.scores import SCORES, Map, fit_map
from watchers.drift.witness import WITNESSES, Witness
from watchers.encoding import Floats

LEAST_SAMPLES = 40
CONTEXT = "label."  # categories of this prefix (tenant, app) are no scores: they tell in the reason who moved
LEAST_SPAN = 1e-3  # of a score: its bins stay wider than the rounding of a sum in single precision
FITTED = 0.5  # share of the reference that fits; the rest calibrates
# Shares of the false-alarm budget among the embedding's scores; one not named here has 0.5.
EMBEDDING_WEIGHTS = {
    "distance": 2.0,
    "nearest": 3.0,
    "nearest_cluster": 1.0,
    "cluster": 1.0,
    "witness_fast": 3.0,
    "witness": 3.0,
    "witness_slow": 2.0,
    "novelty": 3.0,
    "novelty_slow": 2.0,
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar's monotone, heavy-tail-proof transform: asinh((x - middle) / scale)."""

    middle: float
    scale: float

    def __call__(self, values: Doubles) -> Doubles:
        with np.errstate(over="ignore"):
            transformed: Doubles = np.arcsinh((values - self.middle) / self.scale)
        return transformed


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
        self.table, self.strata = table, strata
        order = rng.permutation(len(table))
        fitted = int(len(table) * FITTED)
        fit, calibration = np.sort(order[:fitted]), np.sort(order[fitted:])
        rows = table.embeddings.astype(np.float32)
        embedded = table.embedded()
        self.map: Map | None = None
        self.witness: Witness | None = None
        if embedded[fit].sum() >= LEAST_SAMPLES // 2:
            self.map = fit_map(rows[fit][embedded[fit]], rng)
            parts = (rows[part][embedded[part]] for part in (fit, calibration))
            self.witness = Witness(self.map, *parts)
        self.scalars = {name: fit_scalar(values[fit]) for name, values in table.scalars.items()}
        watched = {name: v for name, v in table.categories.items() if not name.startswith(CONTEXT)}
        self.values = {name: _values([v[i] for i in fit]) for name, v in watched.items()}
        if self.map is None and not self.scalars and not self.values:
            raise BaselineError("the reference has neither embeddings nor scalars nor categories")
        self._calibrate(fit, calibration)

    @property
    def names(self) -> tuple[str, ...]:
        """Return every score: fixed ones of the embedding, scalars, categories, then the learned ones."""
        first, last = (SCORES, WITNESSES) if self.map is not None else ((), ())
        return (*first, *self.scalars, *self.values, *last)

    def weights(self) -> Doubles:
        """Return each score's share of the false-alarm budget. Shape: (names,), adding up to 1."""
        own = [EMBEDDING_WEIGHTS.get(n, 0.5) for n in self.names]
        others = {*self.scalars, *self.values}
        inside = sum(w for n, w in zip(self.names, own, strict=True) if n not in others)
        share = (0.6 if others else 1.0) if inside else 0.0
        each = (1.0 - share) / max(len(others), 1)
        return np.array([each if n in others else w / inside * share for n, w in zip(self.names, own, strict=True)])

    def one_sided(self) -> NDArray[np.bool_]:
        """Return which scores show a change by high values only: the learned ones. Shape: (names,)."""
        return np.array([name in WITNESSES for name in self.names])

    def bag(self) -> Doubles:
        """Return how many samples each score is ranked among. Shape: (names,)."""
        fixed = self.ranks.size()
        learned = [] if self.witness is None else [float(self.witness.size)] * len(WITNESSES)
        return np.concatenate([fixed, learned])

    def scores(self, table: Table, embedded: Flags, rows: Floats) -> Doubles:
        """Return the fixed scores of samples, NaN where one lacks it.

        Shapes: `embedded` (samples,) and `rows` float32 (embedded samples, dimensions): see `Table.rows`; the scores
        (samples, fixed names).
        """
        columns: list[Doubles] = []
        if self.map is not None:
            if len(rows) == len(table):
                columns.append(self.map.scores(rows))
            else:
                found = np.full((len(table), len(SCORES)), np.nan)
                found[embedded] = self.map.scores(rows)
                columns.append(found)
        for name, transform in self.scalars.items():
            values = table.scalars.get(name)
            columns.append((np.full(len(table), np.nan) if values is None else transform(values))[:, None])
        for name, known in self.values.items():
            kinds = table.categories.get(name) or [""] * len(table)
            columns.append(np.array([[known.get(k, len(known)) if k else np.nan] for k in kinds], np.float64))
        return np.concatenate(columns, axis=1)

    def _calibrate(self, fit: Ints, calibration: Ints) -> None:
        scores = self.scores(self.table, *self.table.rows())
        self.ranks = Ranks(*_ranges(scores[fit]), STRATA_COUNTS[self.strata])
        seen = np.isfinite(scores)
        strata = strata_of(self.table.times, self.strata)[calibration]
        bins = self.ranks.bins(np.where(seen, scores, 0.0))
        self.ranks.add(bins[calibration], seen[calibration], strata)
        excess = np.array([excess_between_blocks(column[np.isfinite(column)]) for column in scores.T])
        learned = len(WITNESSES) if self.map is not None else 0
        self.excess = np.concatenate([excess, np.full(learned, excess[: len(SCORES)].max() if learned else 0.0)])


def _values(kinds: list[str]) -> dict[str, int]:
    names, counts = np.unique([k for k in kinds if k], return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][:200]
    return {str(n): i for i, n in enumerate(frequent)}


def _ranges(scores: Doubles) -> tuple[Doubles, Doubles]:
    known = np.isfinite(scores)
    low = np.where(known, scores, np.inf).min(0)
    high = np.where(known, scores, -np.inf).max(0)
    some = known.any(0)
    low, high = np.where(some, low, 0.0), np.where(some, high, 1.0)
    span = np.maximum(high - low, LEAST_SPAN)
    # Not in thirds: the score of a constant stream must not lie on a bin's edge, where rounding would decide.
    return low - 0.7525 * span, high + 1.25 * span
