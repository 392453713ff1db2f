"""Betting against uniform p-values: evidence of a change that may be looked at after every sample.

Each score's p-values feed a bank of bets. A bet is a density on (0, 1) chosen before the p-value is seen, from
the score's own earlier p-values, so under no change its expectation is 1 whatever it learned. With f_n the bet's
payoff at sample n, the Shiryaev-Roberts statistic

    R_n = (1 + R_{n-1}) f_n ,        R_0 = 0,

is the sum over all possible change points of the wealth of a bettor who started there, and R_n - n is a martingale.
The average of a score's bank is again such a statistic, since all of its bets live in one filtration.

Theorem (guarantee). Let the calibration rows and the stream be exchangeable (independent draws of one
distribution, or such within each stratum). Let score k have weight w_k, the weights adding up to 1. Alarm at
    tau = min { n : max_k w_k R_n^k >= 2 c }.
Then P(tau <= t) <= t / (2c) for every t, and E[tau] >= c.
Proof. R^k is a non-negative submartingale in the filtration of score k's own p-values (which are independent and
uniform, see `ranks`), with E[R_t^k] = t at most; Doob's inequality gives P(max_{n<=t} R_n^k >= 2c / w_k) <=
t w_k / (2c), and the union over k gives the first claim. E[tau] >= sum over t < 2c of (1 - t/(2c)) >= c.
The union, not the average over scores, is needed: different scores' p-values are not uniform given *each
other's* past, so the average of their statistics need not obey a stopping rule that looks at all of them.

Sources: Vovk, Testing randomness online (Statistical Science 2021); Fedorova, Gammerman, Nouretdinov, Vovk, Plug-in
martingales for testing exchangeability on-line (ICML 2012); Shin, Ramdas, Rinaldo, E-detectors: a nonparametric
framework for sequential change detection (NEJSDS 2024), definition 2.2 and proposition 2.4; Choe, Ramdas,
Combining evidence across filtrations (2024) for why the union.
"""

import numpy as np
from numpy.typing import NDArray

from watchers.drift.ranks import Doubles, Flags

# Cells of the adaptive bets and of the effect: fine at both ends, where a rare new kind of traffic shows first.
EDGES = np.array([0.001, 0.004, 0.015, 0.05, 0.12, 0.25, 0.5, 0.75, 0.88, 0.95, 0.985, 0.996, 0.999])
WIDTHS = np.diff(np.concatenate([[0.0], EDGES, [1.0]]))
# Finer cells for the fixed bets: a p-value is looked up, not raised to a power. Every cell lies within one of EDGES'.
_FINER = np.array([0.0002, 0.0005, 0.002, 0.008, 0.03, 0.08, 0.18, 0.35])
FINE_EDGES = np.sort(np.concatenate([EDGES, _FINER, 1.0 - _FINER]))
_FINE = np.concatenate([[0.0], FINE_EDGES, [1.0]])
COARSE_CELL = np.searchsorted(EDGES, 0.5 * (_FINE[1:] + _FINE[:-1]))
# Memory of the adaptive bets, in samples, and the share of the wealth that they stake.
MEMORY = np.array([30.0, 150.0, 800.0])
STAKES = np.array([0.25, 0.75])
# Fixed bets 1 - e + e k p^(k-1): a share e of the samples has p-values that pile up at 0. As many at 1.
SPARSE = ((0.04, 0.1), (0.2, 0.1), (0.8, 0.15), (0.3, 0.4), (1.0, 0.6), (1.0, 0.8))
CEILING = 1e250


def _fixed() -> Doubles:
    """Return the fixed bets' payoffs by fine cell: each cell's mean density, so that every bet is fair exactly."""
    widths = np.diff(_FINE)
    low = np.array([1.0 - e + e * np.diff(_FINE**k) / widths for e, k in SPARSE])
    high = low[:, ::-1]  # the fine cells are symmetric
    payoffs: Doubles = np.concatenate([low, high]).T.copy()
    return payoffs


FIXED = _fixed()  # (fine cells, bets)
ADAPTIVE = len(MEMORY) * len(STAKES)
BETS = ADAPTIVE + FIXED.shape[1]


def shares(one_sided: Flags) -> Doubles:
    """Return each bet's share of its score's bank; one-sided scores, whose changes show at 0 only, bet on that only.

    Shapes: (scores,) to (scores, bets), rows adding up to 1.
    """
    both = np.ones(BETS)
    low = np.concatenate([np.ones(ADAPTIVE + len(SPARSE)), np.zeros(len(SPARSE))])
    chosen = np.where(one_sided[:, None], low, both)
    bank: Doubles = chosen / chosen.sum(1, keepdims=True)
    return bank


class Evidence:
    """One bank of bets a score, and their Shiryaev-Roberts statistics.

    Shapes: `statistic` (scores, bets); `densities` (scores, memories, cells); `bank` (scores, bets): see `shares`.
    """

    def __init__(self, one_sided: Flags) -> None:
        scores = len(one_sided)
        self.bank = shares(one_sided)
        self.statistic = np.zeros((scores, BETS))
        self.densities = np.broadcast_to(WIDTHS, (scores, len(MEMORY), len(WIDTHS))).copy()
        self._rows = np.arange(scores)

    def update(self, p_values: Doubles, seen: Flags) -> NDArray[np.intp]:
        """Bet on a run of samples, then learn from it; return the p-values' cells. A score that a sample lacks stands still.

        Shapes: (samples, scores). The adaptive bets stay the same within a run, so that they never see it.
        """
        fine = np.searchsorted(FINE_EDGES, p_values)
        cells: NDArray[np.intp] = COARSE_CELL[fine]
        payoffs = self._payoffs(fine, cells)
        payoffs[~seen] = 1.0
        statistic = self.statistic
        for start, payoff in zip(seen[..., None], payoffs, strict=True):
            statistic += start
            statistic *= payoff
        np.minimum(statistic, CEILING, out=statistic)
        self._learn(cells, seen)
        return cells

    def _learn(self, cells: NDArray[np.intp], seen: Flags) -> None:
        scores, width = len(self._rows), len(WIDTHS)
        flat = (cells + self._rows * width).ravel()
        counts = np.bincount(flat, weights=seen.ravel(), minlength=scores * width).reshape(scores, width)
        total = counts.sum(1, keepdims=True)
        kept = (1.0 - 1.0 / MEMORY) ** total  # (scores, memories)
        self.densities *= kept[..., None]
        self.densities += ((1.0 - kept) / np.maximum(total, 1.0))[..., None] * counts[:, None]

    def _payoffs(self, fine: NDArray[np.intp], cells: NDArray[np.intp]) -> Doubles:
        """Shape: (samples, scores, bets)."""
        # What a whole stake on each memory wins in each cell, then what each bet pays there.
        gains = (self.densities / WIDTHS - 1.0).transpose(0, 2, 1)
        table = (1.0 + gains[..., None] * STAKES).reshape(-1, ADAPTIVE)
        payoffs = np.empty((*cells.shape, BETS))
        payoffs[..., :ADAPTIVE] = table.take(cells + self._rows * len(WIDTHS), axis=0)
        payoffs[..., ADAPTIVE:] = FIXED.take(fine, axis=0)
        return payoffs

    def by_score(self) -> Doubles:
        """Return each score's statistic: the mean over its bank. Shape: (scores,)."""
        mean: Doubles = (self.statistic * self.bank).sum(1)
        return mean

    def restart(self) -> None:
        """Forget the evidence, keep nothing learned."""
        self.statistic[:] = 0.0
        self.densities[:] = WIDTHS
