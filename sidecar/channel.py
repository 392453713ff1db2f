"""The local channel between a proxy worker and the observer: frames over a stream socket, sans-I/O.

A frame is a fixed header (length, kind, exchange, seconds) and a payload. Bodies travel as raw bytes;
everything else as MessagePack of the structs below. Both ends are the same version by construction (one
container, one `Hello`), so there is no negotiation: another version is refused.

Proxy to observer: Hello, then for each exchange Open, RequestData*, ResponseHead?, ResponseData*, Close; and
Totals about once a second. Observer to proxy: Settled, after an exchange's outcome reached the sinks.
The proxy owns the coverage ledger, because only it knows every exchange and outlives the observer: each exchange whose
Open was sent is settled exactly once, by Settled or, when the observer is lost, by the proxy itself.
"""

import struct
from enum import IntEnum
from typing import Any, Final

import msgspec

VERSION: Final = 1
HEADER: Final = struct.Struct("<IBQd")  # payload bytes, kind, exchange number, seconds since Open
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024


class Kind(IntEnum):
    HELLO = 1
    OPEN = 2
    REQUEST_DATA = 3
    RESPONSE_HEAD = 4
    RESPONSE_DATA = 5
    CLOSE = 6
    TOTALS = 7
    SETTLED = 8


class Hello(msgspec.Struct, array_like=True, frozen=True):
    version: int
    worker: int
    pid: int


class Open(msgspec.Struct, array_like=True, frozen=True):
    """Sent when the request head is in. Headers and target are already without credentials."""

    route: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    started_unix_seconds: float


class ResponseHead(msgspec.Struct, array_like=True, frozen=True):
    status: int
    headers: list[tuple[str, str]]
    upgraded: bool = False
    from_proxy: bool = False


class Close(msgspec.Struct, array_like=True, frozen=True):
    """The end of an exchange: always sent once Open was. Sizes are of whole bodies on the wire.

    `*_tail` are the last bytes of a body whose middle was left out; `request_sha256` is set where the observer
    cannot compute it, because the request body was not sent over in full.
    """

    ending: str  # capture.Ending
    status: int | None
    request_bytes: int
    response_bytes: int
    request_tail: bytes = b""
    response_tail: bytes = b""
    request_end_seconds: float | None = None
    proxy_seconds: float = 0.0
    request_sha256: str | None = None
    dropped: str | None = None  # why data of this exchange was not sent over: the capture is incomplete


class Histogram(msgspec.Struct, array_like=True):
    """Cumulative since the worker began. `counts` has one more entry than the bounds: above the last."""

    counts: list[int]
    sum: float


class Traffic(msgspec.Struct, array_like=True):
    """What one worker saw of one (route, method, status) since it began: kept though the observer dies."""

    route: str
    method: str
    status: str  # "200", ... or "none"
    ending: str
    exchanges: int
    request_bytes: int
    response_bytes: int
    duration: Histogram
    first_byte: Histogram


class Totals(msgspec.Struct, array_like=True):
    """A worker's cumulative figures: the whole state each time, so that a lost frame loses nothing.

    `ledger` maps "watcher\\0state\\0reason" to exchanges; `dropped` maps a reason to exchanges whose capture
    did not reach the observer whole.
    """

    worker: int
    pid: int
    seen: int
    in_flight: int
    traffic: list[Traffic]
    dropped: dict[str, int]
    ledger: dict[str, int]
    added_seconds: Histogram
    upstream_connects: dict[str, int]  # "route\0outcome" -> count
    client_connections: int
    observer_losses: int
    channel_bytes: int  # waiting to be sent now
    refused: dict[str, int] = {}  # limit's name -> connections or requests that met it
    watchers: list[str] = []  # that each exchange is to be settled for
    reloads_refused: int = 0  # configurations that did not get as far as the observer
    cpu_seconds: float = 0.0  # of this process
    resident_bytes: int = 0


class Settled(msgspec.Struct, array_like=True, frozen=True):
    """The outcome of a batch of exchanges: `ledger` adds to the worker's, once for each number in `exchanges`."""

    exchanges: list[int]
    ledger: dict[str, int]


# Upper bounds in seconds. Duration and first byte: OpenTelemetry GenAI's client buckets; added: the proxy's own share.
DURATION_BOUNDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
ADDED_BOUNDS: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

STRUCTS: Final[dict[Kind, type[msgspec.Struct]]] = {
    Kind.HELLO: Hello,
    Kind.OPEN: Open,
    Kind.RESPONSE_HEAD: ResponseHead,
    Kind.CLOSE: Close,
    Kind.TOTALS: Totals,
    Kind.SETTLED: Settled,
}

encode = msgspec.msgpack.Encoder().encode
_decoders = {kind: msgspec.msgpack.Decoder(struct_type) for kind, struct_type in STRUCTS.items()}


class ChannelError(Exception):
    """The peer sent something that is not a frame: close the connection."""


def frame(kind: Kind, exchange: int, seconds: float, payload: bytes | msgspec.Struct) -> bytes:
    """Return one frame's bytes; `payload` is raw bytes for the data kinds and a struct for the others."""
    data = payload if isinstance(payload, bytes) else encode(payload)
    return HEADER.pack(len(data), kind, exchange, seconds) + data


class FrameReader:
    """Splits a byte stream into frames, whatever way it is cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Kind, int, float, Any]]:
        """Return the frames completed by `data` as (kind, exchange, seconds, payload).

        Raises ChannelError on an unknown kind, an oversized payload or a malformed struct.
        """
        buffer = self._buffer
        buffer += data
        frames: list[tuple[Kind, int, float, Any]] = []
        start, end = 0, len(buffer)
        while end - start >= HEADER.size:
            length, kind, exchange, seconds = HEADER.unpack_from(buffer, start)
            if length > MAX_PAYLOAD_BYTES:
                raise ChannelError(f"payload of {length} bytes, at most {MAX_PAYLOAD_BYTES} expected")
            body = start + HEADER.size
            if end < body + length:
                break
            frames.append(_decode(kind, exchange, seconds, bytes(buffer[body : body + length])))
            start = body + length
        del buffer[:start]
        return frames


def _decode(kind: int, exchange: int, seconds: float, payload: bytes) -> tuple[Kind, int, float, Any]:
    try:
        known = Kind(kind)
        decoder = _decoders.get(known)
        return known, exchange, seconds, payload if decoder is None else decoder.decode(payload)
    except (ValueError, msgspec.DecodeError) as error:
        raise ChannelError(f"frame of kind {kind}: {error}") from error
