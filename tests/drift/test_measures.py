"""Measures against figures worked out by hand, and against scipy's."""

import numpy as np
import pytest
from scipy import linalg, stats

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


@pytest.mark.parametrize("sizes", [(40, 40), (200, 35), (3, 1000)])
def test_one_dimensional_distances_are_those_of_scipy(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.3, 2.0):
        a, b = rng.standard_normal(sizes[0]), np.round(rng.standard_normal(sizes[1]) + shift, 1)
        assert measures._wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))
        found, p_value = measures.kolmogorov_smirnov(a, b)
        expected = stats.ks_2samp(a, b, method="exact")
        assert found == pytest.approx(expected.statistic)
        # A limit: it is off by what scipy's own asymptotic value is off, and by less where it matters, below 0.1.
        assert p_value == pytest.approx(expected.pvalue, abs=0.07)
        if min(sizes) > 10 and 1e-6 < expected.pvalue < 0.1:
            assert p_value == pytest.approx(expected.pvalue, rel=0.35)


def test_equal_samples_do_not_differ() -> None:
    same = np.arange(30.0)
    assert measures.kolmogorov_smirnov(same, same) == (0.0, 1.0)
    assert measures._wasserstein(same, same) == 0.0


def test_frechet_distance_is_the_one_of_a_matrix_root() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((60, 6)) @ rng.standard_normal((6, 6)), rng.standard_normal((80, 6)) + 1.0
    first, second = np.cov(a.T), np.cov(b.T)
    gap = a.mean(0) - b.mean(0)
    expected = gap @ gap + np.trace(first) + np.trace(second) - 2.0 * np.trace(linalg.sqrtm(first @ second).real)
    assert measures.frechet(a, b) == pytest.approx(expected)


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p_values = np.random.default_rng(5).random(20) ** 4
    assert measures.benjamini_hochberg(list(p_values)) == pytest.approx(stats.false_discovery_control(p_values))
