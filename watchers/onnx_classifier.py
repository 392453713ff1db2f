"""The watcher type `onnx`: any exported text or token classifier, by configuration alone.

A text is read in overlapping windows; a label's score is the highest over the windows. Of a text past its budget (its own or
what is left of the exchange's) head and tail are read first. Its scores are the model's own (softmax or sigmoid), not
calibrated: choose thresholds on your traffic.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchers.export import ExportError, Task, load
from watchers.options import options_of
from watchers.registry import Order
from watchers.verdicts import Verdicts
from watchers.watcher import Direction, Judgement, Origin, Record, Skip, Span, WatcherError
from watchers.windows import cut as windows_of
from watchers.windows import unread

Floats = NDArray[np.float32]

_OVERLAP: Final = 0.25  # of a window
_BATCH_TOKENS: Final = 1_024  # padding included: what one run may hold in memory
_TOKEN_CHARS: Final = 12  # at most this many characters a token are tokenised at all
_OUTSIDE: Final = "O"
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")

OriginName = Literal[
    "system", "user", "history", "tool_result", "tool_call", "completion", "reasoning", "refusal", "unknown"
]


class OnnxOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the watcher. Thresholds stand beside them, under the names that `labels` gives."""

    path: str
    labels: dict[str, str] = {}  # the model's label -> ours; those not named keep their name
    ignore: tuple[str, ...] = ()  # labels of the model that say "nothing": not reported
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5  # of labels without their own
    origins: tuple[OriginName, ...] = ()  # that are read; none: all
    direction: Literal["prompt", "completion"] | None = None
    activation: Literal["softmax", "sigmoid"] | None = None  # None: what config.json says
    window_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None  # None: the model's positions, at most 512
    budget_tokens: Annotated[int, msgspec.Meta(ge=1)] = 4_096  # of one text; the rest is skipped as past the budget
    threads: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass(frozen=True, slots=True)
class _Window:
    """Tokens of one text that go through the model together, with the characters of each."""

    text: int
    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Clip:
    """What is tokenised of a text: head and tail of a huge one. From character `joint` on, it is `shift` further on there."""

    text: str
    joint: int
    shift: int

    @classmethod
    def of(cls, text: str, chars: int) -> "_Clip":
        if len(text) <= max(chars, 2):
            return cls(text.translate(_SURROGATES), len(text), 0)
        half = chars // 2
        tail = text[len(text) - half :]
        return cls(f"{text[:half]}\n{tail}".translate(_SURROGATES), half + 1, len(text) - 2 * half - 1)

    def original(self, start: int, end: int) -> tuple[int, int]:
        return (start, end) if start < self.joint else (start + self.shift, end + self.shift)


