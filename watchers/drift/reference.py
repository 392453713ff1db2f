"""A fitted reference: which scores a stream has, how they are ranked, and how the reference itself varies."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from watchers.drift.effect import excess_between_blocks
from watchers.drift.events import BaselineError
from watchers.drift.ranks import Doubles, Flags, Ints, Ranks
from watchers.drift.samples import STRATA_COUNTS, Halves, Table, strata_of
from watchers.drift.scores import DISTANCES, FITTED_SCORES, SCORES, Map, fit_map, unfitted_distances
from watchers.drift.witness import WITNESSES, Witness
from watchers.encoding import Floats

LEAST_SAMPLES = 40
CONTEXT = "label."  # categories of this prefix (tenant, app) are no scores: they tell in the reason who moved
LEAST_SPAN = 1e-3  # of a score: its bins stay wider than the rounding of a sum in single precision
MOST_SPREAD = 1e300  # of a scalar: finite
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
    with np.errstate(over="ignore"):
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        spread = high - low or known.std() or abs(middle) * 0.1 or 1.0
    return Scalar(float(middle), float(min(spread, MOST_SPREAD)))


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
        distances = np.full((len(table), DISTANCES), np.nan)
        self.known = np.unique(keys_of(table.embeddings[fit][embedded[fit]]))
        if embedded[fit].sum() >= LEAST_SAMPLES // 2:
            fitting, calibrating = (rows[part][embedded[part]] for part in (fit, calibration))
            self.map = fit_map(fitting, rng)
            self.witness = Witness(self.map, fitting, calibrating)
            distances[fit[embedded[fit]]] = unfitted_distances(fitting, rng)
        self.scalars = {name: fit_scalar(values[fit]) for name, values in table.scalars.items()}
        watched = {name: v for name, v in table.categories.items() if not name.startswith(CONTEXT)}
        self.values = {name: _values([v[i] for i in fit]) for name, v in watched.items()}
        if self.map is None and not self.scalars and not self.values:
            raise BaselineError("the reference has neither embeddings nor scalars nor categories")
        self._calibrate(fit, calibration, distances)

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
        """Return the fixed scores of samples, NaN where one lacks it, and where the map was fitted to the very same row.

        Such a row is nearer than any other can be. Whether a sample is one of them is known from the fit alone, so the
        others are ranked among others, exactly; and the reference's own texts, met again, are no change.
        Shapes: `embedded` (samples,) and `rows` float32 (embedded samples, dimensions): see `Table.rows`; the scores
        (samples, fixed names).
        """
        scores = self._scores(table, embedded, rows)
        if self.map is not None:
            scores[self._is_known(table.embeddings), :FITTED_SCORES] = np.nan
        return scores

    def _is_known(self, rows: Halves) -> Flags:
        keys = keys_of(rows)
        places = np.minimum(self.known.searchsorted(keys), len(self.known) - 1)
        same: Flags = self.known[places] == keys
        return same

    def _scores(self, table: Table, embedded: Flags, rows: Floats) -> Doubles:
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

    def _calibrate(self, fit: Ints, calibration: Ints, distances: Doubles) -> None:
        scores = self._scores(self.table, *self.table.rows())
        if self.map is not None:
            scores[fit, :DISTANCES] = distances[fit]
        self.ranks = Ranks(*_ranges(scores[fit]), STRATA_COUNTS[self.strata])
        seen = np.isfinite(scores)
        if self.map is not None:
            seen[self._is_known(self.table.embeddings), :FITTED_SCORES] = False
        strata = strata_of(self.table.times, self.strata)[calibration]
        bins = self.ranks.bins(np.where(seen, scores, 0.0))
        self.ranks.add(bins[calibration], seen[calibration], strata)
        excess = np.array([excess_between_blocks(column[np.isfinite(column)]) for column in scores.T])
        learned = len(WITNESSES) if self.map is not None else 0
        self.excess = np.concatenate([excess, np.full(learned, excess[: len(SCORES)].max() if learned else 0.0)])


def keys_of(rows: Halves) -> NDArray[np.uint64]:
    """Return a hash of each row, equal for equal rows. Shapes: (samples, dimensions) to (samples,)."""
    keys: NDArray[np.uint64] = np.ascontiguousarray(rows).view(np.uint16).astype(np.uint64) @ _factors(rows.shape[1])
    return keys


@cache
def _factors(width: int) -> NDArray[np.uint64]:
    return np.random.default_rng(0).integers(0, 2**64 - 1, width, np.uint64)


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
