"""From the token tags of an encoding to entities, word by word.

A word belongs to one type: its pieces vote with their probabilities, and the likeliest course through the words of a stretch
decides (`tag_path`). Where windows overlap, a token is read in the window that shows more of its surroundings. Edges are tidied by
rule: titles and punctuation are no part of a name, an abbreviation's stop is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchers.encoding import Encoding, Floats
from watchers.tag_path import courses
from watchers.watcher import Span

ENTITY_TYPES: Final = (
    "PERSON", "LOCATION", "ORGANIZATION", "STREET_ADDRESS", "DATE_TIME", "DATE_OF_BIRTH", "PHONE_NUMBER", "ID_NUMBER",
)  # fmt: skip
TAGS: Final = ("O", *(f"{edge}-{kind}" for kind in ENTITY_TYPES for edge in "BI"))
_TITLE: Final = re.compile(
    r"(?:(?:mr|mrs|ms|miss|dr|prof|sir|madam|herr|frau|president|professor|doctor)\b\.?\s+)+", re.IGNORECASE
)
_EDGE: Final = " \t\r\n,;:!?\"'“”‘’<>[]{}|*_-–—/\\#"
# "U.S.", "J.R.R.", "U.K": one word, though the tokenizer cuts it at its stops.
_INITIALS: Final = re.compile(r"(?<![^\W\d_])(?:[A-Za-z]\.){2,}|(?<![^\W\d_])[A-Za-z]\.[A-Za-z](?![^\W\d_])")
_ABBREVIATION: Final = re.compile(r"\b(?:inc|corp|ltd|co|jr|sr|bros)$", re.IGNORECASE)
_COMPANY: Final = re.compile(r",? (?:inc|ltd|llc|corp|plc|gmbh)\b\.?", re.IGNORECASE)
_NAMES: Final = 3  # the first types: they do not go on in the next line, as an address does
_REACH: Final = 3  # characters between two words of one entity
_LEAST: Final = 0.4  # mean probability of an entity's words


@dataclass(frozen=True, slots=True)
class Word:
    """Characters [start, end) with the probabilities of each type, float32 (types,), and of a new entity starting."""

    start: int
    end: int
    types: Floats
    begins: Floats


def entities(encoding: Encoding, text: str) -> list[Span]:
    """Return the entities of a text in order, without overlaps; scores are mean word probabilities."""
    found = []
    for kind, words in _runs(text, encoding):
        score = float(np.mean([word.types[kind] for word in words]))
        span = _tidied(text, words[0].start, words[-1].end, ENTITY_TYPES[kind], score)
        if span and score >= _LEAST:
            found.append(span)
    return found


def _runs(text: str, encoding: Encoding) -> Iterator[tuple[int, list[Word]]]:
    """The words of each entity with its type."""
    words = list(_words(text, *_tokens(encoding)))
    if not words:
        return
    kinds = len(ENTITY_TYPES)
    types, begins = np.stack([word.types for word in words]), np.stack([word.begins for word in words])
    states = courses(types, begins, _goes_on(text, words, kinds), _NAMES)
    run: list[Word] = []
    kind = 0
    for word, state in zip(words, states.tolist(), strict=True):
        if run and state <= kinds:
            yield kind, run
            run = []
        if state:
            kind = (state - 1) % kinds
            run.append(word)
    if run:
        yield kind, run


def _goes_on(text: str, words: list[Word], kinds: int) -> NDArray[np.bool_]:
    """Whether each word may go on with an entity of each type: near enough to the word before, names in one line only."""
    allowed = np.zeros((len(words), kinds), bool)
    for index in range(1, len(words)):
        before, word = words[index - 1], words[index]
        if word.start - before.end <= _REACH:
            lines = text.count("\n", before.end, word.start)
            allowed[index] = lines <= 1
            allowed[index, :_NAMES] = not lines
    return allowed


def _tokens(encoding: Encoding) -> tuple[NDArray[np.int32], Floats]:
    """Offsets (tokens, 2) and tags (tokens, tags) of the whole text, each token once.

    Of two windows that overlap, the earlier one speaks for the first half of what they share.
    """
    offsets, tags, reached = [], [], 0
    for number, window in enumerate(encoding.windows):
        end = window.end
        if number + 1 < len(encoding.windows) and encoding.windows[number + 1].start < end:
            end = (encoding.windows[number + 1].start + end) // 2
        kept = (window.offsets[:, 0] >= reached) & (window.offsets[:, 0] < end)
        offsets.append(window.offsets[kept])
        tags.append(window.tags[kept])
        reached = end
    if not offsets:
        return np.zeros((0, 2), np.int32), np.zeros((0, len(TAGS)), np.float32)
    return np.concatenate(offsets), np.concatenate(tags)


def _words(text: str, offsets: NDArray[np.int32], tags: Floats) -> Iterator[Word]:
    """Tokens that touch and are letters or digits form a word, and so do initials with their stops; all else stands alone."""
    if not len(tags) or tags[:, 0].min() > 0.7:  # nothing worth decoding
        return
    first = 0
    inside = _inside_initials(text, offsets)
    for index in range(1, len(offsets) + 1):
        if index < len(offsets) and (inside[index] or _joined(text, offsets[index - 1], offsets[index])):
            continue
        yield _word(offsets[first:index], tags[first:index])
        first = index


def _inside_initials(text: str, offsets: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which tokens go on with initials that an earlier token began."""
    inside = np.zeros(len(offsets), bool)
    for match in _INITIALS.finditer(text):
        first, last = np.searchsorted(offsets[:, 0], match.span())
        inside[first + 1 : last] = True
    return inside


def _joined(text: str, before: NDArray[np.int32], after: NDArray[np.int32]) -> bool:
    return bool(before[1] == after[0]) and text[before[1] - 1].isalnum() and text[after[0]].isalnum()


def _word(offsets: NDArray[np.int32], tags: Floats) -> Word:
    mean = tags.mean(axis=0)
    types = mean[1::2] + mean[2::2]
    return Word(int(offsets[0, 0]), int(offsets[-1, 1]), types, tags[0, 1::2])


def _tidied(text: str, start: int, end: int, kind: str, score: float) -> Span | None:
    """Cut titles and punctuation off the edges; nothing is left of what has no letter or digit."""
    if kind == "PERSON":
        title = _TITLE.match(text, start, end)
        start = title.end() if title else start
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and (text[end - 1] in _EDGE or (text[end - 1] in ".)" and not _closes(text, start, end))):
        end -= 1
    if text.startswith("(", start) and ")" not in text[start:end] and kind != "PHONE_NUMBER":
        start += 1
    kept = text[start:end]
    if kind == "PERSON" and _TITLE.fullmatch(kept + " "):
        return None
    if kind == "PERSON" and kept.endswith(("'s", "’s")):
        end -= 2
    elif kind == "ORGANIZATION" and (company := _COMPANY.match(text, end)):
        end = company.end()
    elif text.startswith(".", end) and _ABBREVIATION.search(kept):
        end += 1
    return Span(start, end, kind, score) if any(map(str.isalnum, kept)) else None


def _closes(text: str, start: int, end: int) -> bool:
    """A final stop belongs to an abbreviation (Inc., J.), a bracket to one that opened inside."""
    if text[end - 1] == ")":
        return "(" in text[start:end]
    last = text[start : end - 1].replace(".", " ").split()[-1:]
    return bool(last) and (
        len(last[0]) == 1 or last[0].lower() in {"inc", "ltd", "co", "corp", "jr", "sr", "st", "apt"}
    )
