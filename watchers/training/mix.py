# ruff: noqa: E501 (lists of phrases, one long line each)
"""How much of each source goes into an epoch, and what generated text stands beside it.

Factors above one repeat a source, below one sample it anew each epoch; chosen for rare heads and
against templates taking over.
"""

import random
import re
from collections import defaultdict
from pathlib import Path

from watchers.training import (
    attacks,
    contrast,
    disguise,
    identity,
    joined,
    opposed,
    personal,
    sources,
    splits,
    stereotype_pairs,
)
from watchers.training.examples import INJECTION, Example, Unit

FACTOR = {
    "davidson": 0.5, "edos": 1.6, "hatexplain": 0.9, "cad": 0.9, "civil": 0.7, "civil_spans": 0.25, "convabuse": 4.0, "hatemoji": 3.0, "surge": 3.0,
    "stormfront": 0.9, "toxigen": 2.0, "wiki_talk": 4.0, "madlibs": 0.15, "realtoxic": 2.0, "reddit_bias": 1.6, "bbq": 0.25, "winogender": 0.7,
    "holistic": 0.8, "bold": 0.15, "clinc": 0.2, "gsm8k": 0.1, "code": 0.6, "security": 3.0, "persona": 3.0, "self_instruct": 2.0, "stereoset": 2.5,
    "benign": 4.0, "direct_injection": 8.0, "jailbreak": 2.0, "harmful": 1.0, "prompt_extraction": 8.0, "adversarial_suffix": 1.5, "indirect_injection": 4.0,
    "identity_benign": 0.6, "identity_hateful": 0.5, "identity_facts": 0.5, "opposed_emoji": 2.0, "opposed_request": 2.0, "documents_made": 1.5, "stereotype_pairs": 1.0, "stereotype_facts": 0.8, "seegull_pairs": 0.7,
    "documents": 0.8, "wnut": 2.5, "twitter": 2.0, "wikigold": 4.0, "ewt": 4.0, "sec": 0.4, "presidio": 2.0,
}  # fmt: skip
MADE = {"contrasts": 24000, "opposed": 6500, "framed": 9000, "slurs": 2500, "nationalities": 1500, "pairs": 7000, "attributes": 2500, "nations": 1500,
        "direct": 7500, "extraction": 2000, "triggers": 11000, "scary": 5000, "roleplay": 7000, "documents": 11000, "personal": 9000, "identities": 500,
        "swapped": 6000, "mentions": 16000, "joined": 9000}  # fmt: skip
CIVIL_ATTACKS = (
    "direct",
    "extraction",
    "direct_injection",
    "prompt_extraction",
)  # jailbreaks in the wild are often foul


