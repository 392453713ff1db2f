"""Measures of how two samples differ, in their own units: computed when a level changes, not for every exchange.

Sources: Gretton et al., A kernel two-sample test (JMLR 2012); Rahimi, Recht, Random features for large-scale kernel
machines (NIPS 2007); Frechet distance of Gaussians: Dowson, Landau (1982); Bonneel et al., Sliced and Radon
Wasserstein barycenters (2015); population stability index: Siddiqi, Credit risk scorecards (2006).

numpy alone: scipy would take a second and 70 MB of a restarted observer, and half of the container image.
"""

from collections.abc import Sequence

import numpy as np

from watchers.drift.ranks import Doubles, Ints
from watchers.encoding import Floats

FEATURES = 256
SLICES = 32
FLOOR = 1e-4  # of a share, so that an empty bin does not make the index infinite


def fourier_features(rows: Floats, like: Floats, seed: int = 0) -> Doubles:
    """Return features whose inner products are a Gaussian kernel of the median distance within `like`.

    Shapes: rows (samples, dimensions) to (samples, 256).
    """
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, len(like), (2, 1000))
    distances = np.linalg.norm(like[pairs[0]] - like[pairs[1]], axis=1)
    positive = distances[distances > 1e-9]
    width = float(np.median(positive)) if len(positive) else 1.0
    directions = rng.standard_normal((rows.shape[1], FEATURES)) / width
    features: Doubles = np.sqrt(2 / FEATURES) * np.cos(rows @ directions + rng.uniform(0, 2 * np.pi, FEATURES))
    return features


def mmd_squared(before: Doubles, after: Doubles) -> float:
    """Return the squared maximum mean discrepancy of two samples' features, unbiased (may be below 0)."""
    m, n = len(before), len(after)
    a, b = before.sum(0), after.sum(0)
    within = (a @ a - (before**2).sum()) / (m * (m - 1)) + (b @ b - (after**2).sum()) / (n * (n - 1))
    return float(within - 2.0 * a @ b / (m * n))


def natural_mmd(features: Doubles, length: int, rounds: int = 60, seed: int = 0) -> float:
    """Return the 95th percentile of the discrepancy of a block of the reference, as long as the window, from the rest.

    Where the window is longer than a third of the reference, blocks of a third stand in, scaled by 1 / length.
    """
    rng = np.random.default_rng(seed)
    size = max(8, min(length, len(features) // 3))
    starts = rng.integers(0, len(features) - size + 1, rounds)
    found = []
    for start in starts:
        inside = np.zeros(len(features), bool)
        inside[start : start + size] = True
        found.append(mmd_squared(features[~inside], features[inside]))
    return max(float(np.quantile(found, 0.95)), 1e-9) * size / max(length, size)


def permutation_p_value(before: Doubles, after: Doubles, rounds: int = 199, seed: int = 0) -> float:
    """Return the p-value of the discrepancy under exchange of the two samples' rows."""
    rng = np.random.default_rng(seed)
    pooled, observed = np.concatenate([before, after]), mmd_squared(before, after)
    order = (rng.permutation(len(pooled)) for _ in range(rounds))
    above = sum(mmd_squared(pooled[o[: len(before)]], pooled[o[len(before) :]]) >= observed for o in order)
    return (1 + above) / (1 + rounds)


def frechet(before: Floats, after: Floats) -> float:
    """Return the squared Frechet distance of the two samples' Gaussians. Shapes: (samples, few dimensions)."""
    first, second = np.cov(before.T), np.cov(after.T)
    # The trace of a product's root needs its eigenvalues only; those of two covariances are real and not negative.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0.0))
    gap = before.mean(0) - after.mean(0)
    return float(max(0.0, gap @ gap + np.trace(first) + np.trace(second) - 2.0 * roots.sum()))


def sliced_wasserstein(before: Floats, after: Floats, seed: int = 0) -> float:
    """Return the mean distance of order 1 over 32 random directions of unit length."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((before.shape[1], SLICES))
    directions /= np.linalg.norm(directions, axis=0)
    a, b = before @ directions, after @ directions
    return float(np.mean([_wasserstein(a[:, i], b[:, i]) for i in range(SLICES)]))


def population_stability(before: Doubles, after: Doubles) -> float:
    """Return the index of two vectors of shares (or counts) over the same bins."""
    p, q = (np.maximum(v / max(v.sum(), 1e-300), FLOOR) for v in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def histogram(values: Doubles, edges: Doubles) -> Ints:
    """Return counts over the bins that `edges` divide the line into. Shape: (edges + 1,)."""
    counts: Ints = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return counts


def quantile_edges(values: Doubles, bins: int = 10) -> Doubles:
    """Return the inner edges of bins of equal share, each once. Shape: at most (bins - 1,)."""
    with np.errstate(over="ignore"):  # between numbers of opposite signs near the largest
        edges: Doubles = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    return edges


def kolmogorov_smirnov(before: Doubles, after: Doubles) -> tuple[float, float]:
    """Return the statistic and its p-value: Kolmogorov's limit with Stephens's correction for the samples' size.

    Source: Stephens, Use of the Kolmogorov-Smirnov statistics without extensive tables (JRSS B 1970).
    """
    statistic = float(np.abs(_gap(before, after)[0]).max())
    root = float(np.sqrt(len(before) * len(after) / (len(before) + len(after))))
    scaled = (root + 0.12 + 0.11 / root) * statistic
    if scaled < 0.3:  # where the series needs hundreds of terms, and the p-value is above 0.99999
        return statistic, 1.0
    terms = np.arange(1, 101)
    p_value = 2.0 * (np.where(terms % 2, 1.0, -1.0) * np.exp(-2.0 * (terms * scaled) ** 2)).sum()
    return statistic, float(np.clip(p_value, 0.0, 1.0))


def benjamini_hochberg(p_values: Sequence[float]) -> Doubles:
    """Return the p-values adjusted for their number, in the order given."""
    if not p_values:
        return np.zeros(0)
    p = np.array(p_values, dtype=np.float64)
    order = p.argsort()
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted: Doubles = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _wasserstein(before: Doubles, after: Doubles) -> float:
    gap, widths = _gap(before, after)
    return float(np.abs(gap[:-1]) @ widths)


def _gap(before: Doubles, after: Doubles) -> tuple[Doubles, Doubles]:
    """Return the difference of the two empirical distribution functions at every value, and the widths between values."""
    values = np.sort(np.concatenate([before, after]))
    first = np.searchsorted(np.sort(before), values, side="right") / len(before)
    second = np.searchsorted(np.sort(after), values, side="right") / len(after)
    with np.errstate(over="ignore"):
        return first - second, np.diff(values)
