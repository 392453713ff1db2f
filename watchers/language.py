"""Which language a text is in, and the watcher `language`: texts in a language that the application does not expect.

Identification is CLD2's: 2 MB, tens of microseconds a text, 80 languages, and "unknown" rather than a guess for texts
that are too short or no language at all, which matters more here than a label on everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import msgspec

from watchers.options import options_of
from watchers.registry import Order
from watchers.verdicts import Verdicts
from watchers.watcher import Direction, Judgement, Record, Skip, Span, WatcherError

try:
    pycld2: Any = import_module("pycld2")
except ImportError:  # no wheel for this machine and no compiler
    pycld2 = None

VERSION: Final = "cld2-1"
UNKNOWN: Final = "und"  # BCP 47: undetermined
LABELS: Final = {"unexpected": 0.5, "changed": 1.0}
_READ_CHARS: Final = 20_000
_SPACES: Final = str.maketrans("\t\n\r", "   ")
_REMEMBERED: Final = 64  # texts: every head of the pack asks about the same ones
_LEAST_LETTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Language:
    """`code`: ISO 639, or UNKNOWN. `share`: of the text's letters, 0 to 1; a reliable guess only."""

    code: str = UNKNOWN
    share: float = 0.0


def language_of(text: str) -> Language:
    """Return the main language of any string, UNKNOWN where that is not sure. Raises RuntimeError without CLD2."""
    return _language_of(text[:_READ_CHARS])  # cut before it is remembered: no long text is kept alive


@lru_cache(_REMEMBERED)
def _language_of(text: str) -> Language:
    if pycld2 is None:
        raise RuntimeError("pycld2 is not installed")
    clean = text.translate(_SPACES)
    if not clean.isprintable():  # CLD2 refuses control characters; looking at each character is slow
        clean = "".join(char if char.isprintable() else " " for char in clean)
    if sum(map(str.isalpha, clean[:200])) < _LEAST_LETTERS and not _dense(clean):
        return Language()
    try:
        reliable, _, best = pycld2.detect(clean.encode("utf-8", "replace"), bestEffort=False)
    except pycld2.error:  # bytes that it takes for invalid: nothing that a language is written in
        return Language()
    _, code, percent, _ = best[0]
    if not reliable or code == "un" or code.startswith("xx"):  # "xx-Qaai": a script or symbols, no language
        return Language()
    return Language(code.removesuffix("-Latn"), percent / 100)


def _dense(text: str) -> bool:
    """A few characters of a script without spaces say what a dozen letters do."""
    return sum(char > "\u2e7f" for char in text[:200]) >= 4


class LanguageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher. `expected`: ISO 639 codes; empty: every language is."""

    expected: tuple[str, ...] = ()
    least_share: float = 0.5  # of a text: less of another language is a quotation


class LanguageWatcher:
    """Flags `unexpected` languages, and marks `changed` where an answer is not in its question's language."""

    model = VERSION

    def __init__(
        self,
        name: str = "language",
        options: LanguageOptions | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.labels: Mapping[str, float] = {**LABELS, **(thresholds or {})}
        self._options = options or LanguageOptions()
        self._verdicts = Verdicts(name, self.model, self.labels)

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; the code of the language found is its span's label."""
        languages = [language_of(record.text) for record in records]
        asked: dict[str, str] = {}
        for record, language in zip(records, languages, strict=True):
            if record.direction is Direction.PROMPT and language.code != UNKNOWN:
                asked[record.exchange] = language.code
        return [
            self._judge(record, language, asked.get(record.exchange))
            for record, language in zip(records, languages, strict=True)
        ]

    def _judge(self, record: Record, language: Language, asked: str | None) -> Judgement:
        if not record.text:
            return Judgement(skipped=Skip.EMPTY)
        sure = language.code != UNKNOWN and language.share >= self._options.least_share
        expected = self._options.expected
        scores = {}
        if sure and expected and language.code not in expected:
            scores["unexpected"] = language.share
        if sure and record.direction is Direction.COMPLETION and asked not in (None, language.code):
            scores["changed"] = min(language.share, 0.99)
        spans = [Span(0, len(record.text), label, score) for label, score in scores.items()]
        return Judgement(self._verdicts.of_scores(scores, spans))


def make(order: Order) -> LanguageWatcher:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    if pycld2 is None:
        raise WatcherError(order.name, "pycld2 is not installed", "pip install pycld2, or leave this watcher out")
    return LanguageWatcher(order.name, options_of(order, LanguageOptions), order.thresholds)
