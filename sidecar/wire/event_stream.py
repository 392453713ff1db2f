"""The AWS binary event stream (`application/vnd.amazon.eventstream`), with both checksums verified.

*Source*: https://smithy.io/2.0/aws/amazon-eventstream.html. A message is: total length u32, headers length u32, CRC-32
of these eight bytes, headers, payload, CRC-32 of all before it; big-endian. A header is: name length u8, name, type u8,
value. A wrong prelude checksum loses the framing, so reading stops; a wrong message checksum drops that message alone.
"""

import re
import struct
from typing import Final
from zlib import crc32

from sidecar.wire.framing import MAX_PIECE_BYTES, Piece

_PRELUDE: Final = struct.Struct(">III")
_PRELUDE_BYTES: Final = 12
_MIN_MESSAGE_BYTES: Final = 16
# Where a message may begin: lengths below 16 MiB and 64 KiB. Overlapping candidates are all tried.
_CANDIDATE: Final = re.compile(rb"(?=\x00[\x00-\xff]{3}\x00\x00)", re.DOTALL)
_FIXED_BYTES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # header value sizes by type
_STRING_TYPES: Final = (6, 7)


def begins_message(data: bytes, at: int = 0) -> bool:
    """Return whether a message prelude with a right checksum is at `at`."""
    if len(data) < at + _PRELUDE_BYTES:
        return False
    total, headers, checksum = _PRELUDE.unpack_from(data, at)
    return bool(crc32(data[at : at + 8]) == checksum and total >= _MIN_MESSAGE_BYTES + headers)


def read_headers(data: bytes) -> dict[str, str]:
    """Return a message's headers as text (only string values; others are passed over); stops at what is malformed."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        if name_end >= len(data):
            break
        kind, value_at = data[name_end], name_end + 1
        if kind in _STRING_TYPES:
            value_at += 2
            size = int.from_bytes(data[value_at - 2 : value_at], "big")
            headers[data[at + 1 : name_end].decode("utf-8", "replace")] = data[value_at : value_at + size].decode(
                "utf-8", "replace"
            )
        elif kind in _FIXED_BYTES:
            size = _FIXED_BYTES[kind]
        else:
            break
        at = value_at + size
    return headers


class EventStreamReader:
    """Splits bytes into messages: `name` is the event or exception type, `data` the payload."""

    def __init__(self, max_bytes: int = MAX_PIECE_BYTES) -> None:
        self.flaw = ""
        self._max_bytes = max_bytes
        self._position = 0  # of the first byte in the buffer
        self._buffer = bytearray()
        self._lost = self._after_gap = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the messages completed by `data`."""
        if self._lost:
            return []
        self._buffer += data
        pieces: list[Piece] = []
        at = self._resume() if self._after_gap else 0
        while (end := self._message_end(at)) is not None:
            self._message(bytes(self._buffer[at:end]), self._position + end, pieces)
            at = end
        del self._buffer[:at]
        self._position += at
        return pieces

    def eof(self) -> list[Piece]:
        """Return nothing: a message without its end is not one."""
        if self._buffer and not self._lost:
            self.flaw = self.flaw or "truncated_message"
        return []

    def gap(self) -> None:
        """Forget the half-read message and look for the next prelude in what comes next."""
        self._position += len(self._buffer)
        self._buffer.clear()
        self._after_gap = True

    def _resume(self) -> int:
        data = bytes(self._buffer)
        for found in _CANDIDATE.finditer(data):
            if begins_message(data, found.start()):
                self._after_gap = False
                return found.start()
        return max(len(data) - _PRELUDE_BYTES + 1, 0)

    def _message_end(self, at: int) -> int | None:
        """Return where the message at `at` ends, or None where it is not whole yet (or the framing is lost)."""
        if self._lost or self._after_gap or len(self._buffer) < at + _PRELUDE_BYTES:
            return None
        total, headers, checksum = _PRELUDE.unpack_from(self._buffer, at)
        if crc32(self._buffer[at : at + 8]) != checksum or total < _MIN_MESSAGE_BYTES + headers:
            self._lose("bad_crc")
        elif total > self._max_bytes:
            self._lose("message_too_long")
        elif len(self._buffer) >= at + total:
            return int(at + total)
        return None

    def _lose(self, flaw: str) -> None:
        self._lost = True
        self.flaw = self.flaw or flaw

    def _message(self, message: bytes, end: int, pieces: list[Piece]) -> None:
        if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
            self.flaw = self.flaw or "bad_crc"
            return
        headers_end = _PRELUDE_BYTES + int.from_bytes(message[4:8], "big")
        headers = read_headers(message[_PRELUDE_BYTES:headers_end])
        failed = headers.get(":message-type", "event") != "event"
        name = headers.get(":exception-type") or headers.get(":error-code") if failed else headers.get(":event-type")
        payload = message[headers_end:-4]
        if failed and not payload:
            payload = headers.get(":error-message", "").encode()
        pieces.append(Piece(end, payload, name or "", failed))
