"""Undoes content-encodings on a copy: gzip, deflate (zlib and raw), br, zstd, stacked; incremental and bounded.

What the bytes are decides, not the header: a body labelled gzip that is not is taken as it is, and one that is gzip or
zstd without saying so is unpacked. A stream that is cut or broken gives what was there. Positions of the unpacked bytes
keep the arrival times of the packed ones, so that each event of a compressed stream has its own time.
*Sources*: RFC 9110 section 8.4, RFC 1950-1952, RFC 7932, RFC 8878, RFC 9659 (zstd windows of at most 8 MiB).
"""

import zlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import brotli
import zstandard

from sidecar.wire.capture import Body

MAX_DECODED_BYTES: Final = 32 * 1024 * 1024
MAX_STACKED: Final = 4
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
MAX_MEMBERS: Final = 4096  # gzip members or zstd frames; a bomb of empty ones costs time instead of memory
_PLAIN_STARTS: Final = (b"{", b"[", b"data:", b"event:", b":")
_ZSTD_MAX_WINDOW: Final = 8 * 1024 * 1024


class _TooManyMembersError(Exception):
    """A packed stream of thousands of members: given up."""


_FAILURES: Final = (zlib.error, brotli.error, zstandard.ZstdError, _TooManyMembersError)


@dataclass(frozen=True, slots=True)
class Content:
    """A body without its content-encodings. `tail` follows a hole, and only where nothing was encoded."""

    head: bytes = b""
    tail: bytes = b""
    ends: Sequence[int] = ()  # offsets in `head + tail`, ascending, at which bytes arrived ...
    seconds: Sequence[float] = ()  # ... and when
    complete: bool = True
    flaw: str = ""  # "bad_encoding", "unknown_encoding", "too_large"

    def arrival(self, end: int) -> float | None:
        """Return when the byte before offset `end` arrived: *Units* seconds, None where times are not known."""
        if not self.ends:
            return None
        return self.seconds[min(bisect_left(self.ends, end), len(self.seconds) - 1)]


