"""Generated training text: every template fills, pairs differ, every group is treated alike. Standard library only."""

import random
import re
from collections import Counter

import pytest

from watchers.training import contrast, disguise, identity, joined, opposed, splits, stereotype_pairs
from watchers.training.examples import Example, Unit
from watchers.training.grammar import articled, phrases
from watchers.training.sources import BENIGN, CLEAN, FAIR

OPEN = re.compile(r"[{}\[\]|]")
WRONG_ARTICLE = re.compile(r"\ba (Asian|Arab|immigrant|atheist|old|autistic|idiot|elderly|ugly)\b")


@pytest.mark.parametrize("family", contrast.FAMILIES, ids=lambda family: family[0])
def test_every_contrast_template_fills(family: tuple) -> None:
    name, templates, labels, scored, _ = family
    assert len(templates) == len(set(templates))
    for seed in range(3):
        for template in templates:
            example = contrast._family(name, [template], labels, random.Random(seed), scored)
            assert not OPEN.search(example.text), template
            assert not WRONG_ARTICLE.search(example.text), example.text


def test_frames_hold_one_statement() -> None:
    assert all(frame.count("{it}") == 1 for frame in (*contrast.REPORTED, *contrast.ENDORSED))
    assert not set(contrast.REPORTED) & set(contrast.ENDORSED)
    made = [unit.examples[0] for unit in contrast.framed(600, random.Random(1), [])]
    assert not [one.text for one in made if OPEN.search(one.text)]
    assert all(one.labels.get("toxicity", one.labels["bias"]) > 0.5 for one in made if one.source == "endorsed")
    assert all(one.labels["toxicity"] == 0 for one in made if one.source == "reported")


def test_slur_carriers_hold_the_word() -> None:
    assert all("{word}" in carrier for carrier in (*contrast.SLUR_USED, *contrast.SLUR_MENTIONED))


def test_every_stereotype_template_makes_two_sentences() -> None:
    rng = random.Random(2)
    for dimension, template in stereotype_pairs.templates():
        filled = stereotype_pairs.fill(template, stereotype_pairs.SLOTS, rng)
        first, second = stereotype_pairs.sides(filled)
        assert first != second, template
        assert not OPEN.search(first + second), template
        assert dimension in {*stereotype_pairs.BIAS, "class", "appearance"}


@pytest.mark.parametrize("kind", opposed.KINDS)
def test_opposed_templates_make_a_hostile_and_a_harmless_sentence(kind: str) -> None:
    assert len(opposed.PHRASES[kind]) == len(set(opposed.PHRASES[kind]))
    for index, template in enumerate(opposed.PHRASES[kind]):
        for seed in range(3):
            hostile, harmless = opposed.pair(kind, index, random.Random(seed)).examples
            assert hostile.text != harmless.text, template
            assert not OPEN.search(hostile.text + harmless.text), template
            assert not WRONG_ARTICLE.search(hostile.text + " " + harmless.text), template
            assert max(hostile.labels.values()) >= 0.8 > 0.0 == max(harmless.labels.values())


def test_opposed_pairs_are_held_out_by_template() -> None:
    units = opposed.opposed(1500, random.Random(9))
    texts = [one.text for unit in units for one in unit.examples]
    assert len(units) > 1300
    assert len(texts) == len(set(texts))
    train, held = (
        {one.group for unit in part for one in unit.examples if one.source == "opposed_emoji"}
        for part in splits.split_made(units)
    )
    assert train
    assert held
    assert not train & held


def test_pairs_are_ranked_and_differ() -> None:
    units = stereotype_pairs.pairs(900, random.Random(3)) + stereotype_pairs.attributes(600, random.Random(4))
    for unit in units:
        first, second = unit.examples
        assert unit.ranked == "bias"
        assert first.text != second.text
        assert first.group == second.group
        assert first.labels["bias"] > second.labels["bias"]
        assert not OPEN.search(first.text + second.text), first.text
        assert not WRONG_ARTICLE.search(first.text + " " + second.text), (first.text, second.text)


def test_every_identity_stands_in_the_same_templates() -> None:
    made = [unit.examples[0] for unit in identity.mentions(random.Random(5))]
    assert not [one.text for one in made if OPEN.search(one.text)]
    counts = Counter(one.group for one in made if one.source in ("identity_benign", "identity_hateful"))
    assert set(counts.values()) == {len(identity.terms())}
    assert len(counts) == len(identity.BENIGN) + len(identity.HATEFUL)
    facts = Counter(one.group for one in made if one.source == "identity_facts")
    assert set(facts.values()) == {len(identity.groups())}
    assert len(facts) == len(identity.FACTS)


def test_phrases_are_written_once() -> None:
    for name in (
        "stereotype_pairs",
        "identity_benign",
        "identity_hateful",
        "identity_facts",
        "slur_mentioned",
        "slur_used",
    ):
        found = phrases(name)
        assert len(found) == len(set(found)), name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I am a Asian. A old man.", "I am an Asian. An old man."),
        (
            "a one-way ticket, a unicorn, a European, a user, a man",
            "a one-way ticket, a unicorn, a European, a user, a man",
        ),
        ("a uninvited guest, a American", "an uninvited guest, an American"),
    ],
)
def test_articles(text: str, expected: str) -> None:
    assert articled(text) == expected


def test_disguise_changes_letters_of_long_words_only() -> None:
    rng = random.Random(6)
    seen = {disguise.disguised("several words become harder to recognise here", rng) for _ in range(200)}
    assert len(seen) > 100
    assert {disguise.disguised("a b c", rng).replace(" ", "") for _ in range(100)} == {"abc"}


def test_a_joined_text_is_harmless_when_all_of_it_is_and_hostile_when_one_part_is() -> None:
    rng = random.Random(7)
    harmless = [Unit([Example(f"Where is platform {n}?", "a", CLEAN | FAIR | BENIGN)]) for n in range(9)]
    hostile = [Unit([Example("I hate you all", "b", {"toxicity": 1.0})])]
    unknown = [Unit([Example("Nobody labelled this", "c", {"toxicity": 0.0})])]
    made = [unit.examples[0] for unit in joined.joined(200, harmless + hostile + unknown, rng)]
    assert not [one for one in made if "Nobody" in one.text]
    assert {bool(one.labels["toxicity"]) for one in made} == {True, False}
    for one in made:
        assert one.labels == ({"toxicity": 1.0} if "hate" in one.text else CLEAN | FAIR | BENIGN)
        assert 2 <= len(re.findall(r"platform|hate", one.text)) <= 6
        assert len(one.text) < 400
