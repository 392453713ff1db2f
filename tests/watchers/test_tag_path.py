"""The likeliest course through a stretch of words."""

import gc
import time

import numpy as np

from watchers.tag_path import courses

KINDS = 2


def made(*words: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Words as (B-0, I-0, B-1, I-1) probabilities; each may go on with the one before."""
    rows = np.array(words, np.float32)
    types = rows[:, 0::2] + rows[:, 1::2]
    goes_on = np.ones((len(rows), KINDS), bool)
    goes_on[0] = False
    return types, rows[:, 0::2], goes_on, KINDS


def test_two_words_that_both_look_like_beginnings_stay_one_entity() -> None:
    assert courses(*made((0.9, 0.05, 0, 0), (0.55, 0.35, 0, 0))).tolist() == [1, 3]


def test_a_sure_beginning_behind_an_entity_begins_another() -> None:
    assert courses(*made((0.9, 0.05, 0, 0), (0.95, 0.01, 0, 0))).tolist() == [1, 1]


def test_an_entity_has_one_type_from_end_to_end() -> None:
    # Alone the first word is a little more of type 0; together both are type 1.
    assert courses(*made((0.5, 0.0, 0.45, 0.0), (0.0, 0.1, 0.05, 0.8))).tolist() == [2, 4]


def test_only_a_beginning_starts_an_entity() -> None:
    assert courses(*made((0.01, 0.01, 0, 0), (0.1, 0.8, 0, 0))).tolist() == [0, 1]


def test_what_is_no_name_may_touch_an_entity_of_another_type() -> None:
    types, begins, goes_on, _ = made((0.9, 0.05, 0, 0), (0.05, 0.2, 0.05, 0.7), (0.05, 0.2, 0.05, 0.7))
    assert courses(types, begins, goes_on, 0).tolist() == [1, 2, 4]
    assert courses(types, begins, goes_on, 2).tolist() == [1, 3, 3]


def test_what_may_not_go_on_begins_anew() -> None:
    types, begins, goes_on, names = made((0.9, 0.05, 0, 0), (0.3, 0.6, 0, 0))
    goes_on[1] = False
    assert courses(types, begins, goes_on, names).tolist() == [1, 1]


def test_words_that_are_none_for_sure_are_left_out_and_nothing_is_nothing() -> None:
    assert courses(*made((0.0, 0.01, 0, 0), (0.9, 0, 0, 0), (0, 0, 0.01, 0), (0, 0, 0.8, 0.1))).tolist() == [0, 1, 0, 2]
    empty = np.zeros((0, KINDS), np.float32)
    assert courses(empty, empty, np.zeros((0, KINDS), bool), KINDS).tolist() == []


def test_the_course_takes_time_in_proportion_to_its_words() -> None:
    def seconds(words: int) -> float:
        arguments = made(*[(0.4, 0.4, 0.1, 0.0)] * words)
        best = float("inf")
        gc.disable()  # a full collection walks whatever other tests left behind
        for _ in range(3):
            began = time.process_time()
            courses(*arguments)
            best = min(best, time.process_time() - began)
        gc.enable()
        return best

    assert seconds(16_000) < 12 * seconds(2_000)  # 8 is linear, 64 quadratic
