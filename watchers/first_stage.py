"""The first stage: says in tens of microseconds which texts the full encoder need not read.

A static encoder distilled from the pack (`watchers.training.screen`): each word adds three vectors, to itself and to its
neighbours on either side; the strongest and the mean of every channel go through one small hidden layer to each head's
doubt and each label's score, and a word's own channels say which kind of name it could be part of. All of it is sums of
int8 rows, so that no product is wider than one vector.

It clears or it doubts, never flags: `clears` were chosen so that hardly any flag of the full encoder is cleared (the
card states how many). What it does not know it does not clear: a part with too many words outside its vocabulary. Names
it marks by itself, generously: a log would rather lose an innocent word than show a name.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchers.encoding import Floats
from watchers.look import CONTACTS, FLAGGING, NAMES
from watchers.pack import PackError
from watchers.tags import ENTITY_TYPES
from watchers.tokens import case_of

FILE: Final = "first.npz"
WORDS, STEP = 96, 72  # words of one part of a long text, and from one part to the next: about a window of the encoder
STRANGE: Final = 0.4  # share of words outside the vocabulary from which a part is not cleared
NEVER: Final = -99.0  # log odds
BUCKETS: Final = 2048  # rows shared by words outside the vocabulary: by their last letters
CASES: Final = 5
_WORD: Final = re.compile(r"[^\W\d_]{1,40}|\d{1,20}|[^\w\s]|_")
_GAP: Final = 3  # characters between two words of one name
_FLAGS: Final = [ENTITY_TYPES.index(kind) for kind in FLAGGING]
_MARKED: Final = [at for at, kind in enumerate(ENTITY_TYPES) if kind not in FLAGGING]
_REMEMBERED: Final = 32_768  # spellings whose row is remembered; past it they are forgotten together


def spelling(word: str) -> str:
    """Return what a word is known by: lower case; of a number how long it is."""
    return "#" * len(word) if word.isdigit() else word.lower()


def words(text: str) -> list[str]:
    """Return the words of a text; signs are words of their own."""
    return _WORD.findall(text)


def places_of_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each of `words` stands, in characters."""
    return (match.span() for match in _WORD.finditer(text))


def bucket(known: str) -> int:
    """Return the row, after the vocabulary's, of a word outside it."""
    return zlib.crc32(known[-3:].encode("utf-8", "surrogatepass")) % BUCKETS


