"""Ranks: exact, independent and uniform, whatever the ties, run by run or one by one."""

import numpy as np
import pytest
from scipy import stats

from watchers.drift.ranks import Ranks


def ranks(scores: int = 1, strata: int = 1) -> Ranks:
    return Ranks(np.zeros(scores), np.full(scores, 256.0), strata)


def feed(bag: Ranks, values: np.ndarray, uniforms: np.ndarray, run: int) -> np.ndarray:
    """Rank and add samples (samples, scores) in runs of a length."""
    found = []
    for start in range(0, len(values), run):
        bins = bag.bins(values[start : start + run])
        seen, strata = np.ones(bins.shape, bool), np.zeros(len(bins), int)
        found.append(bag.p_values(bins, seen, uniforms[start : start + run], strata))
        bag.add(bins, seen, strata)
    return np.concatenate(found)


def test_a_p_value_is_the_share_of_the_bag_that_scores_higher() -> None:
    bag = ranks()
    p = feed(bag, np.array([[10.0], [30.0], [20.0], [40.0], [20.0]]), np.full((5, 1), 0.5), 1)
    assert p[:, 0].tolist() == pytest.approx([0.5, 0.25, 0.5, 0.125, 0.6])


@pytest.mark.parametrize("run", [2, 3, 8, 64])
def test_runs_of_any_length_give_the_same_p_values(run: int) -> None:
    rng = np.random.default_rng(0)
    values, uniforms = rng.integers(0, 40, (64, 3)).astype(float), rng.random((64, 3))
    assert np.array_equal(feed(ranks(3), values, uniforms, run), feed(ranks(3), values, uniforms, 1))


def test_p_values_are_uniform_and_independent_however_long() -> None:
    rng = np.random.default_rng(1)
    p = feed(ranks(), rng.gamma(2.0, 20.0, (6000, 1)), rng.random((6000, 1)), 8)[:, 0]
    assert stats.kstest(p, "uniform").pvalue > 0.05
    assert abs(np.corrcoef(p[:-1], p[1:])[0, 1]) < 0.03


def test_a_constant_score_still_gives_uniform_p_values() -> None:
    rng = np.random.default_rng(2)
    p = feed(ranks(), np.full((3000, 1), 7.0), rng.random((3000, 1)), 8)[:, 0]
    assert stats.kstest(p, "uniform").pvalue > 0.05


def test_strata_are_ranked_apart() -> None:
    bag = ranks(1, 2)
    high = np.full((4, 1), 200, int)
    bag.add(high, np.ones((4, 1), bool), np.zeros(4, int))
    p = bag.p_values(np.array([[10]]), np.ones((1, 1), bool), np.full((1, 1), 0.5), np.array([1]))
    assert p[0, 0] == 0.5


def test_a_missing_score_leaves_its_bag_alone() -> None:
    bag = ranks(2)
    bag.add(np.array([[5, 9]]), np.array([[True, False]]), np.array([0]))
    assert bag.size().tolist() == [1, 0]
