"""Figures of merit for scores against truth: plain numpy, ties handled, NaN where undefined."""

import math

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]


def auroc(truth: Truth, scores: Scores) -> float:
    """Chance that a positive scores above a negative, ties half (Mann-Whitney)."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(truth: Truth, scores: Scores) -> float:
    """Area under precision over recall, by steps, equal scores taken together."""
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, sorted_scores = truth[order], scores[order]
    last = np.append(sorted_scores[1:] != sorted_scores[:-1], True)
    hits = np.cumsum(ranked)[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / truth.sum())


def f1(truth: Truth, flagged: Truth) -> float:
    both = int((truth & flagged).sum())
    return 2 * both / max(1, int(truth.sum()) + int(flagged.sum()))


def recall_at(truth: Truth, scores: Scores, rate: float) -> float:
    """Recall where the share of negatives flagged is at most `rate`."""
    if not truth.any() or truth.all():
        return float("nan")
    return float((scores[truth] > quantile(scores[~truth], rate)).mean())


def quantile(scores: Scores, rate: float, weights: Scores | None = None) -> float:
    """The lowest of the scores above which at most `rate` of the (weighted) mass lies."""
    order = np.argsort(scores)
    mass = np.ones(len(scores)) if weights is None else weights[order]
    above = 1 - np.cumsum(mass) / mass.sum()
    return float(scores[order][int(np.argmax(above <= rate + 1e-12))])


def conformal_threshold(benign: Scores, rate: float) -> float:
    """The lowest threshold that a new benign score reaches with a probability of at most `rate`; flagged means >=.

    Split conformal: just above the ⌈(n + 1)(1 − rate)⌉-th smallest of n benign scores; holds for any distribution
    when the new text is exchangeable with them. Raises ValueError when n is too small for the rate.
    Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005.
    """
    place = math.ceil((len(benign) + 1) * (1 - rate) - 1e-9)
    if place > len(benign):
        least = math.ceil(1 / rate) - 1
        raise ValueError(f"{len(benign)} benign texts are too few for a rate of {rate:g}: at least {least} are needed")
    return float(np.nextafter(np.sort(benign)[place - 1], np.inf))


def calibration_error(truth: Scores, scores: Scores, bins: int = 15) -> float:
    """Expected calibration error over bins of equal count; truth may be a probability (annotator share)."""
    if not len(scores):
        return float("nan")
    order = np.argsort(scores)
    parts = np.array_split(order, min(bins, len(order)))
    return float(sum(abs(truth[part].mean() - scores[part].mean()) * len(part) for part in parts) / len(order))


def interval(truth: Truth, scores: Scores, figure: object, rounds: int = 200, seed: int = 1) -> tuple[float, float]:
    """95% bootstrap interval of `figure(truth, scores)`, rows resampled."""
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, len(truth), len(truth)) for _ in range(rounds)]
    values = [figure(truth[rows], scores[rows]) for rows in drawn]  # type: ignore[operator]
    return float(np.nanpercentile(values, 2.5)), float(np.nanpercentile(values, 97.5))
