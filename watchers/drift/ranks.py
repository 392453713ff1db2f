"""Exact conformal p-values in constant memory.

A score is put into one of 256 fixed bins; the bins' counts over the reference's calibration rows and every later
sample are then all that a rank needs. A binned score is still a score, so nothing is approximated: ties are
broken by a uniform random number, and under exchangeability the p-values are independent and uniform on (0, 1),
for ever, because the bag that they are ranked in grows with the stream. (Ranks in a *fixed* reference are not:
their common reference makes them dependent, and a bettor who watches long enough learns its sampling error.)

Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), theorem 8.2.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BINS = 256


class Ranks:
    """Ranks of several scores at once, each among its own past, in the same stratum.

    Shapes: `low`, `high` (scores,): the range that the bins divide; beyond it the outer bins take all. `counts` int32
    (strata, scores, bins).
    """

    def __init__(self, low: Doubles, high: Doubles, strata: int = 1) -> None:
        span = np.maximum(high - low, 1e-12)
        self.low = low
        self.scale = BINS / span
        self.counts = np.zeros((strata, len(low), BINS), np.int32)
        self._rows = np.arange(len(low))

    def bins(self, scores: Doubles) -> Ints:
        """Return each score's bin. Shapes: (..., scores)."""
        return np.minimum(np.maximum((scores - self.low) * self.scale, 0.0), BINS - 1).astype(np.int64)

    def add(self, bins: Ints, seen: Flags, strata: Ints) -> None:
        """Put samples into the bag; `seen` marks the scores that a sample has. Shapes as in `p_values`."""
        np.add.at(self.counts, (strata[:, None], self._rows, bins), seen)

    def size(self) -> Doubles:
        """Return how many samples each score is ranked among, all strata together. Shape: (scores,)."""
        sizes: Doubles = self.counts.sum(axis=(0, 2), dtype=np.float64)
        return sizes

    def p_values(self, bins: Ints, seen: Flags, uniforms: Doubles, strata: Ints) -> Doubles:
        """Return a run of samples' p-values, small for a high score; each ranks also among those before it in the run.

        Shapes: `bins`, `seen` and `uniforms` (samples, scores), `strata` (samples,).
        """
        first = strata[0]
        one = bool((strata == first).all())
        before = np.tri(len(bins), k=-1, dtype=bool)
        where: tuple[NDArray[np.integer], ...] = (self._rows, bins)
        if one:
            counts = self.counts[first]
        else:
            involved, stratum = np.unique(strata, return_inverse=True)
            counts, where = self.counts[involved], (stratum[:, None], *where)
            before &= stratum == stratum[:, None]
        upwards = counts[..., ::-1].cumsum(-1, dtype=np.int64)[..., ::-1]  # in this bin or above
        ties = counts[where].astype(np.int64)
        above = upwards[where] - ties
        total = upwards[..., 0] if one else upwards[stratum, :, 0]
        counted = before[..., None] & seen  # sample, earlier, score
        above += count(counted & (bins > bins[:, None]), 1)
        ties += count(counted & (bins == bins[:, None]), 1)
        p: Doubles = (above + uniforms * (ties + 1)) / (total + count(counted, 1) + 1)
        return p


def count(flags: Flags, axis: int) -> NDArray[np.uint16]:
    """Count along an axis of fewer than 65,536: in less than half of the time of a plain sum."""
    counts: NDArray[np.uint16] = np.add.reduce(flags.view(np.uint8), axis=axis, dtype=np.uint16)
    return counts
