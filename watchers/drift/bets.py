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

from watchers.drift.ranks import Doubles

# Cells of the adaptive bets: fine at both ends, where a rare new kind of traffic shows first.
EDGES = np.array([0.004, 0.015, 0.04, 0.1, 0.22, 0.4, 0.6, 0.78, 0.9, 0.96, 0.985, 0.996])
WIDTHS = np.diff(np.concatenate([[0.0], EDGES, [1.0]]))
# Memory of the adaptive bets, in samples, and the share of the wealth that they stake.
MEMORY = np.array([40.0, 160.0, 640.0, 2560.0])
STAKES = np.array([0.3, 0.8])
POWERS = np.array([0.35, 0.65])  # fixed bets k p^(k-1) on small p-values
CEILING = 1e250


class Evidence:
    """One bank of bets a score, and their Shiryaev-Roberts statistics.

    Shapes: `statistic` (scores, bets); `densities` (scores, memories, cells).
    """

    def __init__(self, scores: int) -> None:
        bets = len(MEMORY) * len(STAKES) + 2 * len(POWERS)
        self.statistic = np.zeros((scores, bets))
        self.densities = np.broadcast_to(WIDTHS, (scores, len(MEMORY), len(WIDTHS))).copy()
        self._rows = np.arange(scores)
        self._rate = 1.0 / MEMORY

    def update(self, p_values: Doubles, seen: NDArray[np.bool_]) -> None:
        """Bet, then learn. A score that the sample does not have stands still. Shapes: (scores,)."""
        cells = np.searchsorted(EDGES, p_values)
        payoffs = self._payoffs(p_values, cells)
        grown = np.minimum((1.0 + self.statistic) * payoffs, CEILING)
        self.statistic = np.where(seen[:, None], grown, self.statistic)
        rate = self._rate * seen[:, None]
        self.densities *= (1.0 - rate)[:, :, None]
        self.densities[self._rows, :, cells] += rate

    def _payoffs(self, p_values: Doubles, cells: NDArray[np.intp]) -> Doubles:
        learned = self.densities[self._rows, :, cells] / WIDTHS[cells][:, None]
        adaptive = 1.0 + (learned[:, :, None] - 1.0) * STAKES
        p = np.clip(p_values, 1e-12, 1 - 1e-12)[:, None]
        low = POWERS * p ** (POWERS - 1.0)
        high = POWERS * (1.0 - p) ** (POWERS - 1.0)
        return np.concatenate([adaptive.reshape(len(p), -1), low, high], axis=1)

    def by_score(self) -> Doubles:
        """Return each score's statistic: the average over its bank. Shape: (scores,)."""
        mean: Doubles = self.statistic.mean(1)
        return mean

    def restart(self) -> None:
        """Forget the evidence, keep nothing learned."""
        self.statistic[:] = 0.0
        self.densities[:] = WIDTHS
