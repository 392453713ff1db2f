"""Texts joined of several: a turn has more than one subject, and one bad sentence among good ones is still bad.

Without them a change of subject would look like an instruction put in by somebody else.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from watchers.training.examples import INJECTION, Example, Unit
from watchers.training.sources import BENIGN, CLEAN, FAIR

LONGEST = 300  # characters, after which nothing is added: all of a joined text is in one window
HOSTILE = 0.3  # share of texts with one hostile part among the harmless
_BETWEEN = (" ", " ", " ", "\n", "\n\n")


def joined(count: int, units: Sequence[Unit], rng: random.Random) -> list[Unit]:
    """`count` texts of two to six short `units` each, harmless ones and (`HOSTILE`) one hostile among them.

    The hostile part's labels are the text's; what it says nothing about stays unknown. Every source is drawn alike.
    """
    harmless, hostile = defaultdict(list), defaultdict(list)
    for unit in units:
        for example in unit.examples:
            if example.spans is None and 8 < len(example.text) < 200:
                if _harmless(example):
                    harmless[example.source].append(example)
                elif _hostile(example):
                    hostile[example.source].append(example)
    return [_joined(list(harmless.values()), list(hostile.values()), rng) for _ in range(count)]


def _harmless(example: Example) -> bool:
    """By every label that it has, and all kinds of them are known."""
    labels = example.labels
    return {"toxicity", "bias", *INJECTION} <= labels.keys() and max(labels.values()) == 0.0


def _hostile(example: Example) -> bool:
    """Clearly so by its words alone: beside another sentence an emoji or half of a pair may mean something else."""
    worst = max(example.labels.get(name, 0.0) for name in ("toxicity", "bias", "injection"))
    return worst >= 0.9 and not example.source.startswith(("opposed", "contrast_emoji", "bbq", "stereo", "seegull"))


def _joined(harmless: list[list[Example]], hostile: list[list[Example]], rng: random.Random) -> Unit:
    bad = rng.choice(rng.choice(hostile)) if rng.random() < HOSTILE else None
    parts = [bad.text] if bad else []
    wanted = rng.randint(2, 6)
    while len(parts) < wanted and sum(map(len, parts)) < LONGEST:
        parts.append(rng.choice(rng.choice(harmless)).text)
    rng.shuffle(parts)
    text = rng.choice(_BETWEEN).join(map(_ended, parts))
    return Unit([Example(text, "joined", dict(bad.labels) if bad else CLEAN | FAIR | BENIGN)])


def _ended(text: str) -> str:
    """So that a sentence stays one beside the next."""
    text = text.strip()
    return text if text[-1:] in ".!?" else f"{text}."
