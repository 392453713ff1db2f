"""The shared encoder: texts to windows, one ONNX pass a window, results remembered by content.

Each window goes through the graph alone and unpadded: on one thread batching gains nothing, and a
dynamically quantised graph would otherwise let one text's numbers depend on its neighbours'. Memory is
bounded by the window, time by the token budget, the cache by its bytes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from watchers import windows
from watchers.encoding import Encoding, Floats, Window
from watchers.normalize import View, plain
from watchers.pack import BUNDLED, Pack, PackError, read
from watchers.tokens import END, LOWER, START, Tokeniser, Tokens

CHARACTERS_A_TOKEN = 12  # a text longer than budget × this is cut before tokenising; English has 4 to 5


@dataclass(frozen=True, slots=True)
class Raw:
    """The graph's outputs for one window. Shapes: scores (labels,), tags (tokens, tags), mean (hidden,)."""

    scores: Floats
    tags: Floats
    mean: Floats


class PackEncoder:
    """Implements `watchers.encoding.Encoder` on a pack.

    `budget_tokens` bounds each text that comes without a budget of its own; `cache_bytes` bounds what is remembered. Raises PackError when
    the pack does not load. Not thread-safe: one observer thread owns it.
    """

    def __init__(
        self, folder: Path = BUNDLED, *, threads: int = 1, budget_tokens: int = 4096, cache_bytes: int = 32 << 20
    ) -> None:
        self.pack: Pack = read(folder)
        self.budget_tokens = budget_tokens
        self._session = _session(self.pack, threads)
        self._tokeniser = Tokeniser(self.pack.tokenizer)
        self._cache = Cache(cache_bytes)
        self.encode(["Warm up."])

    @property
    def model(self) -> str:
        return self.pack.model

    def encode(self, texts: Sequence[str], budgets: Sequence[int | None] = ()) -> list[Encoding]:
        """Return one encoding a text, in order; repeated and recently seen texts cost nothing."""
        return [self._remembered(text, budget) for text, budget in zip_longest(texts, budgets)]

    def cost(self, text: str) -> int:
        """Return how many tokens go through the encoder when all of the text is read; of a huge one, at least so many."""
        view, _ = _clipped(text, self.budget_tokens * CHARACTERS_A_TOKEN)
        return max(windows.cost(self._tokeniser.count(view.text)), len(text) // CHARACTERS_A_TOKEN)

    def _remembered(self, text: str, budget: int | None) -> Encoding:
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() + b"%d" % (
            -1 if budget is None else budget
        )
        found = self._cache.get(key)
        if found is None:
            found = self._encode(text, self.budget_tokens if budget is None else budget)
            self._cache.put(key, found)
        return found

    def _encode(self, text: str, budget: int) -> Encoding:
        if budget < 1:
            return Encoding((), np.zeros(384, dtype=np.float32), len(text))
        view, skipped = _clipped(text, budget * CHARACTERS_A_TOKEN)
        tokens = self._tokeniser([view.text])[0]
        cuts = windows.cut(len(tokens.ids), budget)
        raws = [self.run(tokens, start, end) for start, end in cuts]
        made = tuple(self._window(view, tokens, cut, raw) for cut, raw in zip(cuts, raws, strict=True))
        if not skipped and _whole(cuts, len(tokens.ids)):
            return Encoding(made, _embedding(cuts, raws))
        left = windows.unread([(one.start, one.end) for one in made], len(text))
        return Encoding(made, _embedding(cuts, raws), left)

    def run(self, tokens: Tokens, start: int, end: int) -> Raw:
        """One pass over tokens [start, end)."""
        ids = np.empty((1, end - start + 2), dtype=np.int64)
        case = np.full_like(ids, LOWER)
        ids[0, 0], ids[0, 1:-1], ids[0, -1] = START, tokens.ids[start:end], END
        case[0, 1:-1] = tokens.case[start:end]
        scores, tags, mean = self._session.run(("scores", "tags", "mean"), {"ids": ids, "case": case})
        return Raw(scores[0], tags[0, 1:-1], mean[0])

    def _window(self, view: View, tokens: Tokens, cut: tuple[int, int], raw: Raw) -> Window:
        inside = tokens.offsets[cut[0] : cut[1]]
        starts, ends = view.origin[inside[:, 0]], view.origin[np.maximum(inside[:, 1] - 1, 0)] + 1
        offsets = np.stack([starts, np.maximum(starts, ends)], axis=1).astype(np.int32)
        return Window(int(offsets[0, 0]), int(offsets[-1, 1]), self.scores(raw.scores), offsets, _softmax(raw.tags))

    def scores(self, logits: Floats) -> dict[str, Floats]:
        """Calibrated probabilities by head."""
        found, at = dict[str, Floats](), 0
        probabilities = self.pack.calibration(logits)
        for head, labels in self.pack.heads.items():
            found[head] = probabilities[at : at + len(labels)]
            at += len(labels)
        return found

    def evidence(
        self, text: str, head: str, pieces: int, budget: int | None = None
    ) -> list[tuple[int, int, Mapping[str, float]]]:
        """Pieces (start, end) of the window that scores highest, each with the fall of every label's score without it.

        Occlusion: at most `pieces` more passes. For flagged texts only.
        """
        most = self.budget_tokens if budget is None else budget
        view, _ = _clipped(text, most * CHARACTERS_A_TOKEN)
        tokens = self._tokeniser([view.text])[0]
        labels = self.pack.heads[head]
        whole = self._remembered(text, budget)
        if not whole.windows:
            return []
        best = max(range(len(whole.windows)), key=lambda number: float(whole.windows[number].scores[head].max()))
        start, end = windows.cut(len(tokens.ids), most)[best]
        found: list[tuple[int, int, Mapping[str, float]]] = []
        for first, last in _pieces(tokens, start, end, pieces):
            scores = self.scores(self._without(tokens, (start, end), (first, last)).scores)[head]
            drops = dict(zip(labels, (whole.windows[best].scores[head] - scores).tolist(), strict=True))
            at = view.original(int(tokens.offsets[first, 0]), int(tokens.offsets[last - 1, 1]))
            found.append((*at, drops))
        return found

    def _without(self, tokens: Tokens, window: tuple[int, int], piece: tuple[int, int]) -> Raw:
        kept = np.r_[window[0] : piece[0], piece[1] : window[1]]
        return self.run(Tokens(tokens.ids[kept], tokens.case[kept], tokens.offsets[kept]), 0, len(kept))


def _pieces(tokens: Tokens, start: int, end: int, most: int) -> list[tuple[int, int]]:
    """Whole words, gathered into at most `most` pieces of about equal length, as token numbers."""
    words = [start] + [at for at in range(start + 1, end) if tokens.offsets[at, 0] > tokens.offsets[at - 1, 1]] + [end]
    step = max(1, -(-(len(words) - 1) // most))
    edges = [*words[:-1:step], end]
    return list(pairwise(edges))


def _session(pack: Pack, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest window's memory for good
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(pack.graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many classes of its own
        raise PackError(f"{pack.graph}: onnxruntime cannot load it: {error}") from error


def _clipped(text: str, limit: int) -> tuple[View, bool]:
    """The view to read: head and tail of what is far beyond the budget, so that 10 MB cost no more than the budget."""
    if len(text) <= limit:
        return plain(text), False
    head, tail = plain(text[: limit // 2]), plain(text[-(limit // 2) :])
    shift = len(text) - limit // 2
    origin = np.concatenate([head.origin[:-1], [limit // 2 - 1], tail.origin + shift]).astype(np.int32)
    return View(f"{head.text}\n{tail.text}", origin), True


def _whole(cuts: list[tuple[int, int]], tokens: int) -> bool:
    """Whether the windows read every token."""
    if not cuts:
        return tokens == 0
    reached = cuts[-1][1] == tokens
    return reached and all(following[0] <= before[1] for before, following in pairwise(cuts))


def _embedding(cuts: list[tuple[int, int]], raws: list[Raw]) -> Floats:
    """Mean over the tokens of all windows, unit length; zero for an empty text."""
    if not raws:
        return np.zeros(384, dtype=np.float32)
    weights = np.array([end - start + 2 for start, end in cuts], dtype=np.float32)
    total = (np.stack([raw.mean for raw in raws]) * weights[:, None]).sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), dtype=np.float32)


def _softmax(logits: Floats) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


class Cache:
    """Encodings by content, the least recently used dropped first, bounded in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit, self._size = limit_bytes, 0
        self._kept: OrderedDict[bytes, Encoding] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        return self._size

    def get(self, key: bytes) -> Encoding | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: bytes, encoding: Encoding) -> None:
        """Remember; what is larger than a quarter of the whole cache is not."""
        size = weight(encoding)
        if size > self._limit // 4:
            return
        self._kept[key] = encoding
        self._size += size
        while self._size > self._limit:
            self._size -= weight(self._kept.popitem(last=False)[1])


def weight(encoding: Encoding) -> int:
    """Bytes that an encoding holds, objects included (about 1 KB a window besides its arrays)."""
    return 2500 + sum(1000 + window.tags.nbytes + window.offsets.nbytes for window in encoding.windows)