class Vocabulary(dict[str, int]):
    """Word as it is written -> row × CASES + case. Remembers spellings, boundedly."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._rows = {word: row for row, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self._rows)

    def __missing__(self, word: str) -> int:
        known = spelling(word)
        row = self._rows.get(known)
        code = (len(self._rows) + bucket(known) if row is None else row) * CASES + case_of(word)
        if super().__len__() >= _REMEMBERED:
            self.clear()
        self[word] = code
        return code

    def codes(self, text: str) -> NDArray[np.int32]:
        """Return the words of a text, int32 (words,)."""
        return np.array([self[word] for word in words(text)], np.int32)


@dataclass(frozen=True, slots=True)
class Said:
    """What the first stage says of a text, part by part.

    Shapes: `scores` float32 (parts, labels), estimates of the full encoder's; `doubts` float32 (parts, heads + 2), log
    odds over the limit, not cleared where 0 or more; the last columns are `CONTACTS` and `NAMES`. `kinds` float32
    (words, entity types), log odds that a word is part of a name of each.
    """

    scores: Floats
    doubts: Floats
    kinds: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """The contents of the file, as trained.

    Shapes: `rows` int8 (words + BUCKETS, 3 × channels); `cases` int8 (CASES, 3 × channels); `bias` int16 (channels,);
    `scale` float32 (channels,); `hidden` (2 × channels, inner), `hidden_bias` (inner,); `out` (inner, labels + heads),
    `out_bias`; `kinds` float32 (channels, entity types), `kinds_bias`; `clears` (heads + 2,): from this logit on it is
    doubted; `mark` (): from this logit on a word is marked.
    """

    rows: NDArray[np.int8]
    cases: NDArray[np.int8]
    bias: NDArray[np.int16]
    scale: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats
    kinds: Floats
    kinds_bias: Floats
    clears: Floats
    mark: Floats


class FirstStage:
    """Screens texts. `labels`, `heads`: of the pack, in its order. `model`: the pack that it was distilled from."""

    def __init__(self, words: Sequence[str], weights: Weights, heads: Sequence[str], labels: int) -> None:
        self.vocabulary = Vocabulary(words)
        self.columns = {name: column for column, name in enumerate((*heads, CONTACTS, NAMES))}
        self._labels, self._weights = labels, weights
        self._cases = weights.cases.astype(np.int16)
        self._kinds = weights.kinds * weights.scale[:, None]
        numbers = [known.startswith("#") for known in words]
        shared = {bucket("#" * digits) for digits in (1, 2, 3)}
        self._numbers = np.array(numbers + [at in shared for at in range(BUCKETS)])

    def say(self, text: str) -> Said:
        """Read a text that `normalize.plain` has been through. Linear in its length."""
        codes = self.vocabulary.codes(text)
        if not len(codes):
            return Said(*(np.zeros((0, of), np.float32) for of in (self._labels, len(self.columns), len(ENTITY_TYPES))))
        channels = self._channels(codes)
        rows, kinds = codes // CASES, (channels @ self._kinds + self._weights.kinds_bias).astype(np.float32)
        places = list(parts(len(codes)))
        logits = self._logits(np.stack([self._pooled(channels[start:end]) for start, end in places]))
        names = [self._names(kinds[start:end], rows[start:end]) for start, end in places]
        doubts = np.concatenate([logits[:, self._labels :], names], axis=1).astype(np.float32) - self._weights.clears
        strange = rows >= len(self.vocabulary)
        for at, (start, end) in enumerate(places):
            if strange[start:end].sum() > STRANGE * (end - start):
                doubts[at] = np.maximum(doubts[at], 0)
        return Said((1 / (1 + np.exp(-logits[:, : self._labels]))).astype(np.float32), doubts, kinds)

    def weights(self, pieces: Sequence[str], label: int) -> list[float]:
        """Return how much each piece of a window seems to weigh for a label: what is missing without it, and half of it alone."""
        codes = [self.vocabulary.codes(piece) for piece in pieces]
        channels = self._channels(np.concatenate(codes))
        owner = np.repeat(np.arange(len(pieces)), [len(part) for part in codes])
        kept = [owner >= 0] + [owner != at for at in range(len(pieces))] + [owner == at for at in range(len(pieces))]
        pooled = [self._pooled(channels[rows]) if rows.any() else np.zeros(2 * channels.shape[1]) for rows in kept]
        whole, *others = self._logits(np.stack(pooled))[:, label].tolist()
        without, alone = others[: len(pieces)], others[len(pieces) :]
        return [whole - left + own / 2 for left, own in zip(without, alone, strict=True)]

    def marks(self, text: str, said: Said | None = None) -> list[tuple[int, int, str, float]]:
        """Return likely names of a plain text as (start, end, entity type, score), in order; scores are 0.5 or more.

        `said`: of the text, where that is known.
        """
        kinds = (said or self.say(text)).kinds[
            :, _MARKED
        ]  # what would flag was cleared, or the full encoder has read it
        over = kinds.max(axis=1, initial=NEVER) - self._weights.mark
        if not (over >= 0).any():
            return []
        spans, found = list(places_of_words(text)), list[tuple[int, int, str, float]]()
        for first, last in _runs(over >= 0, spans):
            kind = ENTITY_TYPES[_MARKED[int(kinds[first:last].mean(axis=0).argmax())]]
            score = 1 / (1 + math.exp(-float(over[first:last].mean())))
            found.append((spans[first][0], spans[last - 1][1], kind, score))
        return found

    def kinds(self, text: str) -> Floats:
        """Return of each word the logit of the likeliest kind of name that does not flag, float32 (words,)."""
        return np.asarray(self.say(text).kinds[:, _MARKED].max(axis=1, initial=NEVER))

    def _channels(self, codes: NDArray[np.int32]) -> NDArray[np.int16]:
        """Return each word in its surroundings, int16 (words, channels): its own, its left and its right neighbour's."""
        rows, width = self._weights.rows[codes // CASES] + self._cases[codes % CASES], len(self._weights.scale)
        found = rows[:, width : 2 * width] + self._weights.bias
        found[1:] += rows[:-1, :width]
        found[:-1] += rows[1:, 2 * width :]
        return np.asarray(np.maximum(found, 0), np.int16)

    def _pooled(self, channels: NDArray[np.int16]) -> NDArray[np.float64]:
        """Return the strongest and the mean of every channel, float64 (2 × channels,)."""
        scale = self._weights.scale
        return np.concatenate([channels.max(axis=0) * scale, channels.sum(axis=0) * (scale / len(channels))])

    def _logits(self, pooled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each label's score and each head's doubt as log odds: (parts, labels + heads)."""
        weights = self._weights
        inner = np.maximum(pooled @ weights.hidden + weights.hidden_bias, 0)
        return np.asarray(inner @ weights.out + weights.out_bias)

    def _names(self, kinds: Floats, rows: NDArray[np.int32]) -> tuple[float, float]:
        """Return how likely a part holds contacts, and any name."""
        best = kinds.max(axis=0)
        contacts = best[_FLAGS].max() if self._numbers[rows].any() else NEVER  # none is believed without a digit
        return contacts, best.max()


def _runs(marked: NDArray[np.bool_], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield runs (first, last) of marked words that stand beside each other."""
    first = -1
    for at, yes in enumerate(marked.tolist()):
        if first >= 0 and (not yes or spans[at][0] - spans[at - 1][1] > _GAP):
            yield first, at
            first = -1
        if yes and first < 0:
            first = at
    if first >= 0:
        yield first, len(marked)


def parts(words: int) -> Iterator[tuple[int, int]]:
    """Yield the parts (start, end) that a text of so many words is read in."""
    for start in range(0, max(1, words - (WORDS - STEP)), STEP):
        yield start, min(start + WORDS, words)


def places(text: str) -> list[tuple[int, int]]:
    """Return where the parts of a text stand, in characters."""
    spans = list(places_of_words(text))
    return [(spans[start][0], spans[end - 1][1]) for start, end in parts(len(spans))] if spans else []


def save(file: Path, words: Sequence[str], weights: Weights, labels: Sequence[str], model: str) -> None:
    """Write the file that `load` reads."""
    arrays = {name: getattr(weights, name) for name in Weights.__slots__}
    text = {"words": "\n".join(words), "labels": "\n".join(labels), "model": model}
    packed = {name: np.frombuffer(value.encode(), np.uint8) for name, value in text.items()}
    everything: dict[str, Any] = arrays | packed
    np.savez_compressed(file, **everything)


def load(file: Path, heads: Sequence[str], labels: Sequence[str], model: str) -> FirstStage:
    """Read a pack's first stage. Raises PackError where it is malformed or was distilled from another model."""
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        text = {name: arrays[name].tobytes().decode() for name in ("words", "labels", "model")}
        weights = Weights(**{name: arrays[name] for name in Weights.__slots__})
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise PackError(f"{file}: not a first stage ({error!r})") from error
    if text["model"] != model:
        raise PackError(f"{file}: distilled from model {text['model']}, the pack's is {model}: make it anew")
    words = text["words"].split("\n")
    if text["labels"].split("\n") != list(labels) or len(weights.clears) != len(heads) + 2:
        raise PackError(f"{file}: its labels are not the pack's")
    if len(weights.rows) != len(words) + BUCKETS:
        raise PackError(f"{file}: {len(words)} words and {len(weights.rows)} rows")
    return FirstStage(words, weights, heads, len(labels))
