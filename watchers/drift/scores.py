"""What a reference teaches: a linear map, clusters, and the scores by which later samples are ranked.

The reference's rows are divided at random: some fit the map and the clusters, the rest calibrate the ranks. Every score
is fixed once fitted, so ranks among calibration rows and later samples are exact (see `ranks`). One matrix
product a sample gives everything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchers.drift.ranks import Doubles
from watchers.encoding import Floats

COMPONENTS = 64
CLUSTERS = 48
DIRECTIONS = 6  # leading components with a score of their own
SHRINK = 0.45  # of the mean variance a dimension, added to the covariance: best of 0.1, 0.45, 1 on real embeddings
NEIGHBOURS = 256  # rows of the reference to which the distance is taken: the sharpest single score on real embeddings
SCORES = ("distance", "nearest", "nearest_cluster", "cluster", *(f"component_{i}" for i in range(DIRECTIONS)))
NEAREST = SCORES.index("nearest")
DISTANCES = 3  # the leading scores, smaller for rows that the map was fitted to
FITTED_SCORES = 4  # the leading scores that say nothing of a row that the map was fitted to


@dataclass(frozen=True, slots=True)
class Map:
    """The fitted geometry of a reference: x -> (x - centre)' (covariance + ridge)^-1 (x - centre), and clusters.

    Shapes: `matrix` float32 (components + clusters + neighbours, dimensions): principal axes, cluster centres, some
    rows. `gain` float32 (components,): variance / (variance + ridge). `norms` float32 (clusters + neighbours,): squared.
    """

    matrix: Floats
    centre: Floats
    offset: Floats
    gain: Floats
    norms: Floats
    clusters: int

    @property
    def components(self) -> int:
        return len(self.gain)

    @property
    def centres(self) -> Floats:
        """Shape: (clusters, dimensions)."""
        return self.matrix[self.components : self.components + self.clusters]

    def scores(self, embeddings: Floats) -> Doubles:
        """Return the fixed scores in the order of `SCORES`. Shapes: (samples, dimensions) to (samples, scores)."""
        count = len(self.gain)
        flat = embeddings @ self.matrix.T
        leading = flat[:, :count] - self.offset
        distances = flat[:, count:]
        distances *= -2.0
        distances += self.norms
        own = np.einsum("ij,ij->i", embeddings, embeddings)
        near = distances[:, : self.clusters]
        nearest = near.argmin(1)
        found = np.zeros((len(embeddings), len(SCORES)))
        found[:, 0] = (
            own - 2.0 * (embeddings @ self.centre) + self.centre @ self.centre - (leading * leading) @ self.gain
        )
        found[:, 1] = distances[:, self.clusters :].min(1) + own
        found[:, 2] = near[np.arange(len(near)), nearest] + own
        found[:, 3] = nearest
        found[:, 4 : 4 + min(DIRECTIONS, count)] = leading[:, :DIRECTIONS]
        return found

    def discriminant(self, differences: Floats) -> Floats:
        """Return Fisher's directions for differences of means: (covariance + ridge)^-1 d, up to a factor.

        Shapes: (directions, dimensions) to the same.
        """
        axes = self.matrix[: self.components]
        weighed: Floats = (differences @ axes.T) * self.gain
        turned: Floats = differences - weighed @ axes
        return turned


def fit_map(rows: Floats, rng: np.random.Generator) -> Map:
    """Fit the geometry. Shapes: rows (samples, dimensions), at least 20."""
    centre = rows.mean(0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(rows - centre, full_matrices=False)
    variance = sizes**2 / len(rows)
    count = max(1, min(COMPONENTS, int((sizes > 1e-6 * max(sizes[0], 1e-12)).sum())))
    ridge = SHRINK * float(variance.sum()) / rows.shape[1] + 1e-12
    centres = order_centres(k_means(rows, min(CLUSTERS, max(2, len(rows) // 5)), rng))
    axes, variance = axes[:count], variance[:count]
    neighbours = rows[rng.permutation(len(rows))[:NEIGHBOURS]]
    points = np.concatenate([centres, neighbours])
    f = np.float32
    return Map(
        np.concatenate([axes, points]).astype(f),
        centre.astype(f),
        (axes @ centre).astype(f),
        (variance / (variance + ridge)).astype(f),
        (points**2).sum(1).astype(f),
        len(centres),
    )


def unfitted_distances(rows: Floats, rng: np.random.Generator) -> Doubles:
    """Return the distances of rows that fit a map as if they had not: each half's by a map of the other half.

    By their own map they are too small, 0 to the nearest row: ranges made of them would put every later sample into the
    outermost bin. Shapes: (samples, dimensions) to (samples, DISTANCES).
    """
    half = rng.permutation(len(rows)) % 2 == 0
    found = np.empty((len(rows), DISTANCES))
    for judged in (half, ~half):
        found[judged] = fit_map(rows[~judged], rng).scores(rows[judged])[:, :DISTANCES]
    return found


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
    return np.unique(centres.round(6), axis=0)


def assign(rows: Floats, centres: Doubles | Floats) -> NDArray[np.intp]:
    """Return the nearest centre of each row."""
    labels: NDArray[np.intp] = ((centres**2).sum(1) - 2.0 * rows @ centres.T).argmin(1)
    return labels


def order_centres(centres: Doubles) -> Doubles:
    """Order the centres along their main axis, so that like clusters have neighbouring numbers."""
    _, _, axes = np.linalg.svd(centres - centres.mean(0), full_matrices=False)
    return centres[np.argsort(centres @ axes[0])]
