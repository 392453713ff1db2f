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

COARSE = 16
FINE = 16
BINS = COARSE * FINE
_STEPS = np.arange(COARSE)


class Ranks:
    """Ranks of several scores at once, each among its own past, in the same stratum.

    Shapes: `low`, `high` (scores,): the range that the bins divide; beyond it the outer bins take all.
    """

    def __init__(self, low: Doubles, high: Doubles, strata: int = 1) -> None:
        span = np.maximum(high - low, 1e-12)
        self.low = low
        self.scale = BINS / span
        self.fine = np.zeros((strata, len(low), COARSE, FINE), np.int64)
        self.coarse = np.zeros((strata, len(low), COARSE), np.int64)
        self._rows = np.arange(len(low))

    def bins(self, scores: Doubles) -> Ints:
        """Return each score's bin. Shapes: (..., scores)."""
        return np.minimum(np.maximum((scores - self.low) * self.scale, 0.0), BINS - 1).astype(np.int64)

    def add(self, bins: Ints, seen: Flags, strata: Ints) -> None:
        """Put samples into the bag; `seen` marks the scores that a sample has. Shapes as in `p_values`."""
        high, low, where = bins // FINE, bins % FINE, strata[:, None]
        np.add.at(self.fine, (where, self._rows, high, low), seen)
        np.add.at(self.coarse, (where, self._rows, high), seen)

    def p_values(self, bins: Ints, seen: Flags, uniforms: Doubles, strata: Ints) -> Doubles:
        """Return a run of samples' p-values, small for a high score; each ranks also among those before it in the run.

        Shapes: `bins`, `seen` and `uniforms` (samples, scores), `strata` (samples,).
        """
        high, low, where = bins // FINE, bins % FINE, strata[:, None]
        coarse, fine = self.coarse[strata], self.fine[where, self._rows, high]
        above = (coarse * (high[..., None] < _STEPS)).sum(-1) + (fine * (low[..., None] < _STEPS)).sum(-1)
        ties = self.fine[where, self._rows, high, low]
        before = np.tri(len(bins), k=-1, dtype=bool) & (where == strata)
        counted = before[..., None] & seen  # (sample, earlier sample, score)
        above = above + (counted & (bins > bins[:, None])).sum(1)
        ties = ties + (counted & (bins == bins[:, None])).sum(1)
        p: Doubles = (above + uniforms * (ties + 1)) / (coarse.sum(-1) + counted.sum(1) + 1)
        return p
