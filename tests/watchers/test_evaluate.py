import json

import numpy as np
import pytest

from watchers.evaluate import calibrate, evaluate, record, score
from watchers.watcher import Direction, Judgement, Origin, Role, Skip, Verdict


class Shouting:
    """A watcher as simple as one can be: the share of capitals."""

    name, model, labels = "shouting", "1", {"loud": 0.5}

    def watch(self, records):
        return [self._judge(one.text) for one in records]

    def _judge(self, text):
        if not text:
            return Judgement(skipped=Skip.EMPTY)
        share = sum(map(str.isupper, text)) / len(text)
        return Judgement((Verdict("shouting", "loud", share, 0.5, share >= 0.5, "1"),))


ROWS = [
    {"text": "AAAA", "labels": {"loud": 1}, "slice": "a"},
    {"text": "AAAb", "labels": {"shouting/loud": 1}, "slice": "b"},
    {"text": "Abbb", "labels": {"loud": 0}, "slice": "a"},
    {"text": "bbbb", "labels": {"loud": 0}, "slice": "b"},
    {"text": "AAAA", "labels": {}},
    {"text": "", "labels": {"loud": 0}},
]


def test_figures_over_all_rows_and_slices():
    report = evaluate(ROWS, [Shouting()])
    lines = {line.slice: line for line in report.lines}
    assert (lines["all"].rows, lines["all"].positives) == (4, 2)
    assert lines["all"].figures["auroc"] == 1.0
    assert lines["all"].figures["f1"] == 1.0
    assert lines["all"].figures["false_positives"] == 0.0
    assert lines["slice=a"].rows == 2
    assert lines["length=short"].rows == 4
    assert report.unjudged == 1


def test_reports_as_text_and_json():
    report = evaluate(ROWS, [Shouting()])
    assert "shouting/loud" in report.as_text()
    assert json.loads(report.as_json())["lines"][0]["figures"]["auroc"] == 1.0
    assert "NaN" not in report.as_json()


def test_minimum_figures_for_an_exit_code():
    report = evaluate(ROWS, [Shouting()])
    assert report.below({"shouting/loud": {"auroc": 0.9}}) == []
    assert report.below({"shouting/loud": {"auroc": 1.1}, "x/y": {"auroc": 0.1}}) == [
        "shouting/loud: auroc is 1.0000, at least 1.1 asked",
        "x/y: auroc is nan, at least 0.1 asked",
    ]


def test_rows_say_who_speaks():
    assert record({"text": "x"}, 0).origin is Origin.USER
    assert record({"text": "x", "role": "tool"}, 0).origin is Origin.TOOL_RESULT
    assert record({"text": "x", "role": "assistant"}, 0).direction is Direction.COMPLETION
    assert record({"text": "x", "role": "assistant", "origin": "history"}, 0).role is Role.ASSISTANT
    with pytest.raises(ValueError, match="nobody"):
        record({"text": "x", "role": "nobody"}, 0)


def test_what_is_not_judged_is_nan():
    scores = score(Shouting(), [record(row, 0) for row in ROWS])["loud"]
    assert np.isnan(scores[5])
    assert scores[0] == 1.0


def test_calibrate_keeps_its_guarantee():
    rng = np.random.default_rng(0)
    exceeded = [(rng.random(2000) >= calibrate(rng.random(199), 0.01)).mean() for _ in range(300)]
    assert np.mean(exceeded) == pytest.approx(0.01, abs=0.002)


def test_calibrate_refuses_too_few_texts():
    with pytest.raises(ValueError, match="at least 99 are needed"):
        calibrate(np.zeros(98), 0.01)
    assert calibrate(np.arange(99.0), 0.01) > 98
