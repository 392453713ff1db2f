"""Measures against figures worked out by hand."""

import numpy as np
import pytest

from watchers.drift import measures


def test_population_stability_of_literal_counts() -> None:
    # (0.4 - 0.5) ln(0.4 / 0.5) + (0.6 - 0.5) ln(0.6 / 0.5)
    assert measures.population_stability(np.array([50.0, 50.0]), np.array([40.0, 60.0])) == pytest.approx(0.0405465)


def test_frechet_distance_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((20_000, 2)), 2.0 * rng.standard_normal((20_000, 2)) + np.array([3.0, 0.0])
    assert measures.frechet(a, b) == pytest.approx(9.0 + 2.0, abs=0.2)


def test_mmd_is_zero_on_average_for_one_distribution_and_large_for_two() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((900, 5))
    features = measures.fourier_features(rows, rows)
    shifted = measures.fourier_features(rows + 1.0, rows)
    assert abs(measures.mmd_squared(features[:450], features[450:])) < 0.004
    assert measures.mmd_squared(features[:450], shifted[450:]) > 0.05
    assert measures.permutation_p_value(features[:200], shifted[200:400]) == 0.005
    assert measures.mmd_squared(features[:450], features[450:]) < measures.natural_mmd(features, 450)


def test_sliced_wasserstein_of_a_shift() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((500, 1))
    assert measures.sliced_wasserstein(rows, rows + 2.0) == pytest.approx(2.0)


def test_quantile_bins_hold_equal_shares_and_collapse_for_a_constant() -> None:
    values = np.arange(100.0)
    edges = measures.quantile_edges(values, 4)
    assert measures.histogram(values, edges).tolist() == [25, 25, 25, 25]
    assert measures.quantile_edges(np.full(50, 3.0)).tolist() == [3.0]


def test_benjamini_hochberg_adjusts_in_order() -> None:
    assert measures.benjamini_hochberg([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert measures.benjamini_hochberg([]).tolist() == []
