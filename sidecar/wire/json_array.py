"""One JSON array, streamed: gives each item as soon as its last byte is there (Gemini without `alt=sse`).

Chunk borders fall anywhere, so this tracks depth and strings only; the items' own syntax is checked by their parser.
"""

import re
from typing import Final

from sidecar.wire import json_text
from sidecar.wire.framing import MAX_PIECE_BYTES, Piece

_OUTSIDE: Final = re.compile(rb'["\[\]{},]')
_INSIDE: Final = re.compile(rb'["\\]')
_RESYNC: Final = re.compile(rb"[}\]]\s*,\s*(?=\{)")
_MAX_RESYNC_TRIES: Final = 64
_MAX_DEPTH: Final = 1024  # orjson's own limit


class ArrayReader:
    """Splits the bytes of one JSON array into its items. What follows the closing bracket is ignored."""

    def __init__(self, max_bytes: int = MAX_PIECE_BYTES) -> None:
        self.flaw = ""
        self._max_bytes = max_bytes
        self._position = 0
        self._fragments: list[bytes] = []  # of the item being read
        self._fragment_bytes = 0
        self._depth = 0
        self._in_string = self._escaped = self._ended = self._after_gap = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the items completed by `data`."""
        pieces: list[Piece] = []
        at = start = self._resume(data) if self._after_gap else 0
        while at < len(data) and not self._ended:
            if self._in_string:
                at = self._string(data, at)
                continue
            found = _OUTSIDE.search(data, at)
            if found is None:
                break
            at = found.end()
            start = self._token(data, found.start(), start, pieces)
        if not self._ended and self._depth:
            self._keep(data[start:])
        self._position += len(data)
        return pieces

    def eof(self) -> list[Piece]:
        """Return nothing: an item without its end is not one."""
        return []

    def gap(self) -> None:
        """Forget the half-read item. The next `feed` must hold all that follows the hole."""
        self._fragments.clear()
        self._fragment_bytes = 0
        self._depth = 1
        self._in_string = self._escaped = False
        self._after_gap = True

    def _resume(self, data: bytes) -> int:
        """Return where the first item after a hole begins: from there on the rest must be valid to its end."""
        self._after_gap = False
        for tried, found in enumerate(_RESYNC.finditer(data)):
            if tried >= _MAX_RESYNC_TRIES:
                break
            if json_text.maybe_load(b"[" + data[found.end() :]) is not None:
                return found.end()
        self._ended = True
        return len(data)

    def _string(self, data: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _INSIDE.search(data, at)
        if found is None:
            return len(data)
        if found.group() == b'"':
            self._in_string = False
        else:
            self._escaped = True
        return found.end()

    def _token(self, data: bytes, at: int, start: int, pieces: list[Piece]) -> int:
        """Take the structural byte at `at`; return where the item being read starts in `data`."""
        byte = data[at]
        if byte == 0x22:  # "
            self._in_string = True
        elif byte in b"[{":
            self._depth += 1
            if self._depth == 1:
                return at + 1
            self._ended = self._depth > _MAX_DEPTH
            self.flaw = self.flaw or ("json_too_deep" if self._ended else "")
        elif byte in b"]}":
            self._depth -= 1
            if self._depth <= 0:
                self._ended = True
            elif self._depth == 1:  # the item is whole now; its comma may come with the next chunk
                return self._item(data[start : at + 1], self._position + at + 1, pieces, at + 1)
        if (byte == 0x2C and self._depth == 1) or self._depth == 0:
            return self._item(data[start:at], self._position + at, pieces, at + 1)
        return start

    def _keep(self, fragment: bytes) -> None:
        self._fragment_bytes += len(fragment)
        if self._fragment_bytes <= self._max_bytes:
            self._fragments.append(fragment)

    def _item(self, last: bytes, end: int, pieces: list[Piece], next_start: int) -> int:
        self._keep(last)
        item = b"".join(self._fragments).strip()
        if self._fragment_bytes > self._max_bytes:
            self.flaw = self.flaw or "item_too_long"
        elif item:
            pieces.append(Piece(end, item))
        self._fragments.clear()
        self._fragment_bytes = 0
        return next_start
