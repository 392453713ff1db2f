"""From the token tags of an encoding to entities, word by word.

A word belongs to one type: its pieces vote with their probabilities, and the likeliest course through the words of a stretch
decides (`tag_path`). Where windows overlap, a token is read in the window that shows more of its surroundings. Edges are tidied by
rule: titles, punctuation and common words are no part of a name, an abbreviation's stop is. What is written small is a name only
where the model is sure of it, or where the whole text is written small.
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
_COMPANY: Final = re.compile(r",? (?:(?:inc|ltd|llc|llp|corp|plc|gmbh)\b\.?|l\.p\.)", re.IGNORECASE)
# Legal forms that in small letters may be words.
_FORM: Final = re.compile(
    r",? (?:AG|AB|AS|A/S|ApS|BV|B\.V\.|NV|N\.V\.|KG|SE|SA|S\.A\.|SAS|SARL|SL|S\.L\.|SpA|S\.p\.A\.|Srl|Oyj?|Pty|Pte|Kft|Zrt|Ltda|"
    r"a\.s\.|s\.r\.o\.|s\.r\.l\.|e\.V\.)(?!\w)"
)
# What an organisation's name goes on with, where it is written large.
_KIND_OF_COMPANY: Final = re.compile(
    r" (?:Services|Group|Holdings?|Partners|Technologies|Systems|Solutions|University|Institute|Foundation|Association|Corporation|"
    r"Company|Limited|Bank|Hospital|Airlines|Airways|Railway|Trust|Industries|Pharmaceuticals|Consulting|Logistics)\b"
)
_SECOND_HALF: Final = re.compile(r"[-‐][A-Z][a-z]+")  # of a double name: "Al-Sayed"
# Words written small that a name may begin with.
_PARTICLES: Final = frozenset(
    ["abu", "af", "al", "av", "ben", "bin", "bint", "da", "das", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "ibn", "la",
     "le", "mc", "st", "ten", "ter", "van", "von", "zu"]
)  # fmt: skip
_CAPITALISED: Final = re.compile(r"\b[A-Z][A-Za-z]")
_CASED: Final = 2  # capitalised words, from which on a text's small letters say that a word is no name
_LEAST_SMALL: Final = 0.8  # mean probability of a name written small in such a text
_NAMES: Final = 3  # the first types: they do not go on in the next line, as an address does
_REACH: Final = 3  # characters between two words of one entity
_LEAST: Final = 0.4  # mean probability of an entity's words
_NOTHING: Final = 0.7  # least probability of no entity among the tokens: nothing worth decoding above it


@dataclass(frozen=True, slots=True)
class Words:
    """Words in order: characters [start, end), the probabilities of each type, and of a new entity starting.

    Shapes: `starts`, `ends` int32 (words,); `types`, `begins` float32 (words, types).
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    types: Floats
    begins: Floats


def entities(encoding: Encoding, text: str) -> list[Span]:
    """Return the entities of a text in order, without overlaps; scores are mean word probabilities."""
    offsets, tags = _tokens(encoding)
    if not len(tags) or tags[:, 0].min() > _NOTHING:
        return []
    words = _words(text, offsets, tags)
    found: list[Span] = []
    for kind, first, last in _runs(text, words):
        score = sum(words.types[first : last + 1, kind].tolist()) / (last + 1 - first)
        span = _tidied(text, int(words.starts[first]), int(words.ends[last]), ENTITY_TYPES[kind], score)
        if span and score >= _LEAST and (not found or span.start >= found[-1].end):
            found.append(span)
    if any(_small(text, span) for span in found) and len(_CAPITALISED.findall(text)) >= _CASED:
        return [span for span in found if not _small(text, span)]
    return found


def _small(text: str, span: Span) -> bool:
    """Say whether it is a doubtful name written small: none, in a text that writes others large."""
    doubtful = span.score < _LEAST_SMALL and span.label in ENTITY_TYPES[:_NAMES]
    return doubtful and text[span.start : span.end].islower()


