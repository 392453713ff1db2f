"""What can be read of a JSON document that lost its end or its middle: the capture keeps a head and a tail.

Without a tail the head is cut after its last whole value (an open string keeps its text) and closed. With a tail, the
hole is bridged where that gives valid JSON: inside one string (a huge image or text, the usual case), or between two
members or items of a container that is open on both sides. Linear: one scan of each part and a few parses.
"""

import re
from typing import Any, Final

from sidecar.wire import json_text

GAP: Final = "…".encode()
_MAX_TOKENS: Final = 400_000  # about half a second; what lies behind is given up
_MAX_DEPTH: Final = 512
_MAX_TRIES: Final = 8
# A string (perhaps without its end), numbers with their commas (a list of token ids is one), or one structural byte.
# Possessive and bounded, so that nothing is scanned twice.
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|(?:[0-9][0-9.eE+-]{0,40}+[ \t\r\n]{0,4}+,[ \t\r\n]{0,4}+-?)++|[{}\[\],:]',
    re.DOTALL,
)
_WHOLE_STRING_PART: Final = re.compile(rb'"(?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL)
_CLOSERS: Final = {0x7B: b"}", 0x5B: b"]"}  # { [
_DIGITS: Final = b"0123456789"
_MEMBER, _ITEM = 0x7B, 0x5B


def salvage(head: bytes, tail: bytes = b"") -> Any:
    """Return the document as far as it can be read, or None where nothing can."""
    opening = _Opening(head)
    if tail:
        bridged = _inside_string(opening, tail) or _between_values(opening, tail)
        if bridged is not None:
            return bridged
    return json_text.maybe_load(opening.closed()) if opening.stack else None


class _Opening:
    """Where a document that breaks off stands: the open containers and the end of the last whole value in each."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.stack = bytearray()  # "{" and "["
        self.whole: list[int] = []  # per open container: the end of its last whole value, or of its bracket
        self.empty: list[bool] = []  # per open container: no whole value yet
        self.open_string: int | None = None  # where a value's string begins that has no end
        self._key_next = False
        self._scan()

    def _scan(self) -> None:
        for tokens, found in enumerate(_TOKEN.finditer(self.head)):
            byte = self.head[found.start()]
            if byte == 0x22 and self.stack:
                self._string(found)
            elif byte in _DIGITS:
                self._structure(0x2C, self.head.rfind(b",", found.start(), found.end()))
            elif not self._structure(byte, found.start()):
                return
            if tokens >= _MAX_TOKENS or len(self.stack) >= _MAX_DEPTH:
                return

    def _structure(self, byte: int, at: int) -> bool:
        """Take one structural byte; return whether a container is open after it."""
        if byte in _CLOSERS:
            self.stack.append(byte)
            self.whole.append(at + 1)
            self.empty.append(True)
            self._key_next = byte == _MEMBER
        elif byte in b"}]":
            if not self.stack:
                return False
            self.stack.pop()
            self.whole.pop()
            self.empty.pop()
            self._value_ends(at + 1)
        elif byte == 0x2C and self.stack:  # a number or literal before a comma is whole
            self._value_ends(at)
            self._key_next = self.stack[-1] == _MEMBER
        return bool(self.stack)

    def _string(self, found: re.Match[bytes]) -> None:
        closed = found.group().endswith(b'"') and _WHOLE_STRING_PART.match(self.head, found.start())
        whole = bool(closed) and found.end() - found.start() > 1 and closed.end() < found.end()  # type: ignore[union-attr]
        if self._key_next:
            self._key_next = False
        elif whole:
            self._value_ends(found.end())
        else:
            self.open_string = found.start()

    def _value_ends(self, at: int) -> None:
        if self.stack:
            self.whole[-1] = at
            self.empty[-1] = False

    def open_text(self) -> bytes | None:
        """Return the head up to the last whole character of a value's string that it breaks off in, or None."""
        if self.open_string is None:
            return None
        found = _WHOLE_STRING_PART.match(self.head, self.open_string)
        return _whole_utf8(self.head[: found.end()]) if found else None

    def closed(self, levels: int = 0) -> bytes:
        """Return the head after its last whole value (or open text), closed but for the outermost `levels`."""
        text = self.open_text()
        kept = self.head[: self.whole[-1]] if text is None else text + b'"'
        return kept + b"".join(_CLOSERS[byte] for byte in reversed(self.stack[levels:]))

    def ready(self, level: int) -> bytes:
        """Return the head, ready for the next value in the open container `level`."""
        last = level == len(self.stack) - 1 and self.open_string is None
        return self.closed(level + 1) + (b"" if last and self.empty[level] else b",")


def _whole_utf8(data: bytes) -> bytes:
    """Return `data` without an incomplete character at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if back < needed else data
        if byte < 0x80:
            break
    return data


def _inside_string(opening: _Opening, tail: bytes) -> Any:
    text = opening.open_text()
    if text is None:
        return None
    start = 0
    while start < min(3, len(tail)) and 0x80 <= tail[start] < 0xC0:  # the rest of a character cut in two
        start += 1
    return json_text.maybe_load(text + GAP + tail[start:])


def _between_values(opening: _Opening, tail: bytes) -> Any:
    for guess in (tail, b'"' + tail):  # does the tail begin outside a string, or inside one?
        starts = _value_starts(guess)
        tries = 0
        for level in range(len(opening.stack) - 1, -1, -1):
            start = starts.get((level + 1, opening.stack[level]))
            if start is not None and tries < _MAX_TRIES:
                tries += 1
                bridged = json_text.maybe_load(opening.ready(level) + guess[start:])
                if bridged is not None:
                    return bridged
    return None


def _value_starts(tail: bytes) -> dict[tuple[int, int], int]:
    """Return where in `tail` the first new item or member begins, by (depth, kind of container).

    Depths are counted back from the end, which is at depth 0 because the document is whole there.
    """
    found_at: dict[tuple[int, int], int] = {}
    depth, comma = 0, -1
    for tokens, found in enumerate(_TOKEN.finditer(tail)):
        byte = tail[found.start()]
        if comma >= 0:
            is_key = byte == 0x22 and tail[found.end() : found.end() + 16].lstrip().startswith(b":")
            found_at.setdefault((depth, _MEMBER if is_key else _ITEM), comma)
        comma = found.end() if byte == 0x2C or byte in _DIGITS else -1
        depth += (byte in b"{[") - (byte in b"}]")
        if tokens >= _MAX_TOKENS:
            return {}
    return {(at - depth, kind): start for (at, kind), start in found_at.items()}
