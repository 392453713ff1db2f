"""The first stage: what it doubts, marks, refuses to clear, and what a hostile text costs it."""

import time
from itertools import pairwise

import numpy as np
import pytest

from tests.watchers.first_stages import made, parts
from watchers import first_stage
from watchers.first_stage import STEP, WORDS, Vocabulary, load, places, save
from watchers.look import CONTACTS, NAMES
from watchers.pack import PackError, read

PACK = read()
FIRST = made(PACK, {"toxicity": ["idiot"], CONTACTS: ["street"]}, names=["anna", "smith"])
BRIDGE = "The committee talked about the new bridge. "


def doubted(text: str, asked: str) -> bool:
    return bool((FIRST.say(text).doubts[:, FIRST.columns[asked]] >= 0).any())


def test_it_doubts_what_it_was_made_to_doubt_and_nothing_else():
    assert doubted("You are an idiot!", "toxicity")
    assert not doubted("You are an idiot!", "bias")
    assert not doubted(BRIDGE, "toxicity")


def test_scores_are_probabilities_for_each_label():
    said = FIRST.say(BRIDGE)
    assert said.scores.shape == (1, len(PACK.labels))
    assert ((said.scores > 0) & (said.scores < 1)).all()


def test_a_text_of_unknown_words_is_not_cleared():
    for text in ("zxcv qwerty asdf hjkl", "привет как дела", "你好吗"):
        assert all(doubted(text, asked) for asked in FIRST.columns), text


def test_names_are_marked_where_they_stand_and_never_as_what_flags():
    text = "The letter is for Anna Smith, please, over the river on 12 Bridge Street."
    assert [(text[start:end], kind) for start, end, kind, _ in FIRST.marks(text)] == [("Anna Smith", "PERSON")]
    assert all(score >= 0.5 for *_, score in FIRST.marks(text))
    assert doubted(text, NAMES)
    assert doubted(text, CONTACTS)
    assert not doubted(text.replace("12 ", ""), CONTACTS)  # an address is not believed without a number


def test_a_long_text_is_read_in_parts_that_overlap():
    text = BRIDGE * 60 + "You are an idiot. " + BRIDGE * 60
    doubts = FIRST.say(text).doubts[:, FIRST.columns["toxicity"]] >= 0
    spots = places(text)
    assert len(spots) == len(doubts) > 5
    assert all(before[1] > after[0] for before, after in pairwise(spots))
    assert {text[start:end].count("idiot") for (start, end), doubt in zip(spots, doubts, strict=True) if doubt} == {1}
    assert not any("idiot" in text[start:end] for (start, end), doubt in zip(spots, doubts, strict=True) if not doubt)


def test_every_word_is_in_a_part():
    for words in (0, 1, WORDS, WORDS + 1, WORDS + STEP, 10 * WORDS):
        covered = {at for start, end in first_stage.parts(words) for at in range(start, end)}
        assert covered == set(range(words))


@pytest.mark.parametrize(
    "text", ["", " \n", "a" * 49_000, "a " * 24_000, "1" * 49_000, "é" * 49_000, "!" * 49_000, "ab1" * 16_000]
)
def test_hostile_texts_cost_linear_time(text):
    began = time.process_time()
    said = FIRST.say(text)
    FIRST.marks(text)
    assert time.process_time() - began < 2  # 0.05 s when quiet
    assert np.isfinite(said.scores).all()


def test_spellings_are_remembered_boundedly():
    vocabulary = Vocabulary(["the"])
    for number in range(3):
        vocabulary.codes(" ".join(f"w{chr(97 + at % 26)}x" * (at % 9 + 1) + "y" * (at % 17) for at in range(30_000)))
        vocabulary.codes(" ".join("abcdefghij"[int(digit)] for digit in str(number)) * 9)
    assert dict.__len__(vocabulary) <= first_stage._REMEMBERED
    assert list(vocabulary.codes("The the")) == [1, 0]


def test_it_is_kept_in_a_file(tmp_path):
    words, weights = parts(PACK, {"toxicity": ["idiot"]})
    save(tmp_path / "first.npz", words, weights, PACK.labels, "abc")
    kept = load(tmp_path / "first.npz", list(PACK.heads), PACK.labels, "abc")
    text = "You are an idiot, Anna."
    assert np.array_equal(kept.say(text).doubts, made(PACK, {"toxicity": ["idiot"]}).say(text).doubts)
    with pytest.raises(PackError, match=r"distilled from model abc, the pack's is xyz"):
        load(tmp_path / "first.npz", list(PACK.heads), PACK.labels, "xyz")
    with pytest.raises(PackError, match="its labels are not the pack's"):
        load(tmp_path / "first.npz", list(PACK.heads), PACK.labels[:-1], "abc")
    (tmp_path / "first.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(PackError, match="not a first stage"):
        load(tmp_path / "first.npz", list(PACK.heads), PACK.labels, "abc")
