"""Effect: literal divergences, the change point, and the bar that a daily cycle raises."""

import numpy as np
import pytest
from scipy import stats

from watchers.drift.bets import EDGES, WIDTHS
from watchers.drift.effect import (
    CELLS,
    CHI_SQUARE,
    Window,
    by_chance,
    change_point,
    excess_between_blocks,
    jensen_shannon,
    score_effects,
)


def test_jensen_shannon_of_literal_shares() -> None:
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(0.6931472)
    assert jensen_shannon(np.array([0.9, 0.1]), np.array([0.5, 0.5])) == pytest.approx(0.1017493, abs=1e-6)
    assert jensen_shannon(WIDTHS, WIDTHS) == pytest.approx(0.0)


def test_the_figure_of_chance_is_that_of_scipy() -> None:
    assert float(stats.chi2.isf(0.4, CELLS - 1)) == pytest.approx(CHI_SQUARE, rel=1e-14)


@pytest.mark.parametrize(
    ("samples", "below_1", "below_125", "below_2"),
    [(32, 0.703, 0.873, 0.995), (100, 0.618, 0.821, 0.990), (300, 0.531, 0.760, 0.985), (1000, 0.507, 0.729, 0.979)],
)
def test_what_chance_explains_of_unchanged_windows(
    samples: int, below_1: float, below_125: float, below_2: float
) -> None:
    """The unit of the effect is no test: a fifth of unchanged windows exceed the default factor, 1.25. Evidence is the test.

    Shares of 20,000 windows (measured on 200,000 others); four deviations are at most 0.014.
    """
    shares = np.random.default_rng(0).multinomial(samples, WIDTHS, 20_000) / samples
    effects = jensen_shannon(shares, WIDTHS) / by_chance(np.array(float(samples)))
    found = [(effects <= factor).mean() for factor in (1.0, 1.25, 2.0)]
    assert found == pytest.approx([below_1, below_125, below_2], abs=0.014)


def test_the_change_point_is_found_with_an_interval_around_it() -> None:
    rng = np.random.default_rng(1)
    p = np.concatenate([rng.random(300), rng.random(100) ** 3])
    first, best, last = change_point(np.searchsorted(EDGES, p).astype(np.int8))
    assert abs(best - 300) <= 15
    assert first <= 300 <= last


def test_a_daily_cycle_in_the_reference_raises_the_bar() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(600)
    cycle = 1.5 * np.sin(np.arange(600) * 2 * np.pi / 200)
    assert excess_between_blocks(noise) == 0.0
    assert excess_between_blocks(noise + cycle) > 0.05


def test_the_window_keeps_the_last_samples_in_order() -> None:
    window = Window(10, 1)
    p = np.linspace(0.01, 0.99, 25)[:, None]
    for start in range(0, 25, 5):
        window.add(np.searchsorted(EDGES, p[start : start + 5]), np.ones((5, 1), bool))
    assert window.last(4)[:, 0].tolist() == np.searchsorted(EDGES, p[-4:, 0]).tolist()


def test_too_few_samples_have_no_effect() -> None:
    assert score_effects(np.zeros((5, 2), np.int8), np.full(2, 99.0), np.zeros(2)).tolist() == [0.0, 0.0]
