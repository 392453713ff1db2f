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

# Cells of the adaptive bets: fine at both ends, where a rare new kind of traffic shows first.
EDGES = np.array([0.001, 0.004, 0.015, 0.05, 0.12, 0.25, 0.5, 0.75, 0.88, 0.95, 0.985, 0.996, 0.999])
WIDTHS = np.diff(np.concatenate([[0.0], EDGES, [1.0]]))
# Memory of the adaptive bets, in samples, and the share of the wealth that they stake.
MEMORY = np.array([50.0, 200.0, 1000.0])
STAKES = np.array([0.25, 0.75])
POWERS = np.array([0.3, 0.55, 0.8])  # fixed bets k p^(k-1) on small p-values, and on large ones
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

    def update(self, p_values: Doubles, seen: Flags) -> None:
        """Bet on a run of samples, then learn from it. A score that a sample lacks stands still.

        Shapes: (samples, scores). The adaptive bets stay the same within a run, so that they never see it.
        """
        cells = np.searchsorted(EDGES, p_values)
        payoffs = np.where(seen[..., None], self._payoffs(p_values, cells), 1.0)
        for started, payoff in zip(seen[..., None].astype(np.float64), payoffs, strict=True):
            self.statistic = (started + self.statistic) * payoff
        np.minimum(self.statistic, CEILING, out=self.statistic)
        self._learn(cells, seen)

    def _learn(self, cells: NDArray[np.intp], seen: Flags) -> None:
        counts = np.zeros((len(self._rows), len(WIDTHS)))
        np.add.at(counts, (self._rows, cells), seen)
        total = counts.sum(1)
        kept = (1.0 - self._rate) ** total[:, None]
        shares = counts / np.maximum(total, 1.0)[:, None]
        self.densities = self.densities * kept[..., None] + (1.0 - kept)[..., None] * shares[:, None]

    def _payoffs(self, p_values: Doubles, cells: NDArray[np.intp]) -> Doubles:
        """Shape: (samples, scores, bets)."""
        learned = self.densities[self._rows[:, None], np.arange(len(MEMORY)), cells[..., None]]
        gain = learned / WIDTHS[cells][..., None] - 1.0
        adaptive = (1.0 + gain[..., None] * STAKES).reshape(*p_values.shape, -1)
        p = np.minimum(np.maximum(p_values, 1e-12), 1 - 1e-12)
        logs = np.log(np.stack([p, 1.0 - p], axis=-1))
        fixed = (POWERS * np.exp(logs[..., None] * (POWERS - 1.0))).reshape(*p_values.shape, -1)
        return np.concatenate([adaptive, fixed], axis=-1)

    def by_score(self) -> Doubles:
        """Return each score's statistic: the average over its bank. Shape: (scores,)."""
        mean: Doubles = self.statistic.mean(1)
        return mean

    def restart(self) -> None:
        """Forget the evidence, keep nothing learned."""
        self.statistic[:] = 0.0
        self.densities[:] = WIDTHS