class _Unpacker(ABC):
    """One encoding being undone. Feeds small slices, so that an error loses little of what came before it."""

    slice_bytes = 1024

    def __init__(self) -> None:
        self.broken = False
        self._members = 1

    def unpack(self, data: bytes, limit: int) -> bytes:
        """Return at most about `limit` bytes of what `data` unpacks to; what is left over is lost."""
        out = bytearray()
        try:
            for start in range(0, len(data), self.slice_bytes):
                self._unpack(data[start : start + self.slice_bytes], limit, out)
        except _FAILURES:
            self.broken = True
        return bytes(out)

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether the packed stream came to its end."""

    @abstractmethod
    def _unpack(self, data: bytes, limit: int, out: bytearray) -> None:
        """Append what one slice unpacks to, while `out` is shorter than `limit`."""

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise _TooManyMembersError


class _Zlib(_Unpacker):
    """gzip (several members), zlib and raw deflate: `wbits` as in zlib, 0 to tell zlib from raw by the first bytes."""

    def __init__(self, wbits: int) -> None:
        super().__init__()
        self._wbits = wbits
        self._unpacker = zlib.decompressobj(wbits) if wbits else None
        self._start = b""

    @property
    def finished(self) -> bool:
        return self._unpacker is not None and self._unpacker.eof

    def _unpack(self, data: bytes, limit: int, out: bytearray) -> None:
        if self._unpacker is None:
            self._start += data
            if len(self._start) < 2:
                return
            data = self._start
            zlib_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._unpacker = zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        while data and len(out) < limit:
            if self._unpacker.eof:
                if self._wbits <= zlib.MAX_WBITS or not data.startswith(b"\x1f"):
                    return  # padding after the end
                self._next_member()
                self._unpacker = zlib.decompressobj(self._wbits)
            out += self._unpacker.decompress(data, limit - len(out))
            data = self._unpacker.unused_data


class _Brotli(_Unpacker):
    def __init__(self) -> None:
        super().__init__()
        self._unpacker = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self._unpacker.is_finished())

    def _unpack(self, data: bytes, limit: int, out: bytearray) -> None:
        while not self._unpacker.is_finished() and len(out) < limit:
            out += self._unpacker.process(data, output_buffer_limit=limit - len(out))
            if self._unpacker.can_accept_more_data():
                return
            data = b""


class _Zstd(_Unpacker):
    slice_bytes = 64  # 16 blocks of a repeated byte: at most 2 MiB come out of one slice

    def __init__(self) -> None:
        super().__init__()
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)
        self._unpacker = self._decompressor.decompressobj()

    @property
    def finished(self) -> bool:
        return bool(self._unpacker.eof)

    def _unpack(self, data: bytes, limit: int, out: bytearray) -> None:
        while data and len(out) < limit:
            if self._unpacker.eof:  # several frames may follow one another
                self._next_member()
                self._unpacker = self._decompressor.decompressobj()
            out += self._unpacker.decompress(data)
            data = self._unpacker.unused_data


def unpack(body: Body, encodings: Sequence[str], limit: int = MAX_DECODED_BYTES) -> Content:
    """Return `body` without `encodings` (names in the order they were applied), at most about `limit` bytes of it."""
    applied = [name for name in (name.strip().lower() for name in encodings) if name not in ("", "identity")]
    if any(name not in UNPACKERS for name in applied) or len(applied) > MAX_STACKED:
        return _as_is(body, limit, flaw="unknown_encoding")
    return _unpack(body, _true_encodings(applied, body.head), limit)


def _true_encodings(applied: list[str], head: bytes) -> list[str]:
    """Return the encodings that the first bytes bear out (brotli and raw deflate have no mark: believed)."""
    if head.startswith(_ZSTD_MAGIC):
        return applied if applied and applied[-1] == "zstd" else [*applied[:-1], "zstd"]
    if head.startswith(_GZIP_MAGIC):
        return applied if applied and applied[-1] in ("gzip", "x-gzip") else [*applied[:-1], "gzip"]
    marked = {"gzip": _GZIP_MAGIC, "x-gzip": _GZIP_MAGIC, "zstd": _ZSTD_MAGIC}.get(applied[-1] if applied else "")
    return [] if marked and not marked.startswith(head[: len(marked)]) else applied


def _as_is(body: Body, limit: int, flaw: str = "") -> Content:
    head = body.head[:limit]
    cut = len(head) < len(body.head)
    ends, seconds = [end for end, _ in body.chunks], [second for _, second in body.chunks]
    tail = b"" if cut else body.tail
    return Content(head, tail, ends, seconds, not body.truncated and not cut, "too_large" if cut else flaw)


def _unpack(body: Body, encodings: list[str], limit: int) -> Content:
    if not encodings:
        return _as_is(body, limit)
    chain = [UNPACKERS[name]() for name in reversed(encodings)]
    out, flaw = bytearray(), ""
    produced = [0] * len(chain)  # each stage is bounded: a bomb may hide inside an outer encoding
    ends: list[int] = []
    seconds: list[float] = []
    for packed, second in _arrivals(body):
        data = packed
        for stage, unpacker in enumerate(chain):
            data = unpacker.unpack(data, limit + 1 - produced[stage])
            produced[stage] += len(data)
        out += data
        if second is not None:
            ends.append(len(out))
            seconds.append(second)
        if max(produced) > limit:
            flaw = "too_large"
        elif any(unpacker.broken for unpacker in chain):
            flaw = "bad_encoding"
        if flaw:
            break
    if flaw == "bad_encoding" and not out and body.head.lstrip().startswith(_PLAIN_STARTS):
        return _as_is(body, limit)  # it was never packed
    whole = not flaw and not body.truncated and (not body.head or all(unpacker.finished for unpacker in chain))
    return Content(bytes(out[:limit]), b"", ends, seconds, whole, flaw)


def _arrivals(body: Body) -> Iterator[tuple[bytes, float | None]]:
    """Give the kept head as it arrived: (bytes, seconds); at once where the times are not known."""
    start = 0
    for end, second in body.chunks:
        if end > start:
            yield body.head[start:end], second
            start = end
        if start >= len(body.head):
            return
    if start < len(body.head):
        yield body.head[start:], body.chunks[-1][1] if body.chunks else None


UNPACKERS: Final[dict[str, Callable[[], _Unpacker]]] = {
    "gzip": lambda: _Zlib(zlib.MAX_WBITS + 16),
    "x-gzip": lambda: _Zlib(zlib.MAX_WBITS + 16),
    "deflate": lambda: _Zlib(0),
    "br": _Brotli,
    "zstd": _Zstd,
}
