"""The chunked transfer-coding, followed on the side: wire bytes are forwarded as they came, this tells where they end.

Strict on purpose: a size is 1 to 15 hexadecimal digits and nothing around it, a line ends in CRLF, an extension holds
no control character. Whoever reads the same bytes after us finds the same chunks.

Source: RFC 9112 sections 7.1 and 7.1.2.
"""

import re
from typing import Final

from sidecar.proxy.field import HeadError, check_trailers

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_LINE_BYTES: Final = 1024  # of a size line with its extensions; nobody is known to use them
_TRAILER_BYTES: Final = 8_192


class ChunkError(Exception):
    """The framing is broken: nothing after it can be trusted, so close."""


class ChunkReader:
    """Reads one chunked body. Feed it until `done`; it then leaves the bytes of the next message alone."""

    __slots__ = ("_held", "_left", "_trailer", "done")

    def __init__(self) -> None:
        self.done = False
        self._left = 0  # bytes of the current chunk still to come, with its two final ones
        self._held = b""  # of a size line or trailer section not yet whole
        self._trailer = False

    def whole(self, data: bytes) -> bytes | None:
        """Return the body's bytes where `data` is exactly one chunk; else None, and nothing has been taken in."""
        if self._left or self._held or self._trailer:
            return None
        match = _SIZE_LINE.match(data)
        if match is None:
            return None
        start, size = match.end(), int(match[1], 16)
        return data[start:-2] if start + size + 2 == len(data) and data.endswith(b"\r\n") else None

    def feed(self, data: bytes, pieces: list[bytes]) -> int:
        """Take in wire bytes, append the body's bytes in them to `pieces`, return how many of them belong to this body.

        Raises ChunkError; the bytes must then not be forwarded.
        """
        position, end = 0, len(data)
        while position < end and not self.done:
            if self._left:
                position = self._chunk(data, position, end, pieces)
            elif self._trailer:
                position = self._section(data, position)
            elif self._held:
                position = self._split_size(data, position)
            else:
                position = self._whole_chunks(data, position, end, pieces)
        return position

    def _chunk(self, data: bytes, position: int, end: int, pieces: list[bytes]) -> int:
        left = self._left
        if left > 2:
            stop = min(position + left - 2, end)
            pieces.append(data[position:stop])
            left -= stop - position
            position = stop
        if left <= 2 and position < end:
            tail = data[position : position + left]
            if not b"\r\n"[2 - left :].startswith(tail):
                raise ChunkError("chunk longer than its size")
            left -= len(tail)
            position += len(tail)
        self._left = left
        return position

    def _whole_chunks(self, data: bytes, position: int, end: int, pieces: list[bytes]) -> int:
        """Pass over every chunk that is here entirely: the usual case, one an event, so it is kept short."""
        while match := _SIZE_LINE.match(data, position):
            size, start = int(match[1], 16), match.end()
            stop = start + size
            if not size or stop + 2 > end:
                self._begin(size)
                return start
            if data[stop : stop + 2] != b"\r\n":
                raise ChunkError("chunk longer than its size")
            pieces.append(data[start:stop])
            position = stop + 2
            if position == end:
                return end
        if end - position > _LINE_BYTES or data.find(b"\n", position) >= 0:
            raise ChunkError("malformed chunk size")
        self._held = data[position:]
        return end

    def _split_size(self, data: bytes, position: int) -> int:
        stop = data.find(b"\n", position) + 1 or len(data)
        self._held += data[position:stop]
        match = _SIZE_LINE.fullmatch(self._held)
        if match is not None:
            self._held = b""
            self._begin(int(match[1], 16))
        elif len(self._held) > _LINE_BYTES or self._held.endswith(b"\n"):
            raise ChunkError("malformed chunk size")
        return stop

    def _begin(self, size: int) -> None:
        self._left = size + 2 if size else 0
        self._trailer = not size

    def _section(self, data: bytes, position: int) -> int:
        before = len(self._held)
        held = self._held + data[position:]
        if held.startswith(b"\r\n"):
            self.done = True
            return position + 2 - before
        stop = held.find(b"\r\n\r\n")
        if stop < 0:
            if len(held) > _TRAILER_BYTES:
                raise ChunkError(f"trailer section of more than {_TRAILER_BYTES} bytes")
            self._held = held
            return len(data)
        try:
            check_trailers(held[:stop])
        except HeadError as error:
            raise ChunkError(str(error)) from error
        self.done = True
        return position + stop + 4 - before
