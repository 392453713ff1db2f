"""The words that mark a change: log-odds with an informative prior.

Source: Monroe, Colaresi, Quinn, Fightin' words (Political Analysis 2008), equations 15, 16 and 22.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from watchers.drift.ranks import Doubles

# A word, or a placeholder such as [EMAIL]; at most 30 characters, so that pasted blobs are no terms.
WORD = re.compile(r"\[[A-Z_]{2,30}\]|[^\W\d_][\w'’-]{1,29}")
PRIOR = 100.0  # weight of the pooled words, in words
SIGNIFICANT = 1.96


@dataclass(frozen=True, slots=True)
class Term:
    """A word and how much more it is used after than before. `z`: standard deviations; shares: of texts."""

    term: str
    z: float
    before: float
    after: float


def words(text: str) -> set[str]:
    """Return a text's different words; each counts once a text, so that one long text does not decide."""
    return {w if w[0] == "[" else w.lower() for w in WORD.findall(text)}


def marking_terms(before: Iterable[str], after: Iterable[str], count: int = 10) -> tuple[list[Term], list[Term]]:
    """Return the terms most gained and most lost, strongest first; only those beyond 1.96 deviations."""
    first, second = [words(t) for t in before if t], [words(t) for t in after if t]
    if not first or not second:
        return [], []
    old, new = (Counter(w for text in texts for w in text) for texts in (first, second))
    names = sorted(old.keys() | new.keys())
    z = _z_scores(np.array([old[n] for n in names], float), np.array([new[n] for n in names], float))
    terms = [
        Term(n, round(float(s), 2), round(old[n] / len(first), 4), round(new[n] / len(second), 4))
        for n, s in zip(names, z, strict=True)
        if abs(s) > SIGNIFICANT
    ]
    terms.sort(key=lambda t: (-abs(t.z), t.term))
    return [t for t in terms if t.z > 0][:count], [t for t in terms if t.z < 0][:count]


def _z_scores(old: Doubles, new: Doubles) -> Doubles:
    prior = PRIOR * (old + new) / (old + new).sum()
    odds = []
    for counts in (new, old):
        total = counts.sum() + PRIOR
        odds.append(np.log((counts + prior) / np.maximum(total - counts - prior, 1e-9)))
    deviation = np.sqrt(1.0 / (new + prior) + 1.0 / (old + prior))
    z: Doubles = (odds[0] - odds[1]) / deviation
    return z
