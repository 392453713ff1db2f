"""What one pass of the shared encoder says of one text; every head and the drift detectors read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from watchers.watcher import Skip

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """A run of tokens that went through the encoder together.

    Shapes: `offsets` int32 (tokens, 2): characters of the original text for each token, without the
    special tokens; `tags` float32 (tokens, tag labels): probabilities, empty (tokens, 0) where the
    pack has no token head.
    """

    start: int
    end: int
    scores: Mapping[str, Floats]  # head -> calibrated probabilities, float32 (labels,)
    offsets: NDArray[np.int32]
    tags: Floats


@dataclass(frozen=True, slots=True)
class Encoding:
    """One text, encoded. `embedding`: float32 (384,), unit length, zero for an empty text.

    `left_out_chars` counts what the token budget left unread. `unavailable`: the model could not be had (it runs on a
    server that does not answer); nothing was read, the embedding says nothing, and the next call tries again.
    """

    windows: tuple[Window, ...]
    embedding: Floats
    left_out_chars: int = 0
    unavailable: bool = False

    @property
    def skipped(self) -> Skip | None:
        """Why not all of the text was read; None where it was."""
        if self.unavailable:
            return Skip.MODEL_UNAVAILABLE
        return Skip.BUDGET if self.left_out_chars else None


class Encoder(Protocol):
    """Encodes texts; remembers recent ones by content, so that many watchers cost one pass."""

    @property
    def model(self) -> str: ...

    def encode(self, texts: Sequence[str], budgets: Sequence[int | None] = ()) -> list[Encoding]:
        """Return one encoding a text, in order; repeated and recently seen texts cost nothing.

        `budgets` says for each text how many tokens may be read of it (None: as many as the encoder's own budget).
        """
        ...

    def cost(self, text: str) -> int:
        """Return how many tokens go through the encoder when all of the text is read."""
        ...
