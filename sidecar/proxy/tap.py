"""The copy of one exchange on its way to the observer: bytes and times as they pass, capped, credentials removed.

A tap never delays and never fails the exchange. What it cannot send it counts: past the head cap only the last bytes
of a body are kept, for Close; and from the moment the channel is full the rest of the exchange's bytes is left out.
"""

import hashlib
import struct
from typing import TYPE_CHECKING, Final

from sidecar.channel import Close, Kind, encode
from sidecar.proxy.redact import Redactor
from sidecar.proxy.request_head import RequestHead
from sidecar.wire.capture import Ending

if TYPE_CHECKING:
    from sidecar.proxy.observer_link import Session
    from sidecar.proxy.relay import Relay

CHANNEL_FULL: Final = "channel_full"
# MessagePack: a float of 64 bits; a text of less than 32 bytes begins with its size; false and true.
_FLOAT: Final = struct.Struct(">Bd")
_SHORT_TEXT: Final = [bytes([0xA0 | size]) for size in range(32)]
_BOOLEANS: Final = (b"\xc2", b"\xc3")


class Tail:
    """The last bytes of a body, at most `limit` of them."""

    __slots__ = ("_bytes", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()  # one, not the pieces: a body may come byte by byte

    def feed(self, data: bytes) -> int:
        """Take bytes in; return by how much more (or less, negative) is held."""
        before = len(self._bytes)
        self._bytes += data
        del self._bytes[: max(0, len(self._bytes) - self._limit)]
        return len(self._bytes) - before

    def join(self) -> bytes:
        return bytes(self._bytes)


class Tap:
    """One exchange's copy. Open was sent when it was made; `close` must be called.

    The head caps are those of its beginning, whatever a reload makes of them meanwhile: the hash depends on them.
    """

    _dropped: str | None = None
    _request_tail: Tail | None = None
    _response_tail: Tail | None = None
    _tail_bytes = 0
    _request_end: float | None = None
    _sha256: "hashlib._Hash | None" = None

    def __init__(self, session: "Session", number: int, started: float, length: int) -> None:
        caps = session.capture
        self._session = session
        self._number = number
        self._started = started
        self._request_cap = self._request_left = caps.request_head_bytes
        self._response_left = caps.response_head_bytes
        if length < 0 or length > caps.request_head_bytes:  # else the observer gets all of the body
            self._sha256 = hashlib.sha256()

    def request(self, body: bytes, whole: bool, now: float) -> None:
        """Copy bytes of the request body."""
        if whole:
            self._request_end = now - self._started
        if not body or not self._session.alive:
            return
        left = self._request_left
        if self._dropped is None and self._session.full:
            self._drop(left == self._request_cap)
        if self._sha256 is not None:
            self._sha256.update(body)
        if self._dropped is not None:
            return
        if left:
            self._data(Kind.REQUEST_DATA, body if len(body) <= left else body[:left], now)
            self._request_left = max(0, left - len(body))
        if len(body) > left:
            tail = self._request_tail = self._request_tail or Tail(self._session.capture.request_tail_bytes)
            self._keep(tail, body[left:])

    def response_head(
        self, status: int, fields: bytes, now: float, *, upgraded: bool = False, from_proxy: bool = False
    ) -> None:
        """Copy the head of the answer."""
        if self._session.alive:
            head = _response_head(self._session.redactor, status, fields, upgraded, from_proxy)
            self._session.send(Kind.RESPONSE_HEAD, self._number, now - self._started, head)

    def response(self, body: bytes, now: float) -> None:
        """Copy bytes of the answer's body."""
        session, left = self._session, self._response_left
        if session.roomy and self._dropped is None and len(body) < left:
            self._response_left = left - len(body)
            session.send(Kind.RESPONSE_DATA, self._number, now - self._started, body)
            return
        if not session.alive:
            return
        if self._dropped is None and session.full:
            self._drop(False)
        if self._dropped is not None:
            return
        if left:
            self._data(Kind.RESPONSE_DATA, body if len(body) <= left else body[:left], now)
            self._response_left = max(0, left - len(body))
        if len(body) > left:
            tail = self._response_tail = self._response_tail or Tail(self._session.capture.response_tail_bytes)
            self._keep(tail, body[left:])

    def close(self, ending: Ending, relay: "Relay", now: float, added: float) -> None:
        """Send Close: the observer can finish the capture."""
        session = self._session
        session.tail_bytes -= self._tail_bytes
        if not session.alive:
            return
        close = Close(
            ending,
            relay.status or None,
            relay.request_bytes,
            relay.response_bytes,
            self._request_tail.join() if self._request_tail is not None else b"",
            self._response_tail.join() if self._response_tail is not None else b"",
            self._request_end,
            added,
            self._digest(relay.request_bytes),
            self._dropped,
        )
        session.send(Kind.CLOSE, self._number, now - self._started, encode(close))

    def _data(self, kind: Kind, data: bytes, now: float) -> None:
        self._session.send(kind, self._number, now - self._started, data)

    def _keep(self, tail: Tail, data: bytes) -> None:
        if self._session.tail_bytes < self._session.capture.queue_bytes:
            more = tail.feed(data)
            self._tail_bytes += more
            self._session.tail_bytes += more

    def _drop(self, from_the_start: bool) -> None:
        """Send no more bytes of this exchange; the hash can still be had where no byte of the body has passed."""
        self._dropped = CHANNEL_FULL
        self._session.dropped(CHANNEL_FULL)
        if from_the_start and self._sha256 is None:
            self._sha256 = hashlib.sha256()

    def _digest(self, size: int) -> str | None:
        """Return the hash where the observer cannot compute it, for want of the bytes."""
        incomplete = self._dropped is not None or size > self._request_cap
        return self._sha256.hexdigest() if self._sha256 is not None and incomplete else None


# Open and ResponseHead of sidecar.channel, put together from encoded parts: most of a repeated head stays as it was.


def encode_open(redactor: Redactor, route: str, head: RequestHead, unix_seconds: float) -> bytes:
    """Return the payload of an Open frame: an array of route, method, target, fields and time."""
    opened = head.opened
    if opened is None or opened[0] is not redactor or opened[1] != route:
        opened = head.opened = (redactor, route, *_around_length(redactor, route, head))
    if head.length_place < 0:
        return opened[2] + _FLOAT.pack(0xCB, unix_seconds)
    return opened[2] + _SHORT_TEXT[len(head.digits)] + head.digits + opened[3] + _FLOAT.pack(0xCB, unix_seconds)


def _around_length(redactor: Redactor, route: str, head: RequestHead) -> tuple[bytes, bytes]:
    pairs, place = redactor.fields(head.fields), head.length_place
    method = head.method.decode("latin-1")
    start = _array(5) + encode(route) + encode(method) + encode(redactor.target(head.target)) + _array(len(pairs))
    if place < 0:
        return start + b"".join(pairs), b""
    name = redactor.start(head.fields[place].partition(b":")[0])
    return start + b"".join(pairs[:place]) + name, b"".join(pairs[place + 1 :])


def _response_head(redactor: Redactor, status: int, fields: bytes, upgraded: bool, from_proxy: bool) -> bytes:
    pairs = redactor.fields(fields.split(b"\r\n")[1:])
    flags = _BOOLEANS[upgraded] + _BOOLEANS[from_proxy]
    return b"\x94\xcd" + status.to_bytes(2, "big") + _array(len(pairs)) + b"".join(pairs) + flags


def _array(size: int) -> bytes:
    if size < 16:
        return bytes([0x90 | size])
    return b"\xdc" + size.to_bytes(2, "big") if size < 65_536 else b"\xdd" + size.to_bytes(4, "big")
