"""A text as patterns read it: one plain byte a character, so that an offset in the bytes is an offset in the text.

Letters lose their accents, digits of any script and full-width forms become ASCII, typographic dashes, quotes and
spaces become the plain ones, and what is invisible (zero-width characters, variation selectors, combining marks,
soft hyphens) is left out; only then is an index of offsets kept. RE2 runs on these bytes in its Latin-1 mode, so that
no offset has to be recomputed. Pure: the table of characters is made once, on first use, from `unicodedata`.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import re2
from numpy.typing import NDArray

# Stand-ins for characters without an ASCII form: letters by case, and anything else.
LOWER: Final = 0xFE
UPPER: Final = 0xDE
CASELESS: Final = 0xC0  # CJK, Arabic, Hebrew, Thai, ...
OTHER: Final = 0xA4  # emoji, symbols
_CONTROL: Final = 0x01
_DROPPED: Final = 0x00

_PLAIN: Final = {
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("‘’‚‛′´＇", "'"),
    **dict.fromkeys("“”„‟″«»＂", '"'),
    **dict.fromkeys("․‧・｡。", "."),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    "⁄": "/",
    "∕": "/",
    "∶": ":",
    "ː": ":",
    "Ø": "O",
    "ø": "o",
    "Ł": "L",
    "ł": "l",
    "ß": "s",
    "Đ": "D",
    "đ": "d",
    "Æ": "A",
    "æ": "a",
    "Œ": "O",
    "œ": "o",
    "ı": "i",
    "þ": "t",
    "Þ": "T",
    "ð": "d",
    "Ð": "D",
}
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_BLANK: Final = frozenset(
    "\u115f\u1160\u3164\uffa0\u180e\u2800"
)  # drawn as nothing, but letters or symbols by category
# Above this every character is an emoji, a rare script or a tag; only the styled Latin letters and digits are folded.
_FOLDED_TO: Final = 0x20000
_CODE_POINTS: Final = 0x110000


@dataclass(frozen=True, slots=True)
class ByteView:
    """`data`: one byte a visible character. `index`: int32 (bytes + 1,), byte -> character, None where equal."""

    data: bytes
    index: NDArray[np.int32] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the characters of the text that bytes `start` to `end` stand for (end exclusive)."""
        if self.index is None:
            return start, end
        last = int(self.index[end - 1]) + 1 if end > start else int(self.index[start])
        return int(self.index[start]), last


def view(text: str) -> ByteView:
    """Return the plain view of any string, lone surrogates included."""
    if text.isascii():
        return ByteView(text.encode("ascii"))
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    plain = _table()[codes]
    if plain.all():
        return ByteView(plain.tobytes())
    kept = np.flatnonzero(plain).astype(np.int32)
    return ByteView(plain[kept].tobytes(), np.append(kept, np.int32(len(text))))


@cache
def _table() -> NDArray[np.uint8]:
    table = np.full(_CODE_POINTS, OTHER, np.uint8)
    for code in range(_FOLDED_TO):
        table[code] = _plain(chr(code))
    table[_FOLDED_TO:0x323B0] = CASELESS  # the supplementary ideographs
    table[0xE0000:0xE0FFF] = _DROPPED  # tags and variation selectors
    return table


def _plain(char: str) -> int:
    """Return the byte for one character; 0 leaves it out."""
    if char.isascii():
        return ord(char) or _CONTROL
    if char in _PLAIN:
        return ord(_PLAIN[char])
    category = unicodedata.category(char)
    if category in _INVISIBLE or char in _BLANK:
        return _DROPPED
    if category == "Nd":
        return ord("0") + unicodedata.decimal(char)
    return _folded(char, category)


def _folded(char: str, category: str) -> int:
    base = unicodedata.normalize("NFKD", char)[0]
    if base.isascii() and base.isprintable() and category not in ("No", "So"):
        return ord(base)
    if category[0] == "Z":
        return ord(" ")
    if category == "Cc":
        return _CONTROL
    return {"Ll": LOWER, "Lu": UPPER, "Lt": UPPER, "Lo": CASELESS, "Lm": CASELESS}.get(category, OTHER)


def pattern(source: str) -> Any:
    """Compile an RE2 pattern that runs on `ByteView.data`. Raises re2.error on a pattern that RE2 refuses.

    RE2 is linear in the text; keep optional tails bounded, so that many matches in one text stay linear, too.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return re2.compile(source.encode("latin-1"), options)
