"""Exported classifiers by configuration: three families, both tasks, windows, mappings, and files that are wrong."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.watchers.exports import export
from watchers.onnx_classifier import OnnxClassifier, make
from watchers.registry import Order, build
from watchers.watcher import Direction, Judgement, Origin, Record, Role, WatcherError

FAMILIES = ("bert", "roberta", "deberta-v2")


def record(text: str, origin: Origin = Origin.USER, direction: Direction = Direction.PROMPT) -> Record:
    return Record("x", 0, text, Role.USER, origin, direction)


def watcher(folder: Path, **options: object) -> OnnxClassifier:
    made = make(Order("mine", options={"path": str(folder), **options}))
    assert isinstance(made, OnnxClassifier)
    return made


def scores(judgement: Judgement) -> dict[str, float]:
    return {verdict.label: round(verdict.score, 2) for verdict in judgement.verdicts}


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_text_classifier_of_each_family(kind: str, tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, kind), ignore=["neutral"])
    bad, good, plain = mine.watch([record("you are awful"), record("you are nice"), record("you are in paris")])
    assert [verdict.label for verdict in bad.verdicts if verdict.flagged] == ["toxic"]
    assert [verdict.label for verdict in good.verdicts if verdict.flagged] == ["kind"]
    assert [verdict.label for verdict in plain.verdicts if verdict.flagged] == []
    assert scores(bad)["toxic"] > 0.95
    assert scores(plain)["toxic"] < 0.1


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_token_classifier_of_each_family(kind: str, tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, kind, tokens=True), labels={"LOC": "place"})
    text = "you are in paris"
    verdicts = mine.watch([record(text)])[0].verdicts
    assert list(mine.labels) == ["place"]
    assert [text[span.start : span.end].strip() for span in verdicts[0].spans] == ["paris"]
    assert verdicts[0].flagged


def test_several_labels_at_once_are_a_sigmoid_each(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "deberta-v2", problem_type="multi_label_classification"))
    found = mine.watch([record("you are awful nice")])[0]
    assert [verdict.label for verdict in found.verdicts if verdict.flagged] == ["neutral", "toxic", "kind"]
    assert sum(
        scores(watcher(tmp_path, activation="softmax").watch([record("you are awful nice")])[0]).values()
    ) == pytest.approx(1, abs=0.02)


def test_a_window_far_into_a_long_text_is_read_and_is_the_evidence(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "bert"), ignore=["neutral"])
    text = "a word " * 100 + "awful " + "a word " * 50
    judgement = mine.watch([record(text)])[0]
    verdict = judgement.verdicts[0]
    assert (verdict.label, verdict.flagged, judgement.skipped) == ("toxic", True, None)
    assert "awful" in text[verdict.spans[0].start : verdict.spans[0].end]
    assert verdict.spans[0].end - verdict.spans[0].start < 200


def test_past_the_budget_is_skipped_and_said(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "bert"), budget_tokens=50)
    judgement = mine.watch([record("a word " * 100 + "awful" + " a word" * 100)])[0]
    assert judgement.skipped == "budget"
    assert scores(judgement)["toxic"] < 0.1


@pytest.mark.parametrize("tokens", [60, 20])
def test_head_and_tail_of_a_text_past_its_budget_are_read_first(tokens: int, tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "bert"), budget_tokens=tokens, window_tokens=12)
    for text in ("awful " + "a word " * 5_000, "a word " * 5_000 + "awful"):
        judgement = mine.watch([record(text)])[0]
        (span,) = next(verdict for verdict in judgement.verdicts if verdict.label == "toxic").spans
        assert (judgement.skipped, "awful" in text[span.start : span.end]) == ("budget", True)


def test_the_exchanges_own_budget_holds_too(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "bert"), window_tokens=12)
    text = "a word " * 50 + "awful" + " a word" * 50
    whole, some, nothing = mine.watch([replace(record(text), budget_tokens=most) for most in (None, 20, 0)])
    assert (whole.skipped, scores(whole)["toxic"] > 0.9) == (None, True)
    assert (some.skipped, scores(some)["toxic"] < 0.1) == ("budget", True)
    assert (nothing.skipped, nothing.verdicts) == ("budget", ())


@pytest.mark.parametrize("options", [{"budget_tokens": 0}, {"threads": 0}, {"window_tokens": 0}, {"threshold": 2}])
def test_numbers_that_make_no_sense_are_refused(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(WatcherError, match=next(iter(options))):
        watcher(export(tmp_path, "bert"), **options)


def test_only_the_roles_and_the_direction_that_are_named_are_read(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "bert"), origins=["completion"], direction="completion")
    prompt, answer, empty = mine.watch(
        [
            record("awful"),
            record("awful", Origin.COMPLETION, Direction.COMPLETION),
            record("", Origin.COMPLETION, Direction.COMPLETION),
        ]
    )
    assert prompt.skipped == "not_applicable"
    assert scores(answer)["toxic"] > 0.9
    assert empty.skipped == "empty"


def test_thresholds_by_our_names_and_a_common_one(tmp_path: Path) -> None:
    order = Order(
        "mine",
        options={"path": str(export(tmp_path, "bert")), "labels": {"toxic": "rude"}, "threshold": 0.3},
        thresholds={"rude": 0.9},
    )
    assert make(order).labels == {"neutral": 0.3, "rude": 0.9, "kind": 0.3}


def test_the_same_verdicts_in_any_batch_and_order(tmp_path: Path) -> None:
    mine = watcher(export(tmp_path, "roberta"))
    records = [
        record(text) for text in ("you are awful", "a", "nice " * 60, "😀 you", "the word is nice", "paris " * 9)
    ]
    alone = [scores(mine.watch([one])[0]) for one in records]
    shuffled = random.Random(2).sample(range(len(records)), len(records))
    mixed = mine.watch([records[place] for place in shuffled])
    assert [scores(mixed[shuffled.index(place)]) for place in range(len(records))] == alone


def test_the_registry_makes_it_under_any_name(tmp_path: Path) -> None:
    from sidecar.settings import WatcherSettings

    settings = {
        "manners": WatcherSettings(
            type="onnx", options={"path": str(export(tmp_path, "bert"))}, thresholds={"toxic": 0.8}
        )
    }
    made = build(["manners"], settings)[0]
    assert (made.name, made.labels["toxic"], len(made.model)) == ("manners", 0.8, 12)


def spoil(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def rewrite(**entries: object) -> Callable[[Path], object]:
    def change(raw: bytes) -> bytes:
        return json.dumps({**json.loads(raw), **entries}).encode()

    return spoil("config.json", change)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "has no model.onnx or model_quantized.onnx"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json: cannot be read: No such file"),
        (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read: No such file"),
        (spoil("model.onnx", lambda raw: raw[: len(raw) // 2]), "onnxruntime cannot load it"),
        (spoil("model.onnx", lambda _: b"no model"), "onnxruntime cannot load it"),
        (spoil("tokenizer.json", lambda raw: raw[:100]), "is no tokenizer"),
        (spoil("config.json", lambda raw: raw[:-1]), "is no JSON"),
        (spoil("config.json", lambda _: b"[]"), "expected an object"),
        (rewrite(id2label=None), "has no id2label"),
        (rewrite(id2label={"1": "a", "2": "b"}), "must number its labels from 0"),
        (rewrite(id2label={"0": "a", "1": "b"}), "answers with shape (1, 3), expected (windows, 2)"),
        (rewrite(vocab_size=5), "they are not of one model"),
        (rewrite(max_position_embeddings=2), "has no room for text"),
    ],
)
def test_files_that_are_wrong_stop_the_start(wrong: Callable[[Path], object], expected: str, tmp_path: Path) -> None:
    wrong(export(tmp_path, "bert"))
    with pytest.raises(WatcherError) as raised:
        watcher(tmp_path)
    assert expected in str(raised.value)


def test_a_model_with_strange_inputs_says_which(tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(export(tmp_path, "bert") / "model.onnx"))
    model.graph.input[2].name = "pixel_values"
    onnx.save(model, str(tmp_path / "model.onnx"))
    with pytest.raises(WatcherError, match="pixel_values"):
        watcher(tmp_path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return watcher(export(tmp_path_factory.mktemp("tiny"), "deberta-v2", tokens=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["paris ", "in ", "\ud800", "é", "😀", "\u200b"])), st.text())
def test_no_text_raises_and_spans_lie_inside(tiny: OnnxClassifier, pieces: list[str], rest: str) -> None:
    text = "".join(pieces) + rest
    for verdict in tiny.watch([record(text)])[0].verdicts:
        assert all(0 <= span.start < span.end <= len(text) for span in verdict.spans)


def test_ten_megabytes_are_bounded(tiny: OnnxClassifier) -> None:
    assert tiny.watch([record("in paris " * 1_200_000)])[0].skipped == "budget"
