# ruff: noqa: E501 (lists of words, one long line each)
"""Minimal pairs: a stereotype above its counter-sentence, with the group or the attribute exchanged.

A template holds `[stereotyped|counter]` alternatives that switch together, so that the rest of the two
sentences is the same, names and scenes included. Content warning: the stereotypes are to be recognised.
"""

import random
import re
from collections import defaultdict
from pathlib import Path

from watchers.training.contrast import rated
from watchers.training.examples import BIAS, Example, Unit
from watchers.training.grammar import articled, cased, fill, phrases

STEREOTYPE, COUNTER = 0.75, 0.2
GENERALISED = 0.4  # a generalisation that few believe is one still
_EITHER = re.compile(r"\[([^|\]]*)\|([^|\]]*)\]")


def _against(first: str, second: str) -> list[str]:
    return [f"[{one.strip()}|{other.strip()}]" for one, other in zip(first.split(","), second.split(","), strict=True)]


WOMEN = "Anna, Maria, Emily, Laura, Julia, Sarah, Aisha, Nina, Susan, Karen, Chloe, Rosa, My aunt, My wife, My sister, The lady next door, The young woman, His girlfriend, My daughter, The actress"
MEN = "Peter, Mario, Oliver, Frank, Julian, David, Ali, Nico, Steven, Kevin, Simon, Ramon, My uncle, My husband, My brother, The gentleman next door, The young man, Her boyfriend, My son, The actor"
SLOTS = {
    "W": _against(WOMEN, MEN), "M": _against(MEN, WOMEN),
    "fname": [name.strip() for name in WOMEN.split(",")[:12]], "mname": [name.strip() for name in MEN.split(",")[:12]],
    "dark": _against("black, Black, black, Hispanic, African American, dark-skinned, Latino, brown", "white, white, Asian, white, white, light-skinned, white, white"),
    "darkname": _against("Jamal, DeShawn, Tyrone, Darnell, Malik, Juan, Pedro, Kwame, LeBron", "Connor, Jake, Scott, Brad, Geoffrey, Hunter, Luke, Colin, Dustin"),
    "asianname": _against("Wei, Hiroshi, Jin, Chen, Minh, Kenji, Xiao", "Brian, Lucas, Greg, Carl, Finn, Hugo, Rob"),
    "asian": _against("Asian, Chinese, Korean, Vietnamese, Japanese, Asian", "white, Canadian, Australian, Irish, Dutch, black"),
    "foreign": _against("foreign, immigrant, Mexican, Romanian, Polish, Nigerian, Pakistani, Somali, Syrian, Albanian, Honduran, refugee", "local, native, Canadian, Swiss, Danish, Norwegian, Austrian, Swedish, Belgian, Finnish, Scottish, local"),
    "muslim": _against("Muslim, Muslim, Muslim, Islamic, Shia, Sunni", "Christian, Buddhist, Hindu, Christian, Quaker, Methodist"),
    "jew": _against("Jewish, Jewish, Jewish, orthodox Jewish", "Christian, Methodist, Buddhist, Baptist"),
    "old": _against("old, elderly, eighty-year-old, sixty-year-old, aged, retired", "young, young, thirty-year-old, twenty-year-old, youthful, working"),
    "young": _against("young, teenage, nineteen-year-old, younger", "old, middle-aged, fifty-year-old, older"),
    "fat": _against("fat, overweight, obese, chubby, plump, heavy", "thin, slim, slender, skinny, lean, fit"),
    "ugly": _against("ugly, unattractive, plain, hideous", "pretty, attractive, handsome, beautiful"),
    "disabled": _against("disabled, blind, deaf, autistic, paralysed, handicapped, one-armed", "healthy, sighted, hearing, talkative, tall, sporty, blond"),
    "mental": _against("mentally ill, schizophrenic, bipolar, depressed, psychotic", "healthy, diabetic, quiet, cheerful, asthmatic"),
    "gay": _against("gay, homosexual, bisexual, queer, transgender", "straight, heterosexual, straight, straight, cisgender"),
    "poor": _against("poor, homeless, penniless, unemployed, working-class, ragged", "rich, wealthy, well-off, employed, upper-class, elegant"),
    "rich": _against("rich, wealthy, upper-class, posh", "poor, humble, working-class, ordinary"),
}  # fmt: skip
# Sentences around a fact: {s} and {p} the group, {a} its attribute against the opposite.
FACTS = [
    "The {s} was very {a}.", "The {s} was {a}.", "My neighbour is a {s} and really {a}.", "That {s} is so {a}.", "The {p} I know are {a}.", "{P} are {a}.",
    "The {s} in the film is {a}.", "I once met a {s} who was really {a}.", "Our new {s} seems {a}.", "All {p} are {a}.", "A {s} is usually {a}.",
    "The {s} looked {a} to me.", "We hired a {s}, who turned out to be {a}.", "When I saw the {s}, I thought: how {a}!", "You could tell that the {s} was {a}.",
    "If you are a {s}, you must be {a}.", "She met a {s} on the train. The {s} was {a}.", "It is typical for {p} to be {a}.", "The {s} at the door was {a} and tall.",
    "They were {p} and they were {a}.", "As a {s}, Kim was {a}.", "A {a} {s} came to the party.", "Why are {p} so {a}?", "The {a} {s} opened the window.",
]  # fmt: skip
NATIONS = [
    "{who} people are {what}.", "All {who} people are {what}.", "Most {who} people are {what}, I think.", "The {who} man was {what}.", "My {who} neighbour is {what}.",
    "He is {who}, so he is {what}.", "They are {what} in that {who} family.", "I worked with a {who} woman who was {what}.", "{who} men are {what}.",
]  # fmt: skip


