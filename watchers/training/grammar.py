"""Templates with slots: `{name}` is replaced by a random entry of the list of that name, itself a template."""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_SLOT = re.compile(r"\{(\w+)\}")


def lines(text: str) -> list[str]:
    """One entry a line; blank lines and surrounding space dropped."""
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def phrases(name: str) -> list[str]:
    """The list of that name in `phrases/`, one entry a line."""
    return lines((Path(__file__).parent / "phrases" / f"{name}.txt").read_text(encoding="utf-8"))


def fill(template: str, slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
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
