"""The shared encoder: texts to windows, one ONNX pass a window, results remembered by content.

Each window goes through the graph alone and unpadded: on one thread batching gains nothing, and a
dynamically quantised graph would otherwise let one text's numbers depend on its neighbours'. The windows of all texts
asked for together are handed to the graph together, because a server works on several at a time. Memory is
bounded by the window, time by the token budget, the cache by its bytes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchers import windows
from watchers.encoding import Encoding, Floats, Window
from watchers.evidence import Part, Scored, guided, occluded, pieces
from watchers.graph import Feed, Graph, LocalGraph, Raw
from watchers.normalize import View, plain
from watchers.pack import BUNDLED, Pack, PackError, read
from watchers.tokens import END, LOWER, START, Tokeniser, Tokens

CHARACTERS_A_TOKEN = 12  # a text longer than budget × this is cut before tokenising; English has 4 to 5
PASSES = 64  # windows remembered, 10 KB each: what the heads that doubt one text, or its evidence, ask for between them

Piece = tuple[int, int, float]  # characters (start, end) of the text, and the fall of the score without them
Guide = Callable[
    [Sequence[str], str], list[int]
]  # a window's pieces and a label -> their numbers, the weightiest first


@dataclass(frozen=True, slots=True)
class Laid:
    """A text laid out for the graph: `cuts` are its windows (start, end) in tokens; `whole`: nothing of it is left out."""

    length: int
    view: View
    tokens: Tokens
    cuts: list[tuple[int, int]]
    whole: bool

    def feeds(self) -> list[Feed]:
        return [_feed(self.tokens, start, end) for start, end in self.cuts]

    def spots(self) -> list[tuple[int, int]]:
        """Return where the windows stand, in characters of the view."""
        return [_characters(self.tokens, cut) for cut in self.cuts]


class PackEncoder:
    """Implements `watchers.encoding.Encoder` on a pack.

    `budget_tokens` bounds each text that comes without a budget of its own; `cache_bytes` bounds what is remembered; `graph` makes what
    runs the passes, in this process by default. Raises PackError when the pack does not load. Not thread-safe: one observer thread owns it.
    """

    def __init__(
        self,
        folder: Path = BUNDLED,
        *,
        threads: int = 1,
        budget_tokens: int = 4096,
        cache_bytes: int = 32 << 20,
        graph: Callable[[Pack], Graph] | None = None,
    ) -> None:
        self.pack: Pack = read(folder)
        self.budget_tokens = budget_tokens
        self._graph = graph(self.pack) if graph else LocalGraph(self.pack, threads)
        self._cache = Cache(cache_bytes)
        self._passes: OrderedDict[bytes, Raw] = OrderedDict()
        try:
            self._tokeniser = Tokeniser(self.pack.tokenizer)
            self.encode(["Warm up."])
        except Exception as error:  # tokenizers and onnxruntime raise classes of their own
            raise PackError(f"{folder}: tokenizer, graph and description do not work together: {error}") from error

    @property
    def model(self) -> str:
        return self.pack.model

    def encode(self, texts: Sequence[str], budgets: Sequence[int | None] = ()) -> list[Encoding]:
        """Return one encoding a text, in order; repeated and recently seen texts cost nothing."""
        asked = [(content_key(text, budget), text, budget) for text, budget in zip_longest(texts, budgets)]
        found = {key: encoding for key, *_ in asked if (encoding := self._cache.get(key)) is not None}
        missing = {key: (text, budget) for key, text, budget in asked if key not in found}
        if missing:
            for key, encoding in zip(missing, self._encode(list(missing.values())), strict=True):
                found[key] = encoding
                if not encoding.unavailable:
                    self._cache.put(key, encoding)
        return [found[key] for key, *_ in asked]

    def known(self, text: str, budget: int | None = None) -> Encoding | None:
        """Return the encoding of a text that was encoded lately, else None."""
        return self._cache.get(content_key(text, budget))

    def encode_part(self, laid: Laid, chosen: Sequence[int]) -> Encoding:
        """Return some windows alone of a text, in order. The embedding is empty (0,): it would be of a part."""
        cuts = [laid.cuts[at] for at in chosen]
        raws = [raw for raw in self._run_again([_feed(laid.tokens, *cut) for cut in cuts]) if raw is not None]
        if len(raws) < len(cuts):
            return Encoding((), np.zeros(0, dtype=np.float32), laid.length, unavailable=True)
        made = tuple(self._window(laid, cut, raw) for cut, raw in zip(cuts, raws, strict=True))
        return Encoding(made, np.zeros(0, dtype=np.float32))

    def _run_again(self, feeds: Sequence[Feed]) -> list[Raw | None]:
        """Run passes, but for those that were run lately: heads doubt a text one after the other."""
        keys = [feed.ids.tobytes() + feed.case.tobytes() for feed in feeds]
        found: dict[bytes, Raw | None] = {key: self._passes[key] for key in keys if key in self._passes}
        missing = {key: feed for key, feed in zip(keys, feeds, strict=True) if key not in found}
        found.update(zip(missing, self._graph.run(list(missing.values())) if missing else [], strict=True))
        for key in keys:
            if (raw := found[key]) is not None:
                self._passes[key] = raw
                self._passes.move_to_end(key)
        while len(self._passes) > PASSES:
            self._passes.popitem(last=False)
        return [found[key] for key in keys]

    def cost(self, text: str) -> int:
        """Return how many tokens go through the encoder when all of the text is read; of a huge one, at least so many."""
        view, _ = clipped(text, self.budget_tokens * CHARACTERS_A_TOKEN)
        return max(windows.cost(self._tokeniser.count(view.text)), len(text) // CHARACTERS_A_TOKEN)

    def _encode(self, texts: Sequence[tuple[str, int | None]]) -> list[Encoding]:
        laid = [self.lay(text, budget) for text, budget in texts]
        raws = iter(self._graph.run([feed for one in laid for feed in one.feeds()]))
        return [self._put_together(one, [next(raws) for _ in one.cuts]) for one in laid]

    def lay(self, text: str, budget: int | None = None) -> Laid:
        """Lay a text out as it would be read."""
        return self._laid(text, self.budget_tokens if budget is None else budget)

    def _laid(self, text: str, budget: int) -> Laid:
        view, cut = clipped(text, budget * CHARACTERS_A_TOKEN) if budget > 0 else (plain(""), bool(text))
        tokens = self._tokeniser([view.text])[0]
        cuts = windows.cut(len(tokens.ids), budget)
        return Laid(len(text), view, tokens, cuts, not cut and _whole(cuts, len(tokens.ids)))

    def _put_together(self, laid: Laid, passes: Sequence[Raw | None]) -> Encoding:
        raws = [raw for raw in passes if raw is not None]
        if len(raws) < len(passes):
            return Encoding((), np.zeros(384, dtype=np.float32), laid.length, unavailable=True)
        made = tuple(self._window(laid, cut, raw) for cut, raw in zip(laid.cuts, raws, strict=True))
        left = 0 if laid.whole else windows.unread([(one.start, one.end) for one in made], laid.length)
        return Encoding(made, _embedding(laid.cuts, raws), left)

    def run(self, tokens: Tokens, start: int, end: int) -> Raw | None:
        """One pass over tokens [start, end)."""
        return self._graph.run([_feed(tokens, start, end)])[0]

    def _window(self, laid: Laid, cut: tuple[int, int], raw: Raw) -> Window:
        inside, origin = laid.tokens.offsets[cut[0] : cut[1]], laid.view.origin
        starts, ends = origin[inside[:, 0]], origin[np.maximum(inside[:, 1] - 1, 0)] + 1
        offsets = np.stack([starts, np.maximum(starts, ends)], axis=1).astype(np.int32)
        return Window(
            int(offsets[0, 0]), int(offsets[-1, 1]), self.scores(raw.scores), offsets, _softmax(raw.tags[1:-1])
        )

    def scores(self, logits: Floats) -> dict[str, Floats]:
        """Calibrated probabilities by head."""
        found, at = dict[str, Floats](), 0
        probabilities = self.pack.calibration(logits)
        for head, labels in self.pack.heads.items():
            found[head] = probabilities[at : at + len(labels)]
            at += len(labels)
        return found

    def evidence(
        self,
        text: str,
        head: str,
        labels: Sequence[str],
        most: int,
        budget: int | None = None,
        read: Encoding | None = None,
        guide: Guide | None = None,
    ) -> dict[str, list[Piece]]:
        """For each label the pieces, of `most`, of its highest window that its score hangs on. For flagged texts only.

        `read`: what was read of the text, where that is known: other windows are not read for this. `guide`: in which order to
        try a window's pieces; without one all are tried. `watchers.evidence` says how many passes each takes.
        """
        laid = self.lay(text, budget)
        encoding = read or self.encode([text], [budget])[0]
        cuts = {int(laid.view.origin[laid.tokens.offsets[cut[0], 0]]): cut for cut in laid.cuts}
        laid_out = [one for one in encoding.windows if len(one.offsets) and one.start in cuts]
        found = {}
        for label in labels if laid_out else ():
            column = self.pack.heads[head].index(label)
            best = max(laid_out, key=lambda one: float(one.scores[head][column]))
            parts = pieces(laid.tokens, *cuts[best.start], most)
            score, scored = float(best.scores[head][column]), self._scored(laid.tokens, parts, head, column)
            if guide is None:
                hanging = occluded(len(parts), score, scored)
            else:
                spots = [_characters(laid.tokens, part) for part in parts]
                order = guide([laid.view.text[first:last] for first, last in spots], label)
                hanging = guided(order, len(parts), score, scored)
            found[label] = [(*laid.view.original(*_characters(laid.tokens, parts[at])), fall) for at, fall in hanging]
        return found

    def _scored(self, tokens: Tokens, parts: Sequence[Part], head: str, column: int) -> Scored:
        """Return what reads a window of some of its parts alone and says a label's score."""

        def scored(choices: Sequence[Sequence[int]]) -> list[float | None]:
            raws = self._run_again([_feed_of(tokens, [parts[at] for at in chosen]) for chosen in choices])
            return [None if raw is None else float(self.scores(raw.scores)[head][column]) for raw in raws]

        return scored


def content_key(text: str, budget: int | None) -> bytes:
    """Return what an encoding is remembered by."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return digest + b"%d" % (-1 if budget is None else budget)


def _feed(tokens: Tokens, start: int, end: int) -> Feed:
    ids = np.empty((1, end - start + 2), dtype=np.int64)
    case = np.full_like(ids, LOWER)
    ids[0, 0], ids[0, 1:-1], ids[0, -1] = START, tokens.ids[start:end], END
    case[0, 1:-1] = tokens.case[start:end]
    return Feed(ids, case)


def _feed_of(tokens: Tokens, parts: Sequence[Part]) -> Feed:
    """What is left of a window: these parts of it, one after the other."""
    kept = np.r_[(*(slice(*part) for part in parts), slice(0, 0))]
    return _feed(Tokens(tokens.ids[kept], tokens.case[kept], tokens.offsets[kept]), 0, len(kept))


def _characters(tokens: Tokens, part: Part) -> tuple[int, int]:
    return int(tokens.offsets[part[0], 0]), int(tokens.offsets[part[1] - 1, 1])


def clipped(text: str, limit: int) -> tuple[View, bool]:
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
