"""WebSocket frames of one direction (RFC 6455), with permessage-deflate (RFC 7692): gives whole messages.

Both directions are read alike: a frame that is masked is unmasked. Pings and pongs are passed over; a close frame comes
as a piece named "close". After a hole in the bytes, reading goes on where a chain of frames leads exactly to the end.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Final

from sidecar.wire.framing import MAX_PIECE_BYTES, Piece

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_NAMES: Final = {_TEXT: "text", _BINARY: "binary"}
_CANDIDATE: Final = re.compile(rb"(?=[\x81\x82])")
_MAX_RESYNC_TRIES: Final = 4096
_SYNC_TAIL: Final = b"\x00\x00\xff\xff"  # RFC 7692 section 7.2.2


@dataclass(frozen=True, slots=True)
class Deflate:
    """What was negotiated for one direction."""

    context_takeover: bool = True


def negotiated(extensions: str, direction: str) -> Deflate | None:
    """Return the deflate terms of `direction` ("client" or "server") in a response's Sec-WebSocket-Extensions."""
    for offer in extensions.lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == "permessage-deflate":
            return Deflate(f"{direction}_no_context_takeover" not in parameters)
    return None


@dataclass(frozen=True, slots=True)
class _Head:
    """A frame's first bytes, read: where its payload lies in the buffer."""

    opcode: int
    final: bool
    compressed: bool
    mask: bytes
    start: int
    end: int


def _read_head(data: bytes | bytearray, at: int) -> _Head | None:
    """Return the head of the frame at `at`, or None where not all of it is there."""
    if len(data) < at + 2:
        return None
    masked, size, start = data[at + 1] & 0x80, data[at + 1] & 0x7F, at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
    mask_start, start = start, start + (4 if masked else 0)
    if len(data) < start:
        return None
    first = data[at]
    mask = bytes(data[mask_start:start])
    return _Head(first & 0x0F, bool(first & 0x80), bool(first & 0x40), mask, start, start + size)


def _unmask(data: bytes, mask: bytes) -> bytes:
    if not mask or not data:
        return data
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(len(data), "little")


class WebSocketReader:
    """Splits one direction's bytes into messages named "text", "binary" or "close"."""

    def __init__(self, deflate: Deflate | None = None, max_bytes: int = MAX_PIECE_BYTES) -> None:
        self.flaw = ""
        self._deflate = deflate
        self._max_bytes = max_bytes
        self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        self._position = 0  # of the first byte in the buffer
        self._buffer = bytearray()
        self._fragments: list[bytes] = []
        self._message_bytes = 0
        self._opcode = 0
        self._compressed = False
        self._lost = self._after_gap = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the messages completed by `data`."""
        if self._lost:
            return []
        self._buffer += data
        at = self._resume() if self._after_gap else 0
        pieces: list[Piece] = []
        while not self._lost and (head := _read_head(self._buffer, at)) is not None:
            if head.end - head.start > self._max_bytes:
                self._lose("message_too_long")
            elif len(self._buffer) < head.end:
                break
            else:
                self._frame(head, self._position + head.end, pieces)
                at = head.end
        del self._buffer[:at]
        self._position += at
        return pieces

    def eof(self) -> list[Piece]:
        """Return nothing: a message without its end is not one."""
        return []

    def gap(self) -> None:
        """Forget the half-read message. The next `feed` must hold all that follows the hole."""
        self._position += len(self._buffer)
        self._buffer.clear()
        self._begin(0, compressed=False)
        self._after_gap = True
        if self._deflate is not None and self._deflate.context_takeover:
            self._lost = True  # what the missing messages said is needed to unpack the next ones

    def _resume(self) -> int:
        """Return where a chain of frames begins that leads exactly to the end of the buffer."""
        self._after_gap = False
        data = bytes(self._buffer)
        for tries, found in enumerate(_CANDIDATE.finditer(data)):
            if tries >= _MAX_RESYNC_TRIES:
                break
            if _leads_to_end(data, found.start()):
                return found.start()
        self._lost = True
        return len(data)

    def _frame(self, head: _Head, end: int, pieces: list[Piece]) -> None:
        payload = _unmask(bytes(self._buffer[head.start : head.end]), head.mask)
        if head.opcode == _CLOSE:
            pieces.append(Piece(end, payload, "close"))
        elif head.opcode in _NAMES or head.opcode == _CONTINUATION:
            if head.opcode != _CONTINUATION:
                self._begin(head.opcode, compressed=head.compressed)
            self._add(payload)
            if head.final and self._opcode:
                self._message(end, pieces)
        elif head.opcode not in (_PING, _PONG):
            self._lose("bad_frame")

    def _begin(self, opcode: int, *, compressed: bool) -> None:
        self._opcode, self._compressed = opcode, compressed
        self._fragments.clear()
        self._message_bytes = 0

    def _add(self, payload: bytes) -> None:
        self._message_bytes += len(payload)
        if self._message_bytes > self._max_bytes:
            self._lose("message_too_long")
        elif self._opcode:
            self._fragments.append(payload)

    def _message(self, end: int, pieces: list[Piece]) -> None:
        if self._lost:
            return
        message = b"".join(self._fragments)
        if self._compressed and self._deflate is not None:
            unpacked = self._unpack(message, self._deflate)
            if unpacked is None:
                return
            message = unpacked
        pieces.append(Piece(end, message, _NAMES[self._opcode]))
        self._begin(0, compressed=False)

    def _unpack(self, message: bytes, deflate: Deflate) -> bytes | None:
        if not deflate.context_takeover:
            self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            unpacked = self._unpacker.decompress(message + _SYNC_TAIL, self._max_bytes)
        except zlib.error:
            self._lose("bad_encoding")
            return None
        if self._unpacker.unconsumed_tail:
            self._lose("too_large")
            return None
        if self._unpacker.eof:  # a final block: legal, and ends the context
            self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        return unpacked

    def _lose(self, flaw: str) -> None:
        self._lost = True
        self.flaw = self.flaw or flaw


def _leads_to_end(data: bytes, at: int) -> bool:
    masked = data[at + 1] & 0x80 if at + 1 < len(data) else 0
    while at < len(data):
        head = _read_head(data, at)
        known = head is not None and head.opcode in (_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG)
        if head is None or not known or data[at] & 0x70 or bool(head.mask) != bool(masked):
            return False
        at = head.end
    return at == len(data)
