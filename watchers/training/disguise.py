"""Spellings that hide words: leet, spaces in or between words, repeated, swapped, missing and starred letters."""

import random
import re

_LEET = str.maketrans({"a": "@", "e": "3", "i": "1", "o": "0", "s": "$", "t": "7"})
_WORDS = re.compile(r"[A-Za-z]{4,}")


def disguised(text: str, rng: random.Random) -> str:
    """One way of writing around a filter: other characters, spaces, stars, slips and missing letters."""
    style = rng.randrange(8)
    if style == 0:
        return _WORDS.sub(lambda m: m[0].translate(_LEET) if rng.random() < 0.4 else m[0], text)
    if style == 1:
        return _WORDS.sub(lambda m: " ".join(m[0]) if rng.random() < 0.2 else m[0], text)
    if style == 2:
        return _WORDS.sub(lambda m: m[0][:2] + m[0][1] + m[0][1:] if rng.random() < 0.3 else m[0], text)
    if style == 3:
        return _WORDS.sub(lambda m: m[0][0] + "*" + m[0][2:] if rng.random() < 0.3 else m[0], text)
    if style == 4:
        return _WORDS.sub(lambda m: _swapped(m[0], rng) if rng.random() < 0.4 else m[0], text)
    if style == 5:
        return _WORDS.sub(lambda m: _lacking(m[0], rng) if rng.random() < 0.4 else m[0], text)
    if style == 6:
        return re.sub(" ", lambda _: "" if rng.random() < 0.5 else " ", text)
    return _WORDS.sub(lambda m: _parted(m[0], rng) if rng.random() < 0.4 else m[0], text)


def _swapped(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _lacking(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _parted(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word))
    return word[:at] + " " + word[at:]
