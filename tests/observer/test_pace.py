"""How deep is read, by how long exchanges wait."""

import pytest

from sidecar.observer.pace import Pace
from sidecar.settings import Observer
from watchers.cascade import Depth


@pytest.mark.parametrize(
    ("first_stage", "waiting", "age_seconds", "depth"),
    [
        ("off", 1_999, 900.0, Depth.FULL),
        ("auto", 0, 0.0, Depth.FULL),
        ("auto", 900, 1.9, Depth.FULL),
        ("auto", 0, 2.1, Depth.CASCADE),
        ("auto", 0, 10.1, Depth.ALONE),
        ("auto", 1_001, 0.1, Depth.ALONE),
        ("always", 0, 0.0, Depth.CASCADE),
        ("always", 0, 10.1, Depth.ALONE),
    ],
)
def test_the_more_waits_the_less_is_read(first_stage, waiting, age_seconds, depth):
    assert Pace(Observer(first_stage=first_stage)).depth(waiting, age_seconds) is depth


def test_the_sample_is_the_share_that_was_asked_for():
    draws = iter([0.0, 0.0099, 0.01, 0.5])
    pace = Pace(Observer(first_stage_sample=0.01), draw=lambda: next(draws))
    assert [pace.sampled() for _ in range(4)] == [True, True, False, False]