def load(data: Path, seed: int = 1) -> tuple[list[Unit], list[Unit]]:
    """Return (training, validation): real sources and generated text, near duplicates apart."""
    rng = random.Random(seed)
    real = _deduplicated(sources.load(data))
    _cut_documents(real)
    train, held = splits.split(real)
    made_train, made_held = splits.split_made(_generated(data, train, rng))
    train_entities = [unit for unit in train if unit.examples[0].spans is not None]
    mentions, held_mentions = splits.split_made(personal.mentions(train_entities, MADE["mentions"], rng))
    made_train += mentions + personal.swapped(train_entities, MADE["swapped"], rng)
    train, held = train + made_train, held + made_held + held_mentions
    for unit in train + held:
        _apart(unit)
    train += joined.joined(MADE["joined"], train, rng)
    held += joined.joined(MADE["joined"] // 20, held, rng)
    return train, held


def _apart(unit: Unit) -> None:
    """Hate is no attack and an attack is no hate: what no source ever says, and each would look like the other."""
    for example in unit.examples:
        known = example.labels.keys()
        if {"toxicity", "bias"} & known and not set(INJECTION) & known:
            example.labels = example.labels | sources.BENIGN
        elif example.source in CIVIL_ATTACKS and not {"toxicity", "bias"} & known:
            example.labels = example.labels | sources.CLEAN | sources.FAIR


def _generated(data: Path, real: list[Unit], rng: random.Random) -> list[Unit]:
    prose = [u.examples[0].text for u in real if u.examples[0].source in ("bold", "gsm8k", "wikigold")][:12000]
    tasks = [
        u.examples[0].text
        for u in real
        if u.examples[0].source in ("self_instruct", "clinc") and len(u.examples[0].text) < 200
    ]
    return [
        *contrast.contrasts(MADE["contrasts"], rng),
        *contrast.framed(MADE["framed"], rng, _hostile(real)),
        *contrast.slurs(data, MADE["slurs"], rng),
        *contrast.nationalities(data, MADE["nationalities"], rng),
        *identity.mentions(rng),
        *opposed.opposed(MADE["opposed"], rng),
        *stereotype_pairs.pairs(MADE["pairs"], rng),
        *stereotype_pairs.attributes(MADE["attributes"], rng),
        *stereotype_pairs.nations(data, MADE["nations"], rng),
        *attacks.direct(MADE["direct"], rng),
        *attacks.extraction(MADE["extraction"], rng),
        *attacks.triggers(MADE["triggers"], rng),
        *attacks.scary(MADE["scary"], rng),
        *attacks.roleplay(MADE["roleplay"], rng),
        *attacks.documents(MADE["documents"], prose, tasks, rng),
        *personal.personal(data, MADE["personal"], rng),
        *personal.identities(data, MADE["identities"], rng),
    ]


def _hostile(real: list[Unit]) -> list[str]:
    """Short hateful sentences of the data, for frames that report or endorse them."""
    sources_used = ("toxigen", "hatemoji", "stormfront")
    examples = [unit.examples[0] for unit in real if unit.examples[0].source in sources_used]
    return [one.text for one in examples if one.labels.get("identity_attack", 0) > 0.7 and len(one.text) < 110]


def _deduplicated(units: list[Unit]) -> list[Unit]:
    """Drop later single examples whose text was seen (the span and multi-label files overlap)."""
    seen: set[str] = set()
    kept = []
    for unit in units:
        key = " ".join(unit.examples[0].text.lower().split())
        if key not in seen or len(unit.examples) > 1:
            kept.append(unit)
        seen.add(key)
    return kept


def _cut_documents(units: list[Unit]) -> None:
    """Long documents with an instruction are cut around it: the line that no clean document contains."""
    found = [unit.examples[0] for unit in units if unit.examples[0].source == "documents"]
    clean = {line.strip() for example in found if not example.labels["indirect"] for line in example.text.splitlines()}
    counts: defaultdict[str, int] = defaultdict(int)
    for example in found:
        for line in set(map(str.strip, example.text.splitlines())):
            counts[line] += line not in clean
    rng = random.Random(2)
    for example in found:
        if example.labels["indirect"] and len(example.text) > 500:
            line = max((line.strip() for line in example.text.splitlines()), key=lambda text: (counts[text], len(text)))
            start = max(0, example.text.find(line))
            example.text = attacks.around(example.text, start, min(len(line), 300), rng)


def epoch(units: list[Unit], rng: random.Random) -> list[Unit]:
    """One epoch's units by the factors, shuffled, each example augmented anew."""
    chosen: list[Unit] = []
    for unit in units:
        factor = _factor(unit.examples[0])
        chosen.extend([unit] * (int(factor) + (rng.random() < factor % 1)))
    rng.shuffle(chosen)
    return [Unit([augmented(example, rng) for example in unit.examples], unit.ranked) for unit in chosen]


def _factor(example: Example) -> float:
    """Hate is rare in some sources: there it is repeated, the rest sampled."""
    factor = FACTOR.get(example.source, 1.0)
    hateful = example.labels.get("identity_attack", 0.0) >= 0.5
    return max(factor, 1.4) if hateful and example.source in ("stormfront", "davidson", "cad") else factor


def augmented(example: Example, rng: random.Random, longest: int = 480) -> Example:
    """A window of long texts (any window is judged alone at run time); a little disguise, of harmless ones too."""
    text = example.text
    if example.spans is not None:
        return example
    if len(text) > longest:
        text = _window(text, longest, rng, telling=example.labels.get("injection", 0) > 0.5)
    toxicity = example.labels.get("toxicity", -1.0)
    if toxicity >= 0 and rng.random() < (0.1 if toxicity > 0.5 else 0.04):
        text = disguise.disguised(text, rng)
    return Example(text, example.source, example.labels, example.weight, example.group)


_CUES = re.compile(
    r"(?i)ignor|forget|disregard|restrict|polic|refus|illegal|ethic|moral|censor|filter|limit|anything now|jailbr|unlock"
    r"|openai|chatgpt|guideline|cannot|can.t|warning|rules?\b|comply|harm|freed|break free|\bDAN\b|mode|obey|instruct"
)


def _window(text: str, longest: int, rng: random.Random, *, telling: bool) -> str:
    """The head or a random part; of attacks (`telling`) one with signs of it: the story around them is harmless."""
    starts = [0 if rng.random() < 0.5 else rng.randrange(len(text) - longest // 2) for _ in range(3 if telling else 1)]
    return max((text[start : start + longest] for start in starts), key=lambda part: len(_CUES.findall(part)))
