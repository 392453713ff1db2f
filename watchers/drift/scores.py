"""What a reference teaches: a linear map, clusters, and the scores by which later samples are ranked.

The reference's rows are divided at random: half fit the map and the clusters, half calibrate the ranks. Every score
is fixed once fitted, so ranks among calibration rows and later samples are exact (see `ranks`).
One matrix product a sample gives everything: leading components, random directions of what they leave out,
similarities to the clusters, and random Fourier features of a Gaussian kernel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchers.drift.ranks import Doubles
from watchers.encoding import Floats

COMPONENTS = 32
OUTSIDE = 16  # random directions outside the leading components
CLUSTERS = 32
FEATURES = 128  # of the kernel
DIRECTIONS = 6  # leading components with a score of their own
SHRINK = 0.1  # of the mean variance, added before whitening


@dataclass(frozen=True, slots=True)
class Map:
    """The fitted geometry of a reference.

    Shapes: `matrix` float32 (components + outside + clusters + features, dimensions); `offset` float32, one a row.
    """

    matrix: Floats
    offset: Floats
    phase: Floats
    components: int
    clusters: int
    centre_norms: Floats
    centre: Floats

    def project(self, embedding: Floats) -> "Point":
        """Project one embedding. Shape: (dimensions,)."""
        flat = self.matrix @ embedding - self.offset
        a, b = self.components, self.components + OUTSIDE
        c = b + self.clusters
        leading, outside = flat[:a], flat[a:b]
        distances = self.centre_norms - 2.0 * flat[b:c]
        features = np.cos(flat[c:] + self.phase)
        return Point(leading, outside, distances, features, float(embedding @ embedding))


@dataclass(frozen=True, slots=True)
class Point:
    """One embedding in a reference's terms. `distances`: squared, to the clusters, less the embedding's own norm."""

    leading: Floats
    outside: Floats
    distances: Floats
    features: Floats
    norm: float

    @property
    def cluster(self) -> int:
        """Return the nearest cluster."""
        return int(self.distances.argmin())

    def scores(self) -> list[float]:
        """Return the fixed scores, in the order of `SCORES`."""
        leading = np.zeros(DIRECTIONS) if len(self.leading) < DIRECTIONS else self.leading[:DIRECTIONS]
        return [
            float(self.leading @ self.leading),
            float(self.outside @ self.outside),
            float(self.distances.min()) + self.norm,
            float(self.cluster),
            *leading.tolist(),
        ]


SCORES = ("distance", "outside", "nearest_cluster_distance", "cluster", *(f"component_{i}" for i in range(DIRECTIONS)))


def fit_map(rows: Floats, rng: np.random.Generator) -> Map:
    """Fit the geometry. Shapes: rows (samples, dimensions), at least 20."""
    centre = rows.mean(0, dtype=np.float64)
    centred = rows - centre
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    count = max(1, min(COMPONENTS, len(rows) // 4, int((sizes > 1e-6 * max(sizes[0], 1e-12)).sum())))
    variance = sizes[:count] ** 2 / len(rows)
    leading = axes[:count] / np.sqrt(variance + SHRINK * variance.mean() + 1e-12)[:, None]
    outside = _outside(centred, axes[:count], rng)
    centres = order_centres(k_means(rows, min(CLUSTERS, max(2, len(rows) // 8)), rng))
    kernel = rng.standard_normal((FEATURES, rows.shape[1])) / bandwidth(rows, rng)
    matrix = np.concatenate([leading, outside, centres, kernel])
    shifted = np.concatenate([leading @ centre, outside @ centre, np.zeros(len(centres) + FEATURES)])
    phase = rng.uniform(0, 2 * np.pi, FEATURES)
    f = np.float32
    return Map(
        matrix.astype(f), shifted.astype(f), phase.astype(f), count, len(centres), (centres**2).sum(1).astype(f),
        centre.astype(f),
    )  # fmt: skip


def _outside(centred: Floats, axes: Floats, rng: np.random.Generator) -> Doubles:
    directions = rng.standard_normal((OUTSIDE, centred.shape[1]))
    directions -= (directions @ axes.T) @ axes
    spread = (centred @ directions.T).std(0)
    scaled: Doubles = directions / np.where(spread > 1e-9, spread, 1.0)[:, None]
    return scaled


def bandwidth(rows: Floats, rng: np.random.Generator) -> float:
    """Return half the median distance between rows: narrow, since a change is most often a new, small cluster."""
    pairs = rng.integers(0, len(rows), (2, 1000))
    distances = np.linalg.norm(rows[pairs[0]] - rows[pairs[1]], axis=1)
    positive = distances[distances > 1e-9]
    return 0.5 * float(np.median(positive)) if len(positive) else 1.0


def k_means(rows: Floats, count: int, rng: np.random.Generator, rounds: int = 25) -> Doubles:
    """Return centres (count, dimensions): Lloyd's algorithm from k-means++ seeds (Arthur, Vassilvitskii 2007)."""
    centres = np.empty((count, rows.shape[1]))
    centres[0] = rows[rng.integers(len(rows))]
    nearest = ((rows - centres[0]) ** 2).sum(1)
    for i in range(1, count):
        total = nearest.sum()
        chosen = rng.choice(len(rows), p=nearest / total) if total > 0 else rng.integers(len(rows))
        centres[i] = rows[chosen]
        nearest = np.minimum(nearest, ((rows - centres[i]) ** 2).sum(1))
    for _ in range(rounds):
        labels = assign(rows, centres)
        for i in np.unique(labels):
            centres[i] = rows[labels == i].mean(0)
    return centres


def assign(rows: Floats, centres: Doubles) -> NDArray[np.intp]:
    """Return the nearest centre of each row."""
    labels: NDArray[np.intp] = ((centres**2).sum(1) - 2.0 * rows @ centres.T).argmin(1)
    return labels


def order_centres(centres: Doubles) -> Doubles:
    """Order the centres along their main axis, so that like clusters have neighbouring numbers."""
    _, _, axes = np.linalg.svd(centres - centres.mean(0), full_matrices=False)
    return centres[np.argsort(centres @ axes[0])]
