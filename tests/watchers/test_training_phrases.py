"""The generated training text: every template fills, attacks and their look-alikes are both there."""

import random
import re

import pytest

from watchers.training import attacks, grammar
from watchers.training.grammar import fill

SECTIONS = [
    (attacks.ATTACKS, ("direct", "jailbreak", "extraction")),
    (attacks.QUOTING, ("trigger", "quoted", "scary")),
    (attacks.PERSONAS, ("roleplay",)),
    (
        attacks.DOCUMENTS | {"ask_task": ["Who?"], "many_sentences": ["One."]},
        ("document", "inserted", "imperative", "pasted"),
    ),
]
NAMES = {name for slots, _ in SECTIONS for name in slots}
SLOT = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize(("slots", "sections"), SECTIONS)
def test_every_template_fills_without_a_slot_left(slots, sections):
    rng = random.Random(0)
    for section in sections:
        for template in slots[section]:
            for _ in range(5):
                text = fill(template, slots, rng)
                assert not NAMES & set(SLOT.findall(text)), (section, template, text)
                assert not re.search(r"\[\[\w+\]\]\n", text), (section, template)


@pytest.mark.parametrize(("slots", "sections"), SECTIONS)
def test_every_name_in_braces_is_a_list_of_its_file(slots, sections):
    named = {name for entries in slots.values() for entry in entries for name in SLOT.findall(entry)}
    assert named - set(slots) <= {"1"}


@pytest.mark.parametrize("name", ["framings", "attacks", "requests", "scary", "personas", "documents"])
def test_phrases_have_no_empty_list_and_no_stray_head(name):
    found = grammar.sections(name)
    assert found
    assert all(found.values())
    assert not [
        entry for entries in found.values() for entry in entries if entry.startswith("[[") and "\n" not in entry
    ]


def test_attacks_and_look_alikes_carry_opposite_labels():
    rng = random.Random(3)
    hostile = [*attacks.direct(200, rng), *attacks.extraction(50, rng)]
    harmless = [*attacks.triggers(200, rng), *attacks.scary(100, rng), *attacks.roleplay(100, rng)]
    assert all(unit.examples[0].labels["injection"] >= 0.8 for unit in hostile)
    assert all(unit.examples[0].labels["injection"] == 0.0 for unit in harmless)
    for words in ("ignore", "system", "pretend", "rules"):
        for units in (hostile, harmless):
            assert any(words in unit.examples[0].text.lower() for unit in units), words


def test_no_harmless_prompt_is_an_attack_word_for_word():
    """A template on both sides would teach nothing but noise."""
    rng = random.Random(4)
    hostile = {unit.examples[0].text.lower().rstrip(".!") for unit in attacks.direct(3000, rng)}
    makers = (attacks.triggers, attacks.scary, attacks.roleplay)
    harmless = {unit.examples[0].text.lower().rstrip(".!") for make in makers for unit in make(2000, rng)}
    assert not hostile & harmless


def test_half_of_the_documents_hold_a_note_and_the_window_shows_it():
    units = attacks.documents(400, ["The town lies on a river.", "It has two bridges."], ["Who won?"], random.Random(5))
    labels = [unit.examples[0].labels["indirect"] for unit in units]
    assert 150 < sum(labels) < 250
    assert all("@@" not in unit.examples[0].text for unit in units)
    assert max(len(unit.examples[0].text) for unit in units) < 1000


def test_lengths_of_attacks_and_of_harmless_prompts_overlap():
    rng = random.Random(6)
    long_attacks = [unit for unit in attacks.direct(500, rng) if len(unit.examples[0].text) > 300]
    long_harmless = [unit for unit in attacks.roleplay(500, rng) if len(unit.examples[0].text) > 300]
    assert len(long_attacks) > 50
    assert len(long_harmless) > 100
