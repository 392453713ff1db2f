"""Templates with slots: `{name}` is replaced by a random entry of the list of that name, itself a template."""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

Slots = Mapping[str, Sequence[str]]
PHRASES = Path(__file__).parent / "phrases"
_SLOT = re.compile(r"\{(\w+)\}")
_HEAD = re.compile(r"\[\[(\w+)\]\]")
_LETTERS = re.compile(r"[a-z]{5,}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou](?!ne\b|ni[^mn]|uro|se[dr]?\b))", re.IGNORECASE)


def lines(text: str) -> list[str]:
    """One entry a line; blank lines and surrounding space dropped."""
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def phrases(name: str) -> list[str]:
    """The templates of phrases/NAME.txt, one a line; lines that begin with # are comments.

    Raises FileNotFoundError with the path.
    """
    text = (PHRASES / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in lines(text) if not line.startswith("#")]


def sections(name: str) -> dict[str, list[str]]:
    r"""The lists of `phrases/NAME.txt`: `[[slot]]`, then one template a line.

    `\n` is a line break, a line of `""` an empty entry; lines above the first head are a comment.
    """
    found: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in lines((PHRASES / f"{name}.txt").read_text(encoding="utf-8")):
        head = _HEAD.fullmatch(line)
        if head:
            entries = found.setdefault(head[1], [])
        else:
            entries.append("" if line == '""' else line.replace("\\n", "\n"))
    return found


def articled(text: str) -> str:
    """ "a" becomes "an" before a vowel that sounds like one ("an Asian", "a one-way ticket", "a unicorn", "a European")."""
    return _ARTICLE.sub(r"\1n ", text)


def fill(template: str, slots: Slots, rng: random.Random) -> str:
    """Expand slots, recursively; a slot without a list stays as it is (documents contain braces too)."""

    def choose(match: re.Match[str]) -> str:
        entries = slots.get(match[1])
        return fill(rng.choice(entries), slots, rng) if entries else match[0]

    return _SLOT.sub(choose, template)


def cased(text: str, rng: random.Random) -> str:
    """As people type: mostly as written, sometimes all lower case, sometimes without the final stop."""
    if rng.random() < 0.25:
        text = text.lower()
    if rng.random() < 0.2:
        text = text.rstrip(".!")
    return text[:1].upper() + text[1:] if rng.random() < 0.7 else text


def mistyped(text: str, rng: random.Random) -> str:
    """Some words with two letters swapped or one lost."""

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if rng.random() > 0.25:
            return word
        at = rng.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + (word[at] if rng.random() < 0.5 else "") + word[at + 2 :]

    return _LETTERS.sub(slip, text)