def _runs(text: str, words: Words) -> Iterator[tuple[int, int, int]]:
    """Each entity's type with its first and last word."""
    kinds = len(ENTITY_TYPES)
    states = courses(words.types, words.begins, _goes_on(text, words, kinds), _NAMES)
    first = kind = before = -1
    for at in np.flatnonzero(states).tolist():
        state = int(states[at])
        if state <= kinds or at != before + 1:
            if first >= 0:
                yield kind, first, before
            first = at
        kind, before = (state - 1) % kinds, at
    if first >= 0:
        yield kind, first, before


def _goes_on(text: str, words: Words, kinds: int) -> NDArray[np.bool_]:
    """Whether each word may go on with an entity of each type: near enough to the word before, names in one line only."""
    allowed = np.zeros((len(words.starts), kinds), bool)
    gaps = words.starts[1:] - words.ends[:-1]
    allowed[1:] = (gaps <= _REACH)[:, None]
    for index in (np.flatnonzero((gaps > 0) & (gaps <= _REACH)) + 1).tolist():
        if lines := text.count("\n", words.ends[index - 1], words.starts[index]):
            allowed[index] = lines <= 1
            allowed[index, :_NAMES] = False
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


def _words(text: str, offsets: NDArray[np.int32], tags: Floats) -> Words:
    """Tokens that touch and are letters or digits form a word, and so do initials with their stops; all else stands alone."""
    goes_on = _inside_initials(text, offsets)
    for index in (np.flatnonzero(offsets[1:, 0] == offsets[:-1, 1]) + 1).tolist():
        at = int(offsets[index, 0])
        goes_on[index] |= text[at - 1].isalnum() and text[at].isalnum()
    firsts = np.flatnonzero(~goes_on)
    counts = np.diff(firsts, append=len(offsets))
    mean: Floats = (np.add.reduceat(tags, firsts, axis=0) / counts[:, None]).astype(np.float32)
    return Words(offsets[firsts, 0], offsets[firsts + counts - 1, 1], mean[:, 1::2] + mean[:, 2::2], tags[firsts, 1::2])


def _inside_initials(text: str, offsets: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which tokens go on with initials that an earlier token began."""
    inside = np.zeros(len(offsets), bool)
    for match in _INITIALS.finditer(text):
        first, last = np.searchsorted(offsets[:, 0], match.span())
        inside[first + 1 : last] = True
    return inside


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
    name = kind in ENTITY_TYPES[:_NAMES]
    if name:
        start, end = _without_common_words(text, start, end)
    kept = text[start:end]
    if kind == "PERSON" and _TITLE.fullmatch(kept + " "):
        return None
    if kind in ("PERSON", "LOCATION") and kept.endswith(("'s", "’s")):
        end -= 2
    elif kind == "PERSON" and (half := _SECOND_HALF.match(text, end)):
        end = half.end()
    elif kind == "ORGANIZATION" and (longer := _company_end(text, end)) > end:
        end = longer
    elif text.startswith(".", end) and _ABBREVIATION.search(kept):
        end += 1
    return Span(start, end, kind, score) if any(map(str.isalpha if name else str.isalnum, kept)) else None


def _company_end(text: str, end: int) -> int:
    """Where an organisation's name ends with its kind and legal form: "Tata Consultancy" + " Services" + ", Inc."."""
    for more in (_KIND_OF_COMPANY, _FORM, _COMPANY):
        if match := more.match(text, end):
            end = match.end()
    return end


def _without_common_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut words written small off both ends of a name that has capitals: "Atwick parish", "south India"."""
    words = text[start:end].split(" ")
    large = [place for place, word in enumerate(words) if not word.islower()]
    if not any(map(str.isupper, text[start:end])):
        return start, end
    first, last = large[0], large[-1]
    if not _PARTICLES.isdisjoint(words[:first]):
        first = 0  # "de la Cruz"
    kept = " ".join(words[first : last + 1])
    start += len(" ".join(words[:first])) + (first > 0)
    return start, start + len(kept)


def _closes(text: str, start: int, end: int) -> bool:
    """A final stop belongs to an abbreviation (Inc., J.), a bracket to one that opened inside."""
    if text[end - 1] == ")":
        return "(" in text[start:end]
    last = text[start : end - 1].replace(".", " ").split()[-1:]
    return bool(last) and (
        len(last[0]) == 1 or last[0].lower() in {"inc", "ltd", "co", "corp", "jr", "sr", "st", "apt"}
    )
