"""How much of a system prompt stands in a completion, word for word, whatever its formatting."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from watchers.view import pattern, view

# One class, no alternatives inside a repetition: nothing to backtrack. Scripts without spaces count a character as a word.
_WORD: Final = re.compile(r"[぀-ヿ㐀-鿿가-힣฀-๿]|[^\W_぀-ヿ㐀-鿿가-힣฀-๿]+")
_BASE64: Final = pattern(r"[A-Za-z0-9+/_-]{40,}={0,2}")
GRAM: Final = 5  # words; common phrases of five words are rare between unrelated texts
LEAST_WORDS: Final = 8  # of a system prompt: "You are a helpful assistant" is no secret
SURE_WORDS: Final = 24  # in a row: no answer repeats so many by chance
_WORDS_READ: Final = 50_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """`words`: the longest run in common; `share`: of the system prompt's n-grams, how many the completion has.

    `start`, `end`: characters of the longest run in the completion.
    """

    words: int = 0
    share: float = 0.0
    start: int = 0
    end: int = 0

    @property
    def score(self) -> float:
        """0.5 at a dozen words in a row or a third of the prompt; 1 at twice that."""
        return round(min(1.0, max(self.words / SURE_WORDS, self.share * 1.5)), 4)


def words(text: str) -> list[tuple[str, int, int]]:
    """Return the words with their characters, folded; at most the first `_WORDS_READ`."""
    found = []
    for match in _WORD.finditer(text):
        found.append((match.group().casefold(), match.start(), match.end()))
        if len(found) == _WORDS_READ:
            break
    return found


def grams(text: str) -> set[int]:
    """Return the hashes of all runs of `GRAM` words."""
    plain = [word for word, _, _ in words(text)]
    return {hash(tuple(plain[at : at + GRAM])) for at in range(len(plain) - GRAM + 1)}


def overlap(secret: set[int], completion: str) -> Overlap:
    """Compare a completion with the n-grams of a system prompt; base64 in the completion is read, too."""
    best = _overlap(secret, completion)
    for start, end, decoded in _decoded(completion):
        hidden = _overlap(secret, decoded)
        if hidden.score > best.score:
            best = Overlap(hidden.words, hidden.share, start, end)
    return best


def _overlap(secret: set[int], completion: str) -> Overlap:
    found = words(completion)
    plain = [word for word, _, _ in found]
    seen, run, longest, last = set[int](), 0, 0, 0
    for at in range(len(plain) - GRAM + 1):
        gram = hash(tuple(plain[at : at + GRAM]))
        run = run + 1 if gram in secret else 0
        if run:
            seen.add(gram)
        if run > longest:
            longest, last = run, at
    if not longest:
        return Overlap()
    length = longest + GRAM - 1
    return Overlap(
        length, len(seen) / max(len(secret), SURE_WORDS // 2), found[last - longest + 1][1], found[last + GRAM - 1][2]
    )


def _decoded(text: str) -> Iterable[tuple[int, int, str]]:
    seen = view(text)
    for match in _BASE64.finditer(seen.data):
        raw = match.group().rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            decoded = base64.b64decode(raw + b"=" * (-len(raw) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        yield *seen.original(*match.span()), decoded
