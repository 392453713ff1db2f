"""Validation that shares nothing with training: near duplicates and declared groups stay together.

Near duplicates: two texts are joined when one of three min-hashes over their word 4-grams agrees
(Broder 1997); at a Jaccard similarity of 0.8 they are joined with 99%. Groups are components.
"""

import hashlib
import re
import zlib
from collections import Counter

from watchers.training.examples import Unit

_WORD = re.compile(r"\w+")
_SALTS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
RARE = {
    "jailbreak",
    "direct_injection",
    "indirect_injection",
    "prompt_extraction",
    "benign",
    "harmful",
    "persona",
    "security",
    "documents",
    "ewt",
    "wikigold",
}
LARGEST = 0.01  # a component above this share of all units is a template family: it stays in training


def _hashes(text: str) -> list[int]:
    words = _WORD.findall(re.sub(r"\d", "0", text.lower()))
    grams = {zlib.crc32(" ".join(words[i : i + 4]).encode()) for i in range(max(1, len(words) - 3))}
    return [min((gram * salt) & 0xFFFFFFFFFFFFFFFF for gram in grams) for salt in _SALTS]


class _Sets:
    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        self.parent[self.find(other)] = self.find(one)


def components(units: list[Unit]) -> list[int]:
    """A component number for each unit."""
    sets = _Sets(len(units))
    seen: dict[object, int] = {}
    for index, unit in enumerate(units):
        for example in unit.examples:
            keys: list[object] = [(slot, value) for slot, value in enumerate(_hashes(example.text))]
            if example.group:
                keys.append(f"{example.source}:{example.group}")
            for key in keys:
                sets.join(seen.setdefault(key, index), index)
    return [sets.find(index) for index in range(len(units))]


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int(hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8], 16) / 2**32


def _share(unit: Unit, share: float) -> float:
    """Small sources are held out more, so that their figures mean something."""
    return 2.5 * share if unit.examples[0].source in RARE else share


def split(units: list[Unit], share: float = 0.04) -> tuple[list[Unit], list[Unit]]:
    """Return (training, validation); decided by a hash of each component's first text, so it is stable."""
    found = components(units)
    sizes = Counter(found)
    held = {
        number
        for number, size in sizes.items()
        if size <= LARGEST * len(units) and fraction(units[number].examples[0].text) < _share(units[number], share)
    }
    train = [unit for unit, number in zip(units, found, strict=True) if number not in held]
    return train, [unit for unit, number in zip(units, found, strict=True) if number in held]


def held_out(template: str, share: float = 0.12) -> bool:
    """Whether a template, named "source:group", belongs to validation."""
    return fraction(template) < share


def split_made(units: list[Unit]) -> tuple[list[Unit], list[Unit]]:
    """Generated units: whole templates are held out, since their fillings repeat everywhere."""
    held = [held_out(f"{unit.examples[0].source}:{unit.examples[0].group}") for unit in units]
    train = [unit for unit, out in zip(units, held, strict=True) if not out]
    return train, [unit for unit, out in zip(units, held, strict=True) if out]
