"""Every identity in the same short sentences, harmless and hateful, so that no group's name is a signal.

Each template is filled once for every term: equal counts for each, on both sides. Abuse that names
nobody stands beside them.
"""

import random

from watchers.training.contrast import HATE, INSULTING, SLOTS, dims
from watchers.training.examples import Example, Unit
from watchers.training.grammar import articled, fill, phrases
from watchers.training.sources import CLEAN, FAIR

BENIGN, HATEFUL, NONE = phrases("identity_benign"), phrases("identity_hateful"), phrases("identity_none")
FACTS = phrases("identity_facts")
PEOPLE = ["person", "man", "woman", "friend", "student", "neighbour", "kid", "parent", "worker", "artist"]


def terms() -> dict[str, str]:
    """Adjective of a person -> dimension of the bias head."""
    return _listed("identity_terms")


def groups() -> dict[str, str]:
    """Plural name of a group -> dimension of the bias head."""
    return _listed("identity_groups")


def _listed(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in phrases(name):
        dimension, words = line.split(":", 1)
        found |= {word.strip(): dimension for word in words.split(",")}
    return found


def mentions(rng: random.Random) -> list[Unit]:
    """All templates over all terms and groups, and four times as many fillings of the abuse without identity as one term has."""
    slots = SLOTS | {"p": PEOPLE}
    made = []
    for term, dimension in terms().items():
        for kind, templates in (("benign", BENIGN), ("hateful", HATEFUL)):
            for index, template in enumerate(templates):
                text = _text(template, slots | {"x": [term]}, rng)
                labels = CLEAN | FAIR if kind == "benign" else HATE | dims(dimension, 0.95)
                made.append(Unit([Example(text, f"identity_{kind}", dict(labels), 0.8, group=f"{kind}-{index}")]))
    for group in groups():
        for index, template in enumerate(FACTS):
            text = _text(template, slots | {"g": [group], "G": [group[0].upper() + group[1:]]}, rng)
            made.append(Unit([Example(text, "identity_facts", CLEAN | FAIR, 0.8, group=f"facts-{index}")]))
    for _ in range(4 * len(HATEFUL)):
        index = rng.randrange(len(NONE))
        text = _text(NONE[index], slots, rng)
        made.append(Unit([Example(text, "identity_none", dict(INSULTING), 0.8, group=f"none-{index}")]))
    return made


def _text(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    text = articled(fill(template, slots, rng))
    choice = rng.random()
    return text.lower() if choice < 0.3 else text[0].upper() + text[1:] if choice < 0.65 else text
