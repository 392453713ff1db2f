"""Injection: attacks by template, and the benign prompts and documents that look like them.

Hard negatives carry the weight here: ordinary requests with the words of attacks, prompts that quote,
explain or test attacks, scary but harmless questions, long benign role-play in the same framings as
jailbreaks; documents and tool results of all kinds with their own imperatives against the same
documents with an instruction put in by somebody else. The sentences stand in `phrases/`.
"""

import random

from watchers.training import splits
from watchers.training.examples import Example, Unit
from watchers.training.grammar import Slots, cased, fill, mistyped, sections
from watchers.training.sources import BENIGN, CLEAN, FAIR

SHARED = sections("framings")
ATTACKS = SHARED | sections("attacks")
REQUESTS = SHARED | sections("requests") | sections("scary")
PERSONAS = SHARED | sections("personas")
DOCUMENTS = ATTACKS | sections("documents") | {"n": [str(number) for number in range(2, 99)]}
_QUOTED = (
    "forget",
    "before",
    "then",
    "goal",
    "worse",
    "url",
    "persona",
    "leak",
    "rule",
    "safeword",
    "crime",
    "switch",
    "garbled",
)
QUOTING = REQUESTS | {name: ATTACKS[name] for name in _QUOTED} | {"attack": ATTACKS["quotable"]}
HARMLESS = BENIGN | CLEAN | FAIR
ATTACK = {"injection": 1.0, "indirect": 1.0}
LONG = 0.4  # share of multi-paragraph texts among attacks; personas are long nearly always
QUOTED = 0.3  # share of requests about attacks among those with trigger words
NOTED = 0.5  # share of documents with a note of somebody else in them


def direct(count: int, rng: random.Random) -> list[Unit]:
    """Hijacks and short jailbreaks, and (`LONG`) jailbreaks of several paragraphs."""
    return [
        _made("direct", "jailbreak" if rng.random() < LONG else "direct", ATTACKS, ATTACK, rng) for _ in range(count)
    ]


def extraction(count: int, rng: random.Random) -> list[Unit]:
    labels = {"injection": 0.85, "prompt_extraction": 1.0}
    return [_made("extraction", "extraction", ATTACKS, labels, rng) for _ in range(count)]


def triggers(count: int, rng: random.Random) -> list[Unit]:
    """Harmless requests in the words of attacks: used, or (`QUOTED`) quoted."""
    return [
        _made("trigger", "quoted" if rng.random() < QUOTED else "trigger", QUOTING, HARMLESS, rng) for _ in range(count)
    ]


def scary(count: int, rng: random.Random) -> list[Unit]:
    return [_made("scary", "scary", REQUESTS, HARMLESS, rng) for _ in range(count)]


def roleplay(count: int, rng: random.Random) -> list[Unit]:
    return [_made("roleplay", "roleplay", PERSONAS, HARMLESS, rng) for _ in range(count)]


def _made(name: str, section: str, slots: Slots, labels: dict[str, float], rng: random.Random) -> Unit:
    index = rng.randrange(len(slots[section]))
    parts = {**slots, **LEARNED} if section in LEARNED else slots
    text = cased(fill(slots[section][index], parts, rng), rng)
    if rng.random() < 0.06:
        text = mistyped(text, rng)
    return Unit([Example(text.strip(), name, dict(labels), group=f"{section}-{index}")])


def _learned(slots: Slots, source: str, section: str) -> list[str]:
    """Templates that may stand inside others: those held out of training may not."""
    named = enumerate(slots[section])
    return [template for index, template in named if not splits.held_out(f"{source}:{section}-{index}")]


LEARNED = {
    "direct": _learned(ATTACKS, "direct", "direct"),
    "trigger": _learned(REQUESTS, "trigger", "trigger"),
    "quoted": _learned(REQUESTS, "trigger", "quoted"),
    "scary": _learned(REQUESTS, "scary", "scary"),
    "roleplay": _learned(PERSONAS, "roleplay", "roleplay"),
}


def documents(count: int, prose: list[str], tasks: list[str], rng: random.Random) -> list[Unit]:
    """Half with an instruction inside (cut around it, so that every window shows it), half without.

    `prose`: sentences of real documents to mix in; `tasks`: real requests to hide inside them.
    """
    return [_document(prose, tasks, rng) for _ in range(count)]


def _document(prose: list[str], tasks: list[str], rng: random.Random) -> Unit:
    index, inserted = rng.randrange(len(DOCUMENTS["document"])), rng.randrange(len(DOCUMENTS["inserted"]))
    real = [" ".join(rng.sample(prose, rng.randint(1, 2))).replace("{", "(") for _ in range(8)]
    slots = DOCUMENTS | {
        "ask_task": [rng.choice(tasks).replace("{", "(")],
        "many": [*DOCUMENTS["many"], *real],
        "many_sentences": real,
    }
    body = fill(DOCUMENTS["document"][index], slots, rng)
    if rng.random() < NOTED:
        note = fill(DOCUMENTS["inserted"][inserted], slots, rng)
        labels = {"indirect": 1.0}
        group = f"note-{inserted}" if splits.held_out(f"documents_made:note-{inserted}") else f"doc-{index}"
    else:
        own = rng.choice(
            ["", "{fact}", "{fact} {fact}", "{many_sentences}", "{imperative}", "{imperative}", "{imperative}"]
        )
        note = fill(own, slots, rng)
        labels = BENIGN | CLEAN
        group = f"doc-{index}"
    text = around(body.replace("@@", note), body.index("@@"), len(note), rng)
    if rng.random() < 0.25:  # pasted into a user turn, behind a legitimate request
        text = f"{fill('{pasted}', slots, rng)}\n{text}"
    return Unit([Example(text, "documents_made", labels, group=group)])


def around(text: str, start: int, length: int, rng: random.Random, budget: int = 420) -> str:
    """A window of about `budget` characters that holds the marked part at a random place."""
    free = max(60, budget - length)
    before = rng.randint(0, free)
    low, high = max(0, start - before), min(len(text), start + length + free - before)
    return text[low:high].strip()
