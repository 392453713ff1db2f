"""Figures of an evaluation against values worked out by hand."""

import numpy as np
import pytest

from watchers.evaluation import columns, curve, evaluate, reliability

TRUTH = np.array([1.0, 1, 1, 1, 1, 0, 0, 0, 0, 0])
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.65, 0.2, 0.2, 0.1, 0.1])


def test_figures_of_a_small_set_are_those_worked_out_by_hand():
    (found,) = evaluate("toxicity/insult", 0.6, TRUTH, SCORES, {})
    value = {name: figure.value for name, figure in found.figures.items()}
    assert (found.slice, found.rows, found.positives) == ("all", 10, 5)
    assert value["auroc"] == pytest.approx(23 / 25)
    assert value["f1"] == pytest.approx(8 / 10)
    assert value["false_positive_rate"] == pytest.approx(0.2)
    assert value["recall_at_1%"] == pytest.approx(0.6)
    assert value["average_precision"] == pytest.approx((1 + 1 + 1 + 4 / 5 + 5 / 6) / 5)


def test_intervals_hold_the_value():
    (found,) = evaluate("x", 0.6, TRUTH, SCORES, {})
    figure = found.figures["auroc"]
    assert figure.low <= figure.value <= figure.high
    assert figure.low < figure.high


def test_a_slice_without_enough_of_both_kinds_is_left_out():
    rows = [{"kind": "a"}] * 10
    masks = columns(rows, ["kind"]) | {"half": TRUTH > 0}
    assert [found.slice for found in evaluate("x", 0.5, TRUTH, SCORES, masks)] == ["all", "kind=a"]


def test_truth_of_one_kind_has_no_figures_that_need_both():
    (found,) = evaluate("x", 0.5, np.zeros(10), SCORES, {})
    assert np.isnan(found.figures["auroc"].value)
    assert found.figures["false_positive_rate"].value == pytest.approx(0.5)


def test_a_curve_takes_equal_scores_together():
    false, recall, precision = curve(np.array([True, False, True]), np.array([0.5, 0.5, 0.1]))
    assert (false.tolist(), recall.tolist(), precision.tolist()) == ([1.0, 1.0], [0.5, 1.0], [0.5, 2 / 3])


def test_reliability_leaves_empty_bins_out():
    assert reliability(np.array([True, False, True]), np.array([0.05, 0.05, 1.0])) == [(0.05, 0.5, 2), (1.0, 1.0, 1)]
