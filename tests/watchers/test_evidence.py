"""What a score hangs on, told by sums of weights instead of an encoder."""

import pytest

from watchers.evidence import TOGETHER, guided, occluded


def reading(weights, calls, most=1.0):
    """A score that is the sum of its parts' weights, `most` at most, so that parts may say the same."""

    def scored(choices):
        calls.extend(choices)
        return [min(most, sum(weights[part] for part in chosen)) for chosen in choices]

    return scored


def test_one_weighty_part_costs_one_pass_where_the_order_is_right():
    calls = []
    assert guided([3, 0, 1, 2], 4, 0.9, reading([0, 0, 0, 0.9], calls)) == [(3, 0.9)]
    assert calls == [[0, 1, 2]]


def test_a_part_that_can_be_put_back_is_no_evidence():
    calls = []
    assert guided([0, 3, 1, 2], 4, 0.9, reading([0, 0, 0, 0.9], calls)) == [(3, 0.9)]
    assert len(calls) == 4


@pytest.mark.parametrize("find", [occluded, lambda *given: guided([1, 3, 0, 2], *given)])
def test_parts_that_say_the_same_are_found_together(find):
    found = find(4, 0.8, reading([0.0, 0.8, 0.0, 0.8], [], most=0.8))
    assert [part for part, _ in found] == [1, 3]
    assert [fall for _, fall in found] == pytest.approx([0.8, 0.8])


def test_what_hangs_on_everything_names_the_parts_that_weigh_most():
    calls = []
    found = guided(list(range(12)), 12, 1.0, reading([0.3] + [0.02] * 5 + [0.1] * 6, calls))
    assert found == [(0, pytest.approx(0.3))]
    assert len(calls) <= 2 * TOGETHER


def test_a_score_that_hangs_on_nothing_names_the_likeliest_part():
    assert guided([2, 0, 1], 3, 0.9, lambda choices: [0.9] * len(choices)) == [(2, 0.0)]


@pytest.mark.parametrize("find", [occluded, lambda *given: guided([0, 1, 2], *given)])
def test_where_no_pass_can_be_had_there_is_no_evidence(find):
    assert find(3, 0.9, lambda choices: [None] * len(choices)) == []
