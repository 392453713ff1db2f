import numpy as np
import pytest

from watchers import metrics

TRUTH = np.array([False, False, True, True])
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def test_auroc_counts_ordered_pairs_ties_half():
    assert metrics.auroc(TRUTH, SCORES) == 0.75
    assert metrics.auroc(TRUTH, np.zeros(4)) == 0.5
    assert np.isnan(metrics.auroc(np.ones(3, bool), np.ones(3)))


def test_average_precision_steps_over_recall():
    assert metrics.average_precision(TRUTH, SCORES) == pytest.approx(0.8333, abs=1e-4)
    assert metrics.average_precision(TRUTH, np.zeros(4)) == 0.5


def test_f1():
    assert metrics.f1(np.array([True, True, False]), np.array([True, False, True])) == 0.5


def test_recall_at_a_false_positive_rate():
    truth = np.array([False] * 100 + [True] * 4)
    scores = np.concatenate([np.arange(100) / 100, [0.5, 0.985, 0.995, 1.0]])
    assert metrics.recall_at(truth, scores, 0.01) == 0.75
    assert metrics.recall_at(truth, scores, 0.001) == 0.5


def test_quantile_leaves_at_most_the_rate_above():
    scores = np.arange(1000) / 1000
    assert metrics.quantile(scores, 0.01) == 0.989
    assert metrics.quantile(scores, 0.01, np.where(scores < 0.5, 1.0, 1e-9)) == 0.495


def test_calibration_error_is_the_gap_between_said_and_seen():
    assert metrics.calibration_error(np.ones(100), np.full(100, 0.9)) == pytest.approx(0.1)
    assert metrics.calibration_error(np.repeat([0.0, 1.0], 50), np.full(100, 0.5), bins=1) == 0.0


def test_intervals_hold_the_figure():
    rng = np.random.default_rng(1)
    truth = rng.random(300) < 0.5
    low, high = metrics.interval(truth, truth + rng.normal(0, 1, 300), metrics.auroc)
    assert low < metrics.auroc(truth, truth + rng.normal(0, 1, 300)) + 0.05
    assert 0.6 < low < high < 0.9


def test_a_conformal_threshold_keeps_its_guarantee():
    rng = np.random.default_rng(0)
    reached = [(rng.random(2000) >= metrics.conformal_threshold(rng.random(199), 0.01)).mean() for _ in range(300)]
    assert np.mean(reached) == pytest.approx(0.01, abs=0.002)


def test_too_few_texts_for_a_rate_are_refused():
    with pytest.raises(ValueError, match="at least 99 are needed"):
        metrics.conformal_threshold(np.zeros(98), 0.01)
    assert metrics.conformal_threshold(np.arange(99.0), 0.01) > 98
