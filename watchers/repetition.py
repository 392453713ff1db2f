"""The watcher `repetition`: completions that loop, and completions that are no language.

A loop is measured by how few of a text's runs of words are different, and by how far it compresses; gibberish by how
many of its words nobody could pronounce. Both know nothing of meaning and cost microseconds.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from watchers.options import options_of
from watchers.registry import Order
from watchers.verdicts import Verdicts
from watchers.view import pattern, view
from watchers.watcher import Direction, Judgement, Record, Skip, Span

VERSION: Final = "repetition-1"
LABELS: Final = {"repetition": 0.5, "gibberish": 0.5}
_WORD: Final = re.compile(r"\S+")  # one class: nothing to backtrack
_GRAM: Final = 4  # words
_LEAST_WORDS: Final = 40
_LEAST_CHARS: Final = 240
_READ_CHARS: Final = 100_000
_TAIL_CHARS: Final = 4_000  # a model that falls into a loop ends in it
# Prose has 95% different runs of four words, lists and tables above 70%, loops below 30%.
_DIFFERENT, _LOOPING = 0.6, 0.25
# zlib leaves 35% to 60% of prose, 15% to 30% of logs and tables, below 8% of loops.
_PLAIN, _SQUEEZED = 0.13, 0.05
# Words that nobody could pronounce in any language written so: six consonants in a row, none but consonants, ...
_C: Final = "[bcdfgjklmnpqrstvwxzBCDFGJKLMNPQRSTVWXZ]"  # no h: "Angstschweiß", "Rechtsschutz"
_UNSPEAKABLE: Final = pattern(
    rf"\b(?:[A-Za-z]*(?:{_C}{{6}}|[aeiou]{{5}}|(?:[jqxz][bcdfgjkmpqvwxz]){{2}}|q[b-tv-z])[A-Za-z]*|{_C}{{4,}})\b"
)
_JOINTS: Final = frozenset(b"_/\\=+.<>$@-:0123456789")
_LEAST_LATIN: Final = 8  # words
_ODD, _MAD = 0.15, 0.45  # share of unspeakable words: in prose below 0.05 even with names and acronyms


class RepetitionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher. `prompts`: also read what goes to the model (floods)."""

    prompts: bool = False


class Repetition:
    """Finds loops and gibberish."""

    model = VERSION
    by_text = True

    def __init__(
        self,
        name: str = "repetition",
        options: RepetitionOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.labels: Mapping[str, float] = {**LABELS, **(thresholds or {})}
        self._prompts = (options or RepetitionOptions()).prompts
        self._verdicts = Verdicts(name, self.model, self.labels)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; prompts are not applicable unless asked for."""
        return [self._judge(record) for record in records]

    def _judge(self, record: Record) -> Judgement:
        if record.direction is Direction.PROMPT and not self._prompts:
            return Judgement(skipped=Skip.NOT_APPLICABLE)
        if not record.text:
            return Judgement(skipped=Skip.EMPTY)
        text = record.text[:_READ_CHARS]
        spans = [span for span in (_repetition(record.text), _gibberish(text)) if span.score > 0.0]
        return Judgement(self._verdicts.of_spans(spans))


def _repetition(whole: str) -> Span:
    """The higher of the text's and its tail's score: a loop at the end of a long answer must not be diluted."""
    text, tail = whole[:_READ_CHARS], whole[-_TAIL_CHARS:]
    score = max(_looping(text), _squeezed(text))
    at_end = max(_looping(tail), _squeezed(tail)) if len(whole) > _TAIL_CHARS else 0.0
    start = len(whole) - len(tail) if at_end > score else 0
    return Span(start, len(whole), "repetition", max(score, at_end))


def _looping(text: str) -> float:
    words = [match.group() for match in _WORD.finditer(text)]
    total = len(words) - _GRAM + 1
    if len(words) < _LEAST_WORDS:
        return 0.0
    different = len({tuple(words[at : at + _GRAM]) for at in range(total)}) / total
    return _between(different, _DIFFERENT, _LOOPING)


def _squeezed(text: str) -> float:
    if len(text) < _LEAST_CHARS:
        return 0.0
    raw = text.encode("utf-8", "replace")[: 1 << 15]  # deflate looks back 32 KB
    return _between(len(zlib.compress(raw, 1)) / len(raw), _PLAIN, _SQUEEZED)


def _gibberish(text: str) -> Span:
    """Latin script only: of other scripts this tells nothing."""
    data = view(text[:_TAIL_CHARS]).data
    words = sum(len(word) > 3 and word[:1].isalpha() and word.isascii() for word in data.split())
    if words < _LEAST_LATIN:
        return Span(0, len(text), "gibberish", 0.0)
    odd = sum(not _code(data, *match.span()) for match in _UNSPEAKABLE.finditer(data))
    return Span(0, len(text), "gibberish", _between(odd / words, _ODD, _MAD))


def _code(data: bytes, start: int, end: int) -> bool:
    """Part of an identifier, a path, an address or a token, or an acronym: no word of a language."""
    if data[start:end].isupper() or (start and data[start - 1] in _JOINTS):
        return True
    return data[end : end + 1] != b"" and data[end] in _JOINTS and data[end + 1 : end + 2].strip() != b""


def _between(value: float, nothing: float, certain: float) -> float:
    """Map a measure to a score: 0 at `nothing`, 1 at `certain`, straight in between."""
    return round(min(1.0, max(0.0, (value - nothing) / (certain - nothing))), 4)


def make(order: Order) -> Repetition:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    return Repetition(order.name, options_of(order, RepetitionOptions), order.thresholds)
