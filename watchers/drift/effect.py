"""The size of a change, in units of how much the reference itself varies.

Evidence says that something changed; with enough samples it says so of any trifle. The effect says how much: over
the samples since the estimated change point, each score's ranks are compared with uniform ones (Jensen-Shannon
divergence over the cells of the bets) and divided by what chance explains and what blocks of the reference, taken in
order, differ by. A daily cycle inside the reference makes its blocks differ, and so raises the bar.

Source: Lin, Divergence measures based on the Shannon entropy (IEEE IT 1991); Kuensch, The jackknife and the bootstrap
for general stationary observations (1989) for blocks.
"""

import numpy as np
from numpy.typing import NDArray

from watchers.drift.bets import EDGES, WIDTHS
from watchers.drift.ranks import Doubles

CELLS = len(WIDTHS)
# What a chi-square variable of CELLS - 1 degrees of freedom exceeds four times in ten. One number, tested against scipy's: scipy
# itself takes a second to load and 53 MB of the image.
CHI_SQUARE = 13.635570993661942
BLOCKS = (32, 64, 128, 256)
SHUFFLES = 40


def jensen_shannon(shares: Doubles, expected: Doubles) -> Doubles:
    """Return the divergence in nats along the last axis; both are shares that add up to 1."""
    middle = 0.5 * (shares + expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(shares > 0, shares * np.log(shares / middle), 0.0)
        second = np.where(expected > 0, expected * np.log(expected / middle), 0.0)
    total: Doubles = 0.5 * (first.sum(-1) + second.sum(-1))
    return total


def by_chance(samples: Doubles) -> Doubles:
    """Return what the divergence of that many independent ranks stays below in half to two thirds of the windows (chi-square / 8 n).

    No more, since chance is the evidence's business; the effect guards against what the reference does by itself.
    """
    quantile: Doubles = CHI_SQUARE / (8.0 * np.maximum(samples, 1.0))
    return quantile


def excess_between_blocks(scores: Doubles, seed: int = 0) -> float:
    """Return how far the blocks of one score's reference differ beyond chance, as a divergence.

    The part that does not shrink with a longer window: a daily cycle, a slow wave. Zero unless blocks in order
    differ more than in each of 40 random orders. Shapes: (samples,), in order.
    """
    if len(scores) < 3 * BLOCKS[0]:
        return 0.0
    rng = np.random.default_rng(seed)
    ranks = 1.0 - (np.lexsort((rng.random(len(scores)), scores)).argsort() + 0.5) / len(scores)
    cells = np.searchsorted(EDGES, ranks)
    orders = np.stack([np.arange(len(cells)), *(rng.permutation(len(cells)) for _ in range(SHUFFLES))])
    running = np.zeros((len(orders), len(cells) + 1, CELLS), np.int32)
    np.cumsum(np.eye(CELLS, dtype=np.int32)[cells[orders]], axis=1, out=running[:, 1:])
    excess = 0.0
    for length in BLOCKS:
        if len(cells) < 3 * length:
            break
        starts = np.arange(0, len(cells) - length + 1, max(1, length // 2))
        shares = (running[:, starts + length] - running[:, starts]) / length
        found, *shuffled = np.quantile(jensen_shannon(shares, WIDTHS), 0.95, axis=1)
        if found > max(shuffled):
            excess = max(excess, float(found - np.mean(shuffled)))
    return excess


def _shapes() -> Doubles:
    """Return log densities by cell of changes that pile ranks up at one end. Shape: (cells, shapes)."""
    bounds = np.concatenate([[0.0], EDGES, [1.0]])
    grid = [(share, power) for share in (0.03, 0.07, 0.15, 0.3, 0.6, 0.95) for power in (0.1, 0.3, 0.6)]
    low = np.array([1.0 - share + share * np.diff(bounds**power) / WIDTHS for share, power in grid])
    logs: Doubles = np.log(np.concatenate([low, low[:, ::-1]])).T
    return logs


_SHAPES = _shapes()


class Window:
    """The last samples' rank cells. Shapes: `cells` int8 (window, scores), -1 where a score is missing."""

    def __init__(self, length: int, scores: int) -> None:
        self.cells = np.full((length, scores), -1, np.int8)
        self.samples = 0

    def add(self, cells: NDArray[np.intp], seen: NDArray[np.bool_]) -> None:
        """Put in the cells of a run of samples' ranks; the oldest give way. Shapes: (samples, scores)."""
        places = np.arange(self.samples, self.samples + len(cells)) % len(self.cells)
        self.cells[places] = np.where(seen, cells, -1)
        self.samples += len(cells)

    def last(self, count: int) -> NDArray[np.int8]:
        """Return the last `count` samples; fewer where fewer were seen."""
        count = min(count, self.samples, len(self.cells))
        return self.cells[(np.arange(self.samples - count, self.samples)) % len(self.cells)]


def score_effects(cells: NDArray[np.int8], bag: Doubles, excess: Doubles) -> Doubles:
    """Return each score's effect in units of natural variation.

    Shapes: `cells` (samples, scores); `bag` (scores,): how many samples the ranks are among, whose own chance
    counts too; `excess` (scores,).
    """
    counts = np.stack([(cells == c).sum(0) for c in range(CELLS)], axis=-1).astype(np.float64)
    samples = counts.sum(-1)
    shares = counts / np.maximum(samples, 1.0)[:, None]
    alike = 1.0 / (1.0 / np.maximum(samples, 1.0) + 1.0 / np.maximum(bag, 1.0))
    effect: Doubles = np.where(samples >= 8, jensen_shannon(shares, WIDTHS) / (by_chance(alike) + excess), 0.0)
    return effect


def change_point(cells: NDArray[np.int8]) -> tuple[int, int, int]:
    """Return where one score's ranks stop being uniform: (first, most likely, last) index from the window's start.

    After it the ranks have one of a few shapes, or any density at the price of fitting it. The interval holds every
    point whose log-likelihood is within 3 nats of the best (Wilks: about 95%).
    Shapes: (samples,), missing ones left out by the caller.
    """
    count = len(cells)
    one_hot = np.eye(CELLS)[cells]
    after = np.cumsum(one_hot[::-1], 0)[::-1]
    lengths = after.sum(1, keepdims=True)
    density = (after + 4.0 * WIDTHS) / (lengths + 4.0)
    free = (after * np.log(density / WIDTHS)).sum(1) - 0.5 * (CELLS - 1) * np.log1p(lengths[:, 0] / 8.0)
    gain = np.maximum(free, (after @ _SHAPES).max(1))
    gain[-min(8, count) :] = -np.inf if count > 8 else gain[-min(8, count) :]
    best = int(gain.argmax())
    near = np.flatnonzero(gain >= gain[best] - 3.0)
    return int(near[0]), best, int(near[-1])