class OnnxClassifier:
    """Judges with one exported model."""

    by_text = True

    def __init__(self, name: str, options: OnnxOptions, thresholds: Mapping[str, float] | None = None) -> None:
        """Raises ExportError."""
        self.name = name
        self._options = options
        self._export = load(Path(options.path), options.threads, options.window_tokens)
        self.model = self._export.model
        self._names = tuple(self._label(label) for label in self._export.labels)
        known = dict.fromkeys((name for name in self._names if name), options.threshold)
        self.labels: Mapping[str, float] = {**known, **(thresholds or {})}
        self._many = self._export.many if options.activation is None else options.activation == "sigmoid"
        self._origins = frozenset(Origin(origin) for origin in options.origins) or frozenset(Origin)
        self._verdicts = Verdicts(name, self.model, self.labels)

    def _label(self, label: str) -> str:
        """Our name of a label of the model, "" where it is not reported. Token labels lose their B- and I-."""
        bare = (
            label[2:]
            if self._export.task is Task.TOKENS and label[:2] in ("B-", "I-", "E-", "S-", "L-", "U-")
            else label
        )
        if label in self._options.ignore or bare in self._options.ignore or bare == _OUTSIDE:
            return ""
        return self._options.labels.get(label) or self._options.labels.get(bare) or bare

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement a record; windows of all records are run together, sorted by length."""
        read = [self._reads(record) for record in records]
        texts = [record.text if reads else "" for record, reads in zip(records, read, strict=True)]
        windows, cut = self._windows(texts, [self._budget(record) for record in records])
        found: list[list[tuple[_Window, Floats]]] = [[] for _ in texts]
        for window, chances in self._run(windows):
            found[window.text].append((window, chances))
        return [self._judge(reads, found[place], cut[place]) for place, reads in enumerate(read)]

    def _reads(self, record: Record) -> bool:
        wanted = self._options.direction
        return record.origin in self._origins and (wanted is None or Direction(wanted) is record.direction)

    def _budget(self, record: Record) -> int:
        own, left = self._options.budget_tokens, record.budget_tokens
        return own if left is None else min(own, left)

    def _windows(self, texts: list[str], budgets: list[int]) -> tuple[list[_Window], list[bool]]:
        """Cut each text into overlapping windows up to its budget; say of which texts something was left out."""
        clips = [_Clip.of(text, budget * _TOKEN_CHARS) for text, budget in zip(texts, budgets, strict=True)]
        encoded = self._export.tokenizer.encode_batch([clip.text for clip in clips], add_special_tokens=False)
        windows, cut = [], []
        for place, (clip, one) in enumerate(zip(clips, encoded, strict=True)):
            room = max(1, min(self._export.room, budgets[place]))
            parts = windows_of(len(one.ids), budgets[place], room, int(room * _OVERLAP)) if budgets[place] else []
            for start, end in parts:
                windows.append(
                    _Window(place, one.ids[start:end], [clip.original(*at) for at in one.offsets[start:end]])
                )
            cut.append(clip.shift > 0 or unread(parts, len(one.ids)) > 0)
        return windows, cut

    def _run(self, windows: list[_Window]) -> Iterator[tuple[_Window, Floats]]:
        """Yield each window with its probabilities: float32 (labels,) or (tokens, labels)."""
        for batch in _batches(sorted(windows, key=lambda window: len(window.ids))):
            chances = self._chances(self._export.logits([window.ids for window in batch]))
            for window, one in zip(batch, chances, strict=True):
                head = len(self._export.head)
                yield window, one if one.ndim == 1 else one[head : head + len(window.ids)]

    def _chances(self, logits: Floats) -> Floats:
        if self._many:
            return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float32)
        raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float32)

    def _judge(self, reads: bool, found: list[tuple[_Window, Floats]], cut: bool) -> Judgement:
        if not reads:
            return Judgement(skipped=Skip.NOT_APPLICABLE)
        if not found:
            return Judgement(skipped=Skip.BUDGET if cut else Skip.EMPTY)
        if self._export.task is Task.TEXT:
            spans = [span for label in self.labels if (span := self._best(label, found))]
        else:
            spans = list(_entities(self._names, sorted(found, key=lambda pair: pair[0].offsets[0])))
        scores = {label: max(span.score for span in spans if span.label == label) for label in {s.label for s in spans}}
        evidence = [span for span in spans if span.score >= self.labels[span.label]]
        return Judgement(self._verdicts.of_scores(scores, evidence), Skip.BUDGET if cut else None)

    def _best(self, label: str, found: list[tuple[_Window, Floats]]) -> Span | None:
        """The window where the label's score is highest."""
        columns = [place for place, name in enumerate(self._names) if name == label]
        if not columns:
            return None
        score, window = max(
            ((float(chances[columns].max()), window) for window, chances in found), key=lambda pair: pair[0]
        )
        return Span(window.offsets[0][0], window.offsets[-1][1], label, round(score, 6))


def _batches(windows: Iterable[_Window]) -> Iterator[list[_Window]]:
    """Group neighbours so that a batch's padded size stays below `_BATCH_TOKENS`."""
    batch: list[_Window] = []
    for window in windows:
        if batch and (len(batch) + 1) * len(window.ids) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _entities(names: tuple[str, ...], found: list[tuple[_Window, Floats]]) -> Iterator[Span]:
    """Neighbouring tokens of one label are one entity; where windows overlap, the first to reach a token decides."""
    kind, start, end, scores, reached = "", 0, 0, list[float](), -1
    for window, chances in found:
        best = chances.argmax(axis=1)
        for (first, last), column, row in zip(window.offsets, best, chances, strict=True):
            if first < reached or last <= first:
                continue
            reached = last
            name = names[column]
            if name and name == kind and first - end <= 1:
                end, scores = last, [*scores, float(row[column])]
                continue
            if kind:
                yield Span(start, end, kind, round(sum(scores) / len(scores), 6))
            kind, start, end, scores = name, first, last, [float(row[column])]
    if kind:
        yield Span(start, end, kind, round(sum(scores) / len(scores), 6))


def make(order: Order) -> OnnxClassifier:
    """Make the watcher as the configuration orders it. Raises WatcherError with the remedy."""
    options = options_of(order, OnnxOptions)
    try:
        return OnnxClassifier(order.name, options, order.thresholds)
    except ExportError as error:
        remedy = "export the model again (optimum-cli export onnx), or point options.path at it"
        raise WatcherError(order.name, str(error), remedy) from error
