"""The pack's heads as watchers: toxicity, bias and injection, all from the one pass of the shared encoder.

A text is judged as it stands and, where it is disguised, once more with the disguise taken off; the
higher score counts, and over the windows of a long text the highest. Which origins a label reads is a table: a
system prompt is full of instructions by nature, and an answer cannot inject. A label that does not read a
record's origin scores 0. A text in a script that the vocabulary does not spell is not judged; one in another language
than the pack's is, and marked as unsupported, because nobody measured what its scores are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

import msgspec

from watchers.encoding import Encoder, Encoding
from watchers.language import UNKNOWN, language_of, pycld2
from watchers.look import Look, both, read
from watchers.normalize import View, revealed
from watchers.options import options_of
from watchers.pack import Pack
from watchers.registry import Order
from watchers.watcher import Judgement, Origin, Record, Screen, Skip, Span, Verdict, WatcherError

USER: Final = frozenset({Origin.USER, Origin.UNKNOWN})
DOCUMENTS: Final = frozenset({Origin.TOOL_RESULT})
EVERYTHING: Final = frozenset(Origin)
# Labels that do not read everything. Documents are often pasted into user turns, hence `indirect` there.
READS: Final[Mapping[str, frozenset[Origin]]] = {
    "injection": USER,
    "prompt_extraction": USER,
    "indirect": USER | DOCUMENTS,
}
# A dimension says about whom a prejudice is: naming a group is no finding where the head's first label sees none.
DIMENSIONS: Final = frozenset({"bias"})

_LOOKED_AT: Final = 2000  # characters that decide on script and language
_SHARE: Final = 0.5  # of them in a language for the text to be in it
_LATIN: Final = 0x250  # code points below: Latin letters with all their European accents


def foreign(text: str) -> bool:
    """Whether most letters are of a script that the pack's vocabulary does not spell; disguised Latin is not."""
    if text[:_LOOKED_AT].isascii():
        return False
    letters = [character for character in text[:_LOOKED_AT] if character.isalpha()]
    if sum(ord(character) < _LATIN for character in letters) * 2 >= len(letters):
        return False
    view = revealed(text[:_LOOKED_AT])
    return view is None or sum(map(str.isascii, view.text)) * 2 < len(view.text)


@lru_cache(maxsize=512)  # each head asks it of the same texts
def outside(text: str, languages: tuple[str, ...]) -> bool:
    """Whether a text is surely in a language that the pack was not trained on, in Latin letters or not."""
    if pycld2 is None:
        return False
    found = language_of(text)
    return found.code != UNKNOWN and found.share >= _SHARE and found.code not in languages


@runtime_checkable
class PackReader(Encoder, Protocol):
    """An encoder that knows its pack and can say which characters a score hangs on."""

    @property
    def pack(self) -> Pack: ...

    def evidence(
        self,
        text: str,
        head: str,
        labels: Sequence[str],
        most: int,
        budget: int | None = None,
        read: Encoding | None = None,
    ) -> dict[str, list[tuple[int, int, float]]]:
        """For each label those of at most `most` pieces of its highest window that it hangs on, with its score's fall."""
        ...


class HeadOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher in the configuration."""

    evidence_pieces: int = (
        12  # of a flagged window, one or two passes each, fewer in the cascade; 0: flags without spans
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A text's encodings: as it stands, and without its disguise where it has one."""

    plain: Encoding
    view: View | None
    revealed: Encoding | None
    look: Look  # what both took

    @property
    def skipped(self) -> Skip | None:
        """Why not all of the text was read; None where it was."""
        missing = self.revealed is not None and self.revealed.unavailable
        return Skip.MODEL_UNAVAILABLE if missing else self.plain.skipped

    def scores(self, head: str, count: int) -> list[float]:
        """The highest score of each label over all windows of both views."""
        windows = [*self.plain.windows, *(self.revealed.windows if self.revealed else ())]
        return [max((float(window.scores[head][label]) for window in windows), default=0.0) for label in range(count)]


