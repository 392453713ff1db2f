"""The bets' promise, in simulation: alarms no sooner than promised, for as long as one cares to watch."""

import numpy as np
import pytest
from scipy.stats import binom

from watchers.drift.bets import BETS, COARSE_CELL, FINE_EDGES, Evidence
from watchers.drift.ranks import Ranks


def first_alarms(
    streams: int, samples: int, reference: int, promised: float, seed: int, shift: int = 10**9
) -> np.ndarray:
    """Watch many streams of one score each, side by side; return each one's first alarm (infinite: none)."""
    rng = np.random.default_rng(seed)
    bag, bets = Ranks(np.full(streams, -8.0), np.full(streams, 8.0)), Evidence(np.zeros(streams, bool))
    seen = np.ones((reference, streams), bool)
    bag.add(bag.bins(rng.standard_normal((reference, streams))), seen, np.zeros(reference, int))
    found = np.full(streams, np.inf)
    for start in range(0, samples, 8):
        bins = bag.bins(rng.standard_normal((8, streams)) + (start >= shift))
        p = bag.p_values(bins, seen[:8], rng.random((8, streams)), np.zeros(8, int))
        bag.add(bins, seen[:8], np.zeros(8, int))
        bets.update(p, seen[:8])
        found[(bets.by_score() / 2 >= promised) & np.isinf(found)] = start + 8
    return found


def most(streams: int, share: float) -> int:
    """Return how many of independent streams alarm at most, but for one chance in 1,000, where each does with that chance.

    Streams that alarm as seldom as they do here (a fifth to a half of the bound) break it in less than one of 10^9 seeds.
    """
    return int(binom.isf(1e-3, streams, share))


@pytest.mark.parametrize("reference", [20, 200])
def test_false_alarms_come_no_sooner_than_promised(reference: int) -> None:
    found = first_alarms(400, 3000, reference, promised=1000.0, seed=reference)
    for t in (200, 500, 1000):  # of the theorem: a chance of at most t / 2c
        assert (found <= t).sum() <= most(400, t / 2000)
    assert np.minimum(found, 3000).mean() >= 1000


def test_alarms_within_a_fiftieth_of_the_promise_are_as_rare_as_the_theorem_says() -> None:
    found = first_alarms(2000, 400, 300, promised=10_000.0, seed=7)
    assert (found <= 400).sum() <= most(2000, 400 / 20_000)


def test_the_promise_is_not_kept_by_alarming_never() -> None:
    assert np.isfinite(first_alarms(400, 3000, 200, promised=100.0, seed=5)).mean() > 0.5


def test_a_shift_of_one_deviation_is_found_within_40_samples() -> None:
    found = first_alarms(50, 600, 300, promised=10_000.0, seed=3, shift=400)
    assert np.median(found - 400) <= 40
    assert (found <= 400).sum() <= 1  # the theorem's mean: 50 streams x 400 samples / 20,000


def test_every_bet_is_fair() -> None:
    bets = Evidence(np.array([False]))
    rng = np.random.default_rng(0)
    bets.update(rng.beta(0.5, 1.0, (300, 1)), np.ones((300, 1), bool))
    # The integral over (0, 1) of each bet must be 1: payoffs are constant in a cell.
    fine = np.arange(len(FINE_EDGES) + 1)[:, None]
    widths = np.diff(np.concatenate([[0.0], FINE_EDGES, [1.0]]))
    payoffs = bets._payoffs(fine, COARSE_CELL[fine])[:, 0]
    assert widths @ payoffs == pytest.approx(np.ones(BETS), abs=1e-12)
    assert payoffs.min() > 0
    assert payoffs[0].max() > 100  # what was learned, and what was bet on from the start, pays


def test_every_bank_is_one_bettors_wealth() -> None:
    both, low = Evidence(np.array([False, True])).bank
    assert (both.sum(), low.sum()) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (low == 0).sum() == 6


def test_a_score_that_is_missing_stands_still() -> None:
    bets = Evidence(np.zeros(2, bool))
    bets.update(np.full((4, 2), 0.01), np.array([[True, False]] * 4))
    assert bets.by_score()[0] > 10
    assert bets.by_score()[1] == 0.0
