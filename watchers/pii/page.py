"""A text laid out for the finders: its plain bytes, and where the words of each topic stand."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from watchers.pii.topics import FOREIGN, TOPICS
from watchers.view import CASELESS, LOWER, UPPER, ByteView, pattern, view

_DIGITS: Final = b"0123456789"
_NOT_DIGITS: Final = bytes(set(range(256)) - set(_DIGITS))
_WORD: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
# Six digits, a version 4 address, a postal code of five, a British postal code, an Indian PAN.
_NUMERIC: Final = pattern(
    r"\d(?:[ ()./:-]{0,4}\d){5}|\d\.\d{1,3}\.\d|\d{5}|[A-Z]\d{1,2}[A-Z]? \d[A-Z]{2}|[A-Z]{5}\d{4}[A-Z]"
)
_LONG_TOKEN: Final = pattern(r"[A-Za-z0-9]{16}")
_FOREIGN_BYTES: Final = (bytes([LOWER]), bytes([UPPER]), bytes([CASELESS]))
_JOINTS: Final = frozenset(b".-/:,+")  # between digits they make one longer number
BEFORE: Final = 64  # characters in which an announcing word counts, before and after a number
AFTER: Final = 24


@dataclass(frozen=True, slots=True)
class Finding:
    """Bytes `start` to `end` of a page are of type `label`. `score`: how sure the pattern is, 0 to 1."""

    start: int
    end: int
    label: str
    score: float


@dataclass(slots=True)
class Page:
    """`lower`: `data` in lower case. `digits`: how many there are, so that finders of numbers can return at once."""

    view: ByteView
    data: bytes
    lower: bytes
    digits: int
    numeric: bool  # a number of six digits or more stands somewhere, or the form of an IP address or a postal code
    long_token: bool  # a run of sixteen letters and digits stands somewhere
    topics: dict[str, list[int]] = field(default_factory=dict)  # topic -> where its words start, ascending

    def near(self, topic: str, start: int, end: int, before: int = BEFORE, after: int = AFTER) -> bool:
        """Say whether a word of the topic starts at most `before` characters before, or `after` after."""
        places = self.topics.get(topic)
        if not places:
            return False
        index = bisect_left(places, start - before)
        while index < len(places) and places[index] < end + after:
            if not start <= places[index] < end:
                return True
            index += 1
        return False

    def isolated(self, start: int, end: int) -> bool:
        """Say whether the characters around do not continue the number or word between them."""
        data = self.data
        if start and (
            data[start - 1] in _WORD or (data[start - 1] in _JOINTS and start > 1 and _digit(data[start - 2]))
        ):
            return False
        if end >= len(data):
            return True
        return not (data[end] in _WORD or (data[end] in _JOINTS and end + 1 < len(data) and _digit(data[end + 1])))

    def matches(self, regex: Any) -> Iterator[tuple[int, int]]:
        """Yield start and end of each match, left to right (group 1 where the pattern has one)."""
        group = 1 if regex.groups else 0
        for match in regex.finditer(self.data):
            yield match.span(group)

    def text(self, start: int, end: int) -> str:
        return self.data[start:end].decode("latin-1")


def _digit(byte: int) -> bool:
    return 48 <= byte <= 57


def page(text: str) -> Page:
    """Lay out a text; costs a few microseconds a kilobyte."""
    seen = view(text)
    data = seen.data
    digits = len(data.translate(None, _NOT_DIGITS))
    numeric = digits >= 4 and _NUMERIC.search(data) is not None
    made = Page(seen, data, data.lower(), digits, numeric, digits > 0 and _LONG_TOKEN.search(data) is not None)
    _find_topics(made)
    if digits and any(byte in data for byte in _FOREIGN_BYTES):
        _find_foreign(made, text)
    return made


def _find_topics(made: Page) -> None:
    regex, topics_of = _words()
    for match in regex.finditer(made.lower):
        start = match.start()
        for topic in topics_of[match.group()]:
            made.topics.setdefault(topic, []).append(start)


def _find_foreign(made: Page, text: str) -> None:
    """Other scripts have no plain bytes: look in the text itself. Places are exact only without dropped characters."""
    for word, topic in FOREIGN.items():
        at = text.find(word)
        while at >= 0:
            place = at if made.view.index is None else int(made.view.index.searchsorted(at))
            made.topics.setdefault(topic, []).append(place)
            at = text.find(word, at + len(word))
    for places in made.topics.values():
        places.sort()


@cache
def _words() -> tuple[Any, dict[bytes, tuple[str, ...]]]:
    topics_of: dict[bytes, tuple[str, ...]] = {}
    for topic, words in TOPICS.items():
        for word in words.split("|"):
            key = word.encode("ascii", "ignore")
            topics_of[key] = (*topics_of.get(key, ()), topic)
    # Longest first: the leftmost alternative wins, and a long phrase must not lose to its first word.
    ordered = sorted(topics_of, key=len, reverse=True)
    for phrase in ordered:  # a phrase also announces what the words that it swallows announce
        inner = {topic for word in _inside(phrase) if word != phrase for topic in topics_of.get(word, ())}
        topics_of[phrase] = tuple(dict.fromkeys((*topics_of[phrase], *sorted(inner))))
    escaped = "|".join(word.decode().replace(".", r"\.").replace("/", r"\/") for word in ordered)
    return pattern(rf"\b(?:{escaped})(?:\b|_)"), {
        **topics_of,
        **{key + b"_": value for key, value in topics_of.items()},
    }


def _inside(phrase: bytes) -> list[bytes]:
    return phrase.replace(b"-", b" ").replace(b"/", b" ").split()
