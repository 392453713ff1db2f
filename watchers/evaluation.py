"""How well scores fit the truth: figures with intervals, by slice.

Pure: scores and truth in, figures out. A row counts for a label when it says something of it; truth from 0.5 on is
positive (annotators' shares). Source of the intervals: percentile bootstrap, Efron (1979), rows resampled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchers import metrics

Doubles = NDArray[np.float64]
ROUNDS: Final = 200
LEAST: Final = 5  # positives and negatives of a slice; fewer say nothing
EVERYTHING: Final = "all"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its 95% interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One label on one slice. `threshold` is the watcher's own; `figures` by name (FIGURES)."""

    label: str
    slice: str
    rows: int
    positives: int
    threshold: float
    figures: Mapping[str, Figure]


def evaluate(
    label: str, threshold: float, truth: Doubles, scores: Doubles, slices: Mapping[str, NDArray[np.bool_]]
) -> list[Evaluation]:
    """Return the label's figures on all rows, and on each slice that has enough of both kinds.

    Shapes: `truth`, `scores` and each slice's mask (rows,).
    """
    found = []
    for name, mask in {EVERYTHING: np.ones(len(truth), dtype=bool), **slices}.items():
        positive = truth[mask] >= 0.5
        count = int(positive.sum())
        if name != EVERYTHING and min(count, len(positive) - count) < LEAST:
            continue
        figures = {key: _figure(figure(threshold), positive, scores[mask]) for key, figure in FIGURES.items()}
        found.append(Evaluation(label, name, len(positive), count, threshold, figures))
    return found


def curve(truth: NDArray[np.bool_], scores: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return (false-positive rate, recall, precision) at each distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits, flagged = np.cumsum(truth[order])[last], np.flatnonzero(last) + 1.0
    negatives = max(1, int((~truth).sum()))
    return (flagged - hits) / negatives, hits / max(1, int(truth.sum())), hits / flagged


def reliability(truth: NDArray[np.bool_], scores: Doubles, bins: int = 10) -> list[tuple[float, float, int]]:
    """Return (mean score, share of positives, rows) of bins of equal width that hold something."""
    places = np.minimum((scores * bins).astype(int), bins - 1)
    masks = [places == place for place in range(bins)]
    return [(float(scores[m].mean()), float(truth[m].mean()), int(m.sum())) for m in masks if m.any()]


Measure = Callable[[NDArray[np.bool_], Doubles], float]


def _figure(measure: Measure, truth: NDArray[np.bool_], scores: Doubles) -> Figure:
    value = measure(truth, scores)
    if not np.isfinite(value):
        return Figure(float("nan"), float("nan"), float("nan"))
    low, high = metrics.interval(truth, scores, measure, ROUNDS)
    return Figure(value, low, high)


def _at(rate: float) -> Callable[[float], Measure]:
    return lambda _threshold: lambda truth, scores: metrics.recall_at(truth, scores, rate)


FIGURES: Final[Mapping[str, Callable[[float], Measure]]] = {
    "auroc": lambda _: metrics.auroc,
    "average_precision": lambda _: metrics.average_precision,
    "f1": lambda threshold: lambda truth, scores: metrics.f1(truth, scores >= threshold),
    "recall_at_1%": _at(0.01),
    "recall_at_0.1%": _at(0.001),
    "false_positive_rate": lambda threshold: (
        lambda truth, scores: float((scores[~truth] >= threshold).mean()) if (~truth).any() else float("nan")
    ),
    "calibration_error": lambda _: lambda truth, scores: metrics.calibration_error(truth.astype(np.float64), scores),
}


def columns(rows: Sequence[Mapping[str, object]], keys: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Return a mask for each value of each key: `{"kind=slur": mask}`."""
    found: dict[str, NDArray[np.bool_]] = {}
    for key in keys:
        values = [str(row.get(key, "")) for row in rows]
        for value in sorted(set(values) - {""}):
            found[f"{key}={value}"] = np.array([item == value for item in values])
    return found
