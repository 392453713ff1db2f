"""Hostile and harmless sentences in the same words: what is exchanged between them is the only signal.

An emoji that carries the hate, prejudice inside a request or a question, sexism, hostility in polite
words and harmless talk in blunt ones. Content warning: the phrases are hostile, as that is to be recognised.
"""

import random

from watchers.training.contrast import (
    DISGUST_EMOJI,
    HATE,
    INSULTING,
    VERMIN_EMOJI,
    WEAPON_EMOJI,
    dims,
    picked,
)
from watchers.training.examples import Example, Unit
from watchers.training.grammar import articled, cased, fill, sections
from watchers.training.sources import CLEAN, FAIR
from watchers.training.stereotype_pairs import SLOTS as NAMED
from watchers.training.stereotype_pairs import sides

PHRASES = sections("opposed")
EMOJI = {
    "ve": VERMIN_EMOJI, "re": [*DISGUST_EMOJI, "😒", "🙄", "😤"], "se": DISGUST_EMOJI[:4],
    "we": [one for one in WEAPON_EMOJI if one != "🔥"],
    "ie": ["🤡", "🐷", "🐍", "🐀", "💩", "🐒", "🫏", "🤏🧠", "🗑️", "👹", "🐑", "🥒"],
    "ae": ["🐀", "🐖", "🐷", "🐍", "🐒", "🐵", "🐛", "🐶", "🐑", "🐄"], "ce": ["🦋", "🦁", "🦅", "🐥", "🦄", "🐬", "🐼", "🐝"],
    "le": ["❤️", "🥰", "😍", "💕", "🫶", "🤗", "😊", "🌈❤️", "💛", "😘"], "pe": ["👍", "👏", "🙌", "💪", "🎉", "🌟", "🔥", "🏆", "✨"],
    "ne": ["🚫", "❌", "⛔", "🙅", "🛑"], "de": ["🗑️", "🚮", "🚽", "💩"], "fe": ["🍕", "🍜", "🌮", "🍛", "🥐", "🍰"],
}  # fmt: skip
THREATENING = {"toxicity": 0.95, "threat": 1.0, "identity_attack": 0.05} | FAIR
# Section -> labels of the hostile side, whether a group is its target, share of all pairs. Those with few slots have small shares.
KINDS: dict[str, tuple[dict[str, float], bool, float]] = {
    "emoji": (HATE, True, 0.51),
    "emoji_insult": (INSULTING, False, 0.07),
    "emoji_threat": (THREATENING, False, 0.05),
    "request": ({"bias": 0.95, "toxicity": 0.7, "threat": 0.0}, True, 0.21),
    "sexism": ({"bias": 1.0, "toxicity": 0.8, "identity_attack": 0.7}, True, 0.05),
    "courteous": (HATE, True, 0.07),
    "uncivil": (INSULTING, False, 0.02),
    "blunt": (THREATENING, False, 0.02),
}


def opposed(count: int, rng: random.Random) -> list[Unit]:
    """At most `count` pairs by the shares of `KINDS`, each template about equally often, no text twice."""
    seen: set[str] = set()
    made = []
    for kind, (_, _, share) in KINDS.items():
        wanted, every = round(count * share), range(len(PHRASES[kind]))
        order = [index for _ in range(wanted // len(every) + 1) for index in rng.sample(every, len(every))]
        for index in order[:wanted]:
            unit = pair(kind, index, rng)
            texts = {one.text for one in unit.examples}
            if not texts & seen:
                made.append(unit)
            seen |= texts
    return made


def pair(kind: str, index: int, rng: random.Random) -> Unit:
    """The hostile sentence of a template, then the harmless one, with the same group and casing."""
    dimension, slots = picked(rng)
    labels, against_group, _ = KINDS[kind]
    if kind == "sexism":
        dimension = "gender"
    template = PHRASES[kind][index]
    text = fill(template, slots | EMOJI | {"fname": NAMED["fname"]}, rng)
    first, second = sides(text) if "[" in template else text.split("|")
    seed = rng.random()
    first, second = (cased(articled(one), random.Random(seed)) for one in (first, second))
    hostile = labels | (dims(dimension, 0.95) if against_group else {})
    return Unit(
        [
            Example(first, f"opposed_{kind}", hostile, 1.0, group=str(index)),
            Example(second, f"opposed_{kind}", CLEAN | FAIR, 1.0, group=str(index)),
        ]
    )