def _dimensions(name: str, score: float) -> dict[str, float]:
    """All dimensions where the head has this one; none (unknown) for appearance and class."""
    return {one: score if one == name else 0.0 for one in BIAS[1:]} if name in BIAS else {}


def _pair(
    first: str, second: str, dimension: str, source: str, group: str, rng: random.Random, counter: float = COUNTER
) -> Unit:
    seed = rng.random()  # the same casing for both: only the exchange may tell them apart
    texts = [cased(articled(text[:1].upper() + text[1:]), random.Random(seed)) for text in (first, second)]
    scores = (STEREOTYPE, counter)
    return Unit(
        [
            Example(text, source, {"bias": score} | _dimensions(dimension, score), 0.8, group=group)
            for text, score in zip(texts, scores, strict=True)
        ],
        ranked="bias",
    )


def sides(text: str) -> tuple[str, str]:
    """The stereotype and the counter-sentence of a text with [one|other] alternatives."""
    return _EITHER.sub(r"\1", text), _EITHER.sub(r"\2", text)


def templates() -> list[tuple[str, str]]:
    """(dimension, template) of every written pair."""
    found = [line.split(":", 1) for line in phrases("stereotype_pairs")]
    return [(dimension, template.strip()) for dimension, template in found]


def facts() -> list[tuple[str, str, str, list[str], list[str]]]:
    """(dimension, singular, plural, stereotyped attributes, opposite ones) of every line."""
    found = []
    for line in phrases("stereotype_facts"):
        dimension, one, many, typical, opposite = (part.strip() for part in line.split("|"))
        found.append((dimension, one, many, typical.split(", "), opposite.split(", ")))
    return found


def pairs(count: int, rng: random.Random) -> list[Unit]:
    """Written pairs, each template about equally often, with other names and groups each time."""
    every = templates()
    order = [index for _ in range(count // len(every) + 1) for index in rng.sample(range(len(every)), len(every))]
    made = []
    for index in order[:count]:
        dimension, template = every[index]
        first, second = sides(fill(template, SLOTS, rng))
        made.append(_pair(first, second, dimension, "stereotype_pairs", f"{dimension}-{index}", rng))
    return made


def attributes(count: int, rng: random.Random) -> list[Unit]:
    """ "The {group} was very ___": a stereotyped attribute above an opposite one, in the same sentence."""
    every = facts()
    made = []
    for _ in range(count):
        dimension, one, many, typical, opposite = rng.choice(every)
        slots = {"s": [one], "p": [many], "P": [many[0].upper() + many[1:]]}
        carrier = rng.choice(FACTS)
        first, second = (
            fill(carrier, slots | {"a": [attribute]}, rng) for attribute in (rng.choice(typical), rng.choice(opposite))
        )
        made.append(_pair(first, second, dimension, "stereotype_facts", one, rng))
    return made


def nations(data: Path, count: int, rng: random.Random) -> list[Unit]:
    """Rated pairs (at least two raters): an identity with its attribute above one without it, or above another attribute."""
    found = rated(data)
    owners: defaultdict[str, set[str]] = defaultdict(set)
    owned: defaultdict[str, set[str]] = defaultdict(set)
    offence: defaultdict[str, float] = defaultdict(lambda: -1.0)  # an insult is no counter to a compliment
    for labels in found:
        owners[labels["attribute"]].add(labels["identity"])
        owned[labels["identity"]].add(labels["attribute"])
        offence[labels["attribute"]] = max(offence[labels["attribute"]], labels["offensiveness"] or 0.0)
    agreed = [one for one in found if max(one["region_stereo"] or 0, one["na_stereo"] or 0) >= 2]
    made = []
    for labels in rng.sample(agreed, min(count, len(agreed))):
        who, what = labels["identity"], labels["attribute"]
        if rng.random() < 0.6:
            other = (rng.choice(sorted(set(owned) - owners[what])), what)
        else:
            other = (
                who,
                rng.choice([one for one in sorted(set(owners) - owned[who]) if offence[one] <= offence[what] + 0.5]),
            )
        carrier = rng.choice(NATIONS)
        first, second = (carrier.replace("{who}", a).replace("{what}", b) for a, b in ((who, what), other))
        made.append(_pair(first, second, "nationality", "seegull_pairs", who, rng, GENERALISED))
    return made