class HeadWatcher:
    """One head of the pack. `thresholds` overrides single labels'."""

    by_text = True

    def __init__(
        self,
        name: str,
        head: str,
        encoder: PackReader,
        rate: str = "1%",
        thresholds: Mapping[str, float] = MappingProxyType({}),
        options: HeadOptions | None = None,
    ) -> None:
        self.name, self.model = name, encoder.model
        self._head, self._encoder, self._options = head, encoder, options or HeadOptions()
        names = encoder.pack.heads[head]
        self.labels: Mapping[str, float] = {
            label: thresholds.get(label, encoder.pack.threshold(label, rate)) for label in names
        }
        # A user turn holds more that looks like an attack than a document does, so some labels have a threshold for each.
        self.in_user_turns = {
            label: thresholds.get(label, encoder.pack.threshold(label, rate, user_turn=True)) for label in names
        }

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; what the token budget left unread, or the model did not read, is told."""
        skips = [self._maybe_skip(record) for record in records]
        read = iter(self._read([record for record, skip in zip(records, skips, strict=True) if skip is None]))
        return [
            Judgement(skipped=skip) if skip else self._judge(record, next(read))
            for record, skip in zip(records, skips, strict=True)
        ]

    def _maybe_skip(self, record: Record) -> Skip | None:
        if not any(self._applies(record)):
            return Skip.NOT_APPLICABLE
        if not record.text.strip():
            return Skip.EMPTY
        if foreign(record.text):
            return Skip.UNSUPPORTED_LANGUAGE
        return Skip.BUDGET if record.budget_tokens == 0 else None

    def _applies(self, record: Record) -> list[bool]:
        """For each label whether it reads the record's origin."""
        return [record.origin in READS.get(label, EVERYTHING) for label in self.labels]

    def _judge(self, record: Record, read: Reading | None) -> Judgement:
        if read is None:
            return Judgement(skipped=Skip.OVERLOAD, screen=Screen.DOUBTED, whole=False)
        if read.plain.unavailable:
            return Judgement(skipped=Skip.MODEL_UNAVAILABLE)
        scores = read.scores(self._head, len(self.labels))
        scores = [score if applies else 0.0 for score, applies in zip(scores, self._applies(record), strict=True)]
        thresholds = self.in_user_turns if record.origin in USER else self.labels
        flagged = self._flagged(scores, thresholds)
        spans = self._spans(record, read, flagged) if flagged and self._options.evidence_pieces else {}
        verdicts = [
            Verdict(self.name, label, score, threshold, label in flagged, self.model, spans.get(label, ()))
            for (label, threshold), score in zip(thresholds.items(), scores, strict=True)
        ]
        languages = self._encoder.pack.languages
        unsupported = Skip.UNSUPPORTED_LANGUAGE if outside(record.text[:_LOOKED_AT], languages) else None
        skipped = read.skipped or unsupported  # judged for what it is worth, and counted as not inspected where clean
        return Judgement(tuple(verdicts), skipped, read.look.screen(bool(flagged)), read.look.whole)

    def _read(self, records: Sequence[Record]) -> list[Reading | None]:
        """Read all texts, and all without their disguise, in one call: a server works on them together.

        None where a view is doubted by the first stage and the full encoder is not to read it.
        """
        views = [revealed(record.text) for record in records]
        asked = [(record.text, record.budget_tokens) for record in records]
        asked += [(view.text, record.budget_tokens) for record, view in zip(records, views, strict=True) if view]
        found = read(self._encoder, asked, self._head)
        plain, undisguised = found[: len(records)], iter(found[len(records) :])
        return [_reading(one, view, next(undisguised) if view else one) for one, view in zip(plain, views, strict=True)]

    def _flagged(self, scores: Sequence[float], thresholds: Mapping[str, float]) -> list[str]:
        over = [label for (label, least), score in zip(thresholds.items(), scores, strict=True) if score >= least]
        overall = next(iter(self.labels))
        return [] if self._head in DIMENSIONS and overall not in over else over

    def _spans(self, record: Record, read: Reading, flagged: list[str]) -> dict[str, tuple[Span, ...]]:
        """The pieces that each flag hangs on, of the view in which its label scores higher."""
        disguised = [label for label in flagged if read.view is not None and self._higher(read, label)]
        pieces = self._pieces(record, record.text, [label for label in flagged if label not in disguised], read.plain)
        if disguised and read.view:
            for label, found in self._pieces(record, read.view.text, disguised, read.revealed).items():
                pieces[label] = [(*read.view.original(start, end), fall) for start, end, fall in found]
        return {
            label: tuple(Span(start, end, label, round(min(1.0, max(0.0, fall)), 4)) for start, end, fall in found)
            for label, found in pieces.items()
        }

    def _pieces(
        self, record: Record, text: str, labels: list[str], read: Encoding | None
    ) -> dict[str, list[tuple[int, int, float]]]:
        most, budget = self._options.evidence_pieces, record.budget_tokens
        return self._encoder.evidence(text, self._head, labels, most, budget, read) if labels else {}

    def _higher(self, read: Reading, label: str) -> bool:
        assert read.revealed is not None
        column = list(self.labels).index(label)
        return _top(read.revealed, self._head, column) > _top(read.plain, self._head, column)


def _reading(plain: Look, view: View | None, hidden: Look) -> Reading | None:
    if plain.encoding is None or hidden.encoding is None:
        return None
    return Reading(plain.encoding, view, hidden.encoding if view else None, both(plain, hidden))


def _top(encoding: Encoding, head: str, label: int) -> float:
    return max((float(window.scores[head][label]) for window in encoding.windows), default=0.0)


def make(order: Order, head: str) -> HeadWatcher:
    """Make the watcher of one head of the pack. Raises WatcherError."""
    if not isinstance(order.encoder, PackReader):
        raise WatcherError(
            order.name, "it reads the model pack and none is loaded", "set watchers.pack or leave it out"
        )
    if head not in order.encoder.pack.heads:
        raise WatcherError(
            order.name, f"the pack has no head {head!r}", f"its heads are {', '.join(order.encoder.pack.heads)}"
        )
    return HeadWatcher(order.name, head, order.encoder, order.rate, order.thresholds, options_of(order, HeadOptions))
