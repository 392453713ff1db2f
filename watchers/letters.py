"""A text without its formatting: only letters and digits, each traced back to the original.

What was spaced out, hyphenated, put in another case or typeface compares equal here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from watchers.view import ByteView, view

_KEPT: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/\xc0\xde\xfe")
_IS_KEPT: Final = np.array([byte in _KEPT for byte in range(256)])


@dataclass(frozen=True, slots=True)
class Letters:
    """`data`: letters, digits, plus and slash (base64's alphabet) in their own case; `lower`: the same in small letters."""

    seen: ByteView
    data: bytes

    @property
    def lower(self) -> bytes:
        return self.data.lower()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the characters of the text that bytes `start` to `end` stand for. Linear in the text: for finds only."""
        places = np.flatnonzero(_IS_KEPT[np.frombuffer(self.seen.data, np.uint8)])
        return self.seen.original(int(places[start]), int(places[end - 1]) + 1)


def letters(text: str) -> Letters:
    """Return the letters of any string."""
    seen = view(text)
    raw = np.frombuffer(seen.data, np.uint8)
    return Letters(seen, raw[_IS_KEPT[raw]].tobytes())
