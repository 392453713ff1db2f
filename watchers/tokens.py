"""Text to token numbers, with what the lower-casing vocabulary loses: the case of each token."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

START, END = 101, 102  # [CLS] and [SEP] of the BERT vocabulary
LOWER, CAPITALISED, UPPER, MIXED, DIGITS = range(5)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text in tokens, special ones left out.

    Shapes: `ids` int32 (tokens,); `case` int32 (tokens,); `offsets` int32 (tokens, 2), characters.
    """

    ids: NDArray[np.int32]
    case: NDArray[np.int32]
    offsets: NDArray[np.int32]


def case_of(piece: str) -> int:
    """The case class of a token's characters."""
    if piece.islower():
        return LOWER
    if any(map(str.isdigit, piece)):
        return DIGITS
    if len(piece) > 1 and piece.isupper():
        return UPPER
    if piece[:1].isupper():
        return CAPITALISED
    return MIXED if piece != piece.lower() else LOWER


class Tokeniser:
    """The pack's tokenizer; never truncates (windows are cut by the encoder)."""

    def __init__(self, file: Path) -> None:
        self._tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise together; lone surrogates must have been dropped (see `normalize.plain`)."""
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [_tokens(text, one.ids, one.offsets) for text, one in zip(texts, encoded, strict=True)]

    def count(self, text: str) -> int:
        """Return how many tokens the text has: less work than having them."""
        return len(self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)


def _tokens(text: str, ids: list[int], offsets: list[tuple[int, int]]) -> Tokens:
    case = [case_of(text[start:end]) for start, end in offsets]
    return Tokens(
        np.array(ids, dtype=np.int32), np.array(case, dtype=np.int32), np.array(offsets, dtype=np.int32).reshape(-1, 2)
    )
