"""The one wrapper of watchers: nothing that a watcher does escapes it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sidecar.observer import panel
from sidecar.observer.instruments import Instruments
from sidecar.observer.panel import Panel
from tests.observer.traffic import Words, record
from watchers.watcher import Judgement, Record, Verdict


class Poisoned(Words):
    """Fails on any batch that holds the word."""

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        self.batches.append(len(records))
        if any(self.word in each.text for each in records):
            raise RuntimeError(f"cannot read {records[0].text}")
        return [self.judgement(0.0) for _ in records]

    def judgement(self, score: float) -> Judgement:
        return Judgement((Verdict(self.name, self.label, score, 0.5, False, self.model),))


class Liar(Poisoned):
    """Answers whatever it was made with."""

    def __init__(self, answers: Sequence[Judgement]) -> None:
        super().__init__("liar", "")
        self.labels: Mapping[str, float] = {}
        self.answers = answers

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        return list(self.answers)


def test_judgements_come_by_watcher_and_in_order() -> None:
    watchers = [Words("fruit", "apple"), Words("tool", "saw")]
    judged = Panel(watchers, Instruments()).judge([record("an apple"), record("I saw", 1)])
    flags = {name: [j.verdicts[0].flagged for j in judgements] for name, judgements in judged.items()}
    assert flags == {"fruit": [True, False], "tool": [False, True]}


def test_no_records_ask_no_watcher() -> None:
    watcher = Words("fruit", "apple")
    assert Panel([watcher], Instruments()).judge([]) == {"fruit": []}
    assert watcher.batches == []


def test_one_exchange_that_breaks_a_watcher_costs_the_others_nothing() -> None:
    instruments = Instruments()
    texts = [
        record("good", exchange="a"),
        record("poison", exchange="b"),
        record("x", 1, exchange="b"),
        record("good", exchange="c"),
    ]
    judged = Panel([Poisoned("p", "poison")], instruments).judge(texts)["p"]
    assert [judgement.skipped for judgement in judged] == [None, "error", "error", None]
    assert instruments.value("sidewatch_watcher_errors_total", ("p", "RuntimeError")) == 2


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [Judgement(), Judgement()],
        [Poisoned("liar", "x").judgement(1.5)],
        [Poisoned("liar", "x").judgement(float("nan"))],
    ],
    ids=["too few", "too many", "above one", "not a number"],
)
def test_an_answer_that_breaks_the_contract_is_an_error(answers: list[Judgement]) -> None:
    instruments = Instruments()
    (judgement,) = Panel([Liar(answers)], instruments).judge([record("text")])["liar"]
    assert (judgement.skipped, judgement.verdicts) == ("error", ())
    assert instruments.value("sidewatch_watcher_errors_total", ("liar", "WrongAnswerError")) == 1


def test_an_error_is_logged_once_a_class_and_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    watched = Panel([Poisoned("p", "secret text")], Instruments())
    for _ in range(3):
        watched.judge([record("secret text")])
    printed = capsys.readouterr().out
    assert printed.count("watcher failed") == 1
    assert "secret text" not in printed


def test_a_watcher_that_goes_on_failing_is_left_alone() -> None:
    watcher = Poisoned("p", "poison")
    watched = Panel([watcher, Words("w", "poison")], Instruments())
    for _ in range(20):
        judged = watched.judge([record("poison")])
    assert watcher.batches == [1] * 5
    assert judged["p"][0].skipped == "error"
    assert judged["w"][0].verdicts[0].flagged
    assert watched.resting == {"p"}


class ByText(Words):
    """Says that its judgements hang on the text alone."""

    by_text = True


def test_judgements_by_text_are_remembered_and_others_are_not() -> None:
    remembered, asked = ByText("fruit", "apple"), Words("tool", "saw")
    watched = Panel([remembered, asked], Instruments())
    first = watched.judge([record("an apple"), record("I saw", 1)])
    second = watched.judge([record("an apple", exchange="b"), record("I saw", 1, exchange="b"), record("new", 2)])
    assert remembered.batches == [2, 1]
    assert asked.batches == [2, 3]
    assert second["fruit"][:2] == first["fruit"]


def test_the_memory_of_judgements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "REMEMBERED", 2)
    watcher = ByText("fruit", "apple")
    watched = Panel([watcher], Instruments())
    for text in ("a", "b", "c", "b", "a"):
        watched.judge([record(text)])
    assert len(watcher.batches) == 4  # "b" was known, "a" had been forgotten


def test_what_rests_on_the_first_stage_is_not_remembered_for_those_who_want_all_read() -> None:
    class Screened(ByText):
        def watch(self, records: Sequence[Record]) -> list[Judgement]:
            return [replace(judgement, whole=False) for judgement in super().watch(records)]

    watcher = Screened("fruit", "apple")
    watched = Panel([watcher], Instruments())
    for whole in (False, False, True, True):
        watched.judge([record("an apple")], whole=whole)
    assert len(watcher.batches) == 3


def test_an_error_is_not_remembered() -> None:
    class Failing(Poisoned):
        by_text = True

    watcher = Failing("p", "poison")
    watched = Panel([watcher], Instruments())
    for _ in range(2):
        assert watched.judge([record("poison")])["p"][0].skipped == "error"
    assert len(watcher.batches) == 2
