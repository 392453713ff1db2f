"""The cascade: a first stage that reads everything, and the full encoder for what it does not clear.

How deep a text is read is set from outside, batch by batch (`depth`), because only the pipeline knows how much waits.
At full depth everything is read in full, and the first stage beside it, so that what it would have missed is known. A
watcher asks with `read`, and says what for: each head and the token tags are cleared apart. Whoever needs the
embedding asks with `encode`, which reads in full at every depth.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from watchers.encoder import CHARACTERS_A_TOKEN, Laid, PackEncoder, Piece, clipped, content_key
from watchers.encoding import Encoding, Floats, Window
from watchers.first_stage import NEVER, FirstStage, Said, places
from watchers.look import CONTACTS, Look
from watchers.normalize import View
from watchers.pack import Pack
from watchers.tags import TAGS
from watchers.watcher import Span

REMEMBERED: Final = 256  # texts whose first look is remembered: all heads ask for the same one
REMEMBERED_CHARS: Final = 1 << 19  # of them together; some 30 bytes each
_UNDER: Final = 0.999  # times its threshold is the most that a score may be that the full encoder did not give
# Log odds under the limit from which a window is read where a part of the text beside it is as near. Of 4,165 windows of long
# texts (chat, planted instructions, jailbreaks, addresses) with 2,190 flags 8 are missed, as where every window that touches a doubted
# part was read; a tenth fewer are read, of ordinary talk half.
_NEAR: Final = 0.25
_NOTHING: Final = np.zeros(0, dtype=np.float32)


class Depth(StrEnum):
    FULL = "full"
    CASCADE = "cascade"  # the first stage, and the full encoder for what it doubts
    ALONE = "alone"  # the first stage only


@dataclass(slots=True)
class _Seen:
    """A text as it is read, how many characters of a huge one are not, and the first stage's word on it.

    `cleared`: what a watcher gets to see where nothing is doubted; `laid` and `windows`: the text in the encoder's windows, and
    the scores and doubts of those that were looked at. All of them once somebody asked.
    """

    view: View
    clipped_off: int
    said: Said
    cleared: tuple[Window, ...] = ()
    laid: Laid | None = None
    windows: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)


class Cascade:
    """Implements `Encoder`, `heads.PackReader` and `look.Screening` on a pack's encoder and its first stage."""

    def __init__(self, encoder: PackEncoder, first: FirstStage) -> None:
        self.depth = Depth.FULL
        self._encoder, self._first = encoder, first
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._seen_chars = 0
        self._limits = {
            head: np.array([encoder.pack.threshold(label) * _UNDER for label in labels], np.float32)
            for head, labels in encoder.pack.heads.items()
        }

    @property
    def model(self) -> str:
        return self._encoder.model

    @property
    def pack(self) -> Pack:
        return self._encoder.pack

    def encode(self, texts: Sequence[str], budgets: Sequence[int | None] = ()) -> list[Encoding]:
        """Encode in full, whatever the depth."""
        return self._encoder.encode(texts, budgets)

    def cost(self, text: str) -> int:
        return self._encoder.cost(text)

    def evidence(
        self,
        text: str,
        head: str,
        labels: Sequence[str],
        most: int,
        budget: int | None = None,
        read: Encoding | None = None,
    ) -> dict[str, list[Piece]]:
        """Find what flags hang on, the same at every depth: what weighs most to the first stage is tried first."""
        return self._encoder.evidence(text, head, labels, most, budget, read, self._weightiest)

    def _weightiest(self, pieces: Sequence[str], label: str) -> list[int]:
        weights = self._first.weights(pieces, self.pack.labels.index(label))
        return sorted(range(len(pieces)), key=lambda at: -weights[at])

    def read(self, texts: Sequence[tuple[str, int | None]], asked: str) -> list[Look]:
        """Read each text as deep as it takes; what is read in full is handed to the encoder together."""
        looks = [self._screened(text, budget, asked) for text, budget in texts]
        full = [at for at, look in enumerate(looks) if look.encoding is None and look.whole]
        found = self._encoder.encode([texts[at][0] for at in full], [texts[at][1] for at in full])
        for at, encoding in zip(full, found, strict=True):
            looks[at] = replace(looks[at], encoding=encoding)
        return looks

    def _screened(self, text: str, budget: int | None, asked: str) -> Look:
        """Return what the first stage can settle; without an encoding where the whole text is to be read in full."""
        seen, column = self._see(text, budget), self._first.columns[asked]
        chosen = self._doubted(seen, text, budget, column)
        doubted = chosen is None or bool(chosen)
        known = self._encoder.known(text, budget)
        if known is not None or self.depth is Depth.FULL:
            return Look(known, doubted)
        if doubted and self.depth is Depth.ALONE:
            return Look(None, doubted, whole=False)
        if chosen is None:
            return Look(None, doubted)
        read, cleared = tuple[Window, ...](), seen.cleared
        if chosen and seen.laid:
            part = self._encoder.encode_part(seen.laid, chosen)
            if part.unavailable:
                return Look(part, doubted)
            read, cleared = part.windows, self._unread(seen, len(text), column, chosen)
        elif not cleared:
            cleared = seen.cleared = self._window(len(text), seen.said.scores)
        marks = self._marks(seen, read) if asked == CONTACTS else ()
        return Look(Encoding((*read, *cleared), _NOTHING, seen.clipped_off), doubted, False, marks)

    def _doubted(self, seen: _Seen, text: str, budget: int | None, column: int) -> list[int] | None:
        """Return which windows of a text the first stage doubts; None for all of it.

        Its parts are not the encoder's windows: near a part that is doubted, or almost, it reads the windows themselves.
        """
        doubts = seen.said.doubts[:, column]
        if not (doubts >= -_NEAR).any():
            return []
        if len(doubts) == 1:
            return None if doubts[0] >= 0 else []
        seen.laid = seen.laid or self._encoder.lay(text, budget)
        if len(seen.laid.cuts) == 1 or not seen.laid.whole:
            return None if (doubts >= 0).any() else []
        near = [spot for spot, doubt in zip(places(seen.view.text), doubts, strict=True) if doubt >= -_NEAR]
        chosen = [
            at
            for at, (start, end) in enumerate(seen.laid.spots())
            if any(start < last and first < end for first, last in near)
            and self._look(seen, at, seen.view.text[start:end])[column] >= -_NEAR
        ]
        return None if len(chosen) == len(seen.laid.cuts) else chosen

    def _look(self, seen: _Seen, at: int, window: str) -> Floats:
        """Return the first stage's doubts of one window."""
        if at not in seen.windows:
            said = self._first.say(window)
            seen.windows[at] = (said.scores, said.doubts.max(axis=0, initial=NEVER))
        return seen.windows[at][1]

    def _unread(self, seen: _Seen, chars: int, column: int, chosen: Sequence[int]) -> tuple[Window, ...]:
        """Return the first stage's estimates of what is not read."""
        scores = [seen.said.scores[seen.said.doubts[:, column] < 0]]
        scores += [own for at, (own, _) in seen.windows.items() if at not in chosen]
        return self._window(chars, np.concatenate(scores))

    def _window(self, chars: int, scores: Floats) -> tuple[Window, ...]:
        """Return the first stage's estimates as a window without tokens; kept under the thresholds, as it never flags."""
        if not len(scores):
            return ()
        best, found, at = scores.max(axis=0), dict[str, Floats](), 0
        for head, limits in self._limits.items():
            found[head] = np.minimum(best[at : at + len(limits)], limits)
            at += len(limits)
        return (Window(0, chars, found, np.zeros((0, 2), np.int32), np.zeros((0, len(TAGS)), np.float32)),)

    def _marks(self, seen: _Seen, read: Sequence[Window]) -> tuple[Span, ...]:
        """Return likely names outside the windows that were read."""
        found = []
        for start, end, label, score in self._first.marks(seen.view.text, seen.said):
            first, last = seen.view.original(start, end)
            if not any(window.start < last and first < window.end for window in read):
                found.append(Span(first, last, label, score))
        return tuple(found)

    def _see(self, text: str, budget: int | None) -> _Seen:
        """Return the first look at a text; what is read of it is what `PackEncoder` would read."""
        key = content_key(text, budget)
        seen = self._seen.pop(key, None)
        if seen is None:
            limit = (self._encoder.budget_tokens if budget is None else budget) * CHARACTERS_A_TOKEN
            view = clipped(text, limit)[0]
            seen = _Seen(view, max(0, len(text) - limit), self._first.say(view.text))
            self._seen_chars += len(view.text)
        self._seen[key] = seen
        while len(self._seen) > REMEMBERED or self._seen_chars > REMEMBERED_CHARS:
            self._seen_chars -= len(self._seen.popitem(last=False)[1].view.text)
        return seen
