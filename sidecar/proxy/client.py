"""Connections from clients: reading requests in order, one exchange at a time, and knowing when the client is gone.

A client that closes and one that only ends its sending side look alike: both send a FIN. So after one, the exchange
lives on for as long as bytes of the answer keep passing (a closed client resets them) or for a short grace without any.
"""

import asyncio
import re
import socket
import struct
from os import dup
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from sidecar.proxy.chunked import ChunkError, ChunkReader
from sidecar.proxy.fault import Fault, answer
from sidecar.proxy.field import CHUNKED, HeadError, bad_start
from sidecar.proxy.relay import Relay
from sidecar.proxy.request_head import UNREADABLE, HeadReader

if TYPE_CHECKING:
    from sidecar.proxy.front import Front

_LINGER_SECONDS: Final = 2.0  # to let a client that still sends read our answer; nginx's lingering_timeout is 5
_FLUSH_SECONDS: Final = 30.0  # to let a slow client take the last bytes of a closed connection
_EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)++")
_RESET: Final = struct.pack("ii", 1, 0)


class ClientConnection(asyncio.Protocol):
    """One client: feeds each request to a Relay, holds pipelined ones back, and writes answers in order."""

    __slots__ = (
        "_body_open", "_buffer", "_chunks", "_closing_since", "_eof", "_front", "_heads", "_held", "_idle_since",
        "_left", "_reading", "_scanned", "_sent", "congested", "keep_alive", "relay", "transport",
    )  # fmt: skip

    def __init__(self, front: "Front") -> None:
        self.relay: Relay | None = None
        self.keep_alive = True
        self.congested = False
        self._front = front
        self._buffer = b""
        self._scanned = 0  # of the buffer: no end of a head in it
        self._body_open = False  # the current request's body is not whole, though its relay may have ended
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._heads = HeadReader()
        self._reading = False
        self._held = False
        self._eof = False
        self._sent = False  # since the client's FIN
        self._idle_since = monotonic()
        self._closing_since: float | None = None

    # asyncio's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._front.limits.buffer_bytes)
        if not self._front.admit(self):
            self.send(answer(Fault.OVERLOADED, "too many client connections", close=True)[2])
            self._close()

    def data_received(self, data: bytes) -> None:
        relay = self.relay
        if self._closing_since is not None:
            return
        if relay is not None and relay.tunnel:
            relay.tunnel_up(data)
            return
        if self._body_open:
            data = self._read_body(data)
        if data:
            self._read_requests(data)

    def eof_received(self) -> bool:
        relay = self.relay
        if relay is None or self._closing_since is not None:
            return False
        if relay.tunnel:
            return relay.tunnel_up_ended()
        if self._body_open:
            relay.client_gone()
            return False
        self._eof = True
        self._sent = False
        seconds = self._front.limits.half_closed_seconds
        asyncio.get_running_loop().call_later(seconds, self._give_up, relay)
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self._front.clients.discard(self)
        self._closing_since = monotonic()
        if self.relay is not None:
            self.relay.client_gone()

    def pause_writing(self) -> None:
        self.congested = True
        if self.relay is not None:
            self.relay.hold_download(True)

    def resume_writing(self) -> None:
        self.congested = False
        if self.relay is not None:
            self.relay.hold_download(False)
        elif self._buffer and not self._body_open:
            self._read_requests(b"")

    # The relay's calls.

    def send(self, data: bytes) -> None:
        """Write towards the client; after its connection is closing, drop."""
        if not self.transport.is_closing():
            self._sent = True
            self.transport.write(data)

    def relay_ended(self, broken: bool) -> None:
        """Go on with the next request, or close: a broken answer must not look like a whole one."""
        relay, self.relay = self.relay, None
        self._idle_since = monotonic()
        if broken:
            self._break(relay is not None and relay.until_close)
        elif not self.keep_alive or ((self._eof or self._front.draining) and not self._buffer):
            self._close()
        elif self._buffer and not self._body_open:
            self._read_requests(b"")
        elif self._held:
            self.adjust_reading()

    def adjust_reading(self) -> None:
        """Read on, or stop: back-pressure of the upload, and a limit to what is pipelined."""
        relay = self.relay
        upload = relay is not None and relay.upload_held and (self._body_open or relay.tunnel)
        pipelined = relay is not None or self.congested  # else it is a head, which has a limit of its own
        held = upload or (pipelined and len(self._buffer) > self._front.limits.buffer_bytes)
        if held != self._held and not self.transport.is_closing():
            self._held = held
            if held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def tunnel_opened(self) -> None:
        """Pass on what the client sent before it saw the switch."""
        data, self._buffer = self._buffer, b""
        if data and self.relay is not None:
            self.relay.tunnel_up(data)
        self.adjust_reading()

    def end_output(self) -> bool:
        """Send a FIN after what was written. Returns whether that was possible."""
        if self.transport.is_closing() or not self.transport.can_write_eof():
            return False
        self.transport.write_eof()
        return True

    # The front's calls.

    def tick(self, now: float) -> None:
        """Enforce the limits of time."""
        limits = self._front.client_timeouts
        if self._closing_since is not None:
            flushing = self.transport.get_write_buffer_size() > 0
            if now - self._closing_since > (_FLUSH_SECONDS if flushing else _LINGER_SECONDS):
                self.transport.abort()
        elif self.relay is not None:
            self.relay.tick(now)
        elif self._buffer and not self._body_open and not self.congested:
            if now - self._idle_since > limits.client_head_seconds:
                self._refuse(Fault.REQUEST_TIMEOUT, "request head not complete in time", "client_head_seconds")
        elif now - self._idle_since > limits.client_idle_seconds:
            self._close()

    def drain(self) -> None:
        """Close where no exchange is under way; else the answer under way says that it is the last."""
        if self.relay is None and not self._buffer and not self._body_open:
            self._close()

    def abort(self) -> None:
        if self.relay is not None:
            self.relay.shut_down()
        self.transport.abort()

    # Requests.

    def _read_requests(self, data: bytes) -> None:
        if not self._buffer:
            self._idle_since = monotonic()
        self._buffer = self._buffer + data if self._buffer else data
        if not self._reading:  # else an exchange ended at once, inside the loop below, which goes on by itself
            self._reading = True
            while self._ready_for_request() and self._next_request():
                pass
            self._reading = False
            if self._eof and self.relay is None and not self.congested:
                self._close()
        if self._held or len(self._buffer) > self._front.limits.buffer_bytes:
            self.adjust_reading()

    def _ready_for_request(self) -> bool:
        """Whether the next of the pipelined requests may begin; not before the client reads what it was answered."""
        idle = self.relay is None and not self._body_open and self._closing_since is None
        return idle and not self.congested and bool(self._buffer)

    def _next_request(self) -> bool:
        buffer, limit = self._buffer, self._front.limits.request_head_bytes
        if buffer[:2] == b"\r\n":  # RFC 9112 section 2.2: empty lines before a request are ignored
            buffer = _EMPTY_LINES.sub(b"", buffer, count=1)
        scanned, self._scanned = self._scanned, 0
        end = buffer.find(b"\r\n\r\n", max(0, scanned - 3))
        if end < 0 or end > limit:
            self._buffer, self._scanned = buffer, len(buffer)
            if len(buffer) > limit:
                self._refuse(Fault.HEAD_TOO_LARGE, f"request head of more than {limit} bytes", "request_head_bytes")
            elif buffer != b"\r" and bad_start(buffer, scanned):
                self._refuse(Fault.BAD_REQUEST, "not an HTTP/1.1 request")
            return False
        arrived = monotonic()
        try:
            head = self._heads.read(buffer[:end])
            wire, body, self._buffer = self._start_body(head.length, buffer[end + 4 :])
        except (HeadError, ChunkError) as error:
            self._refuse(Fault.BAD_REQUEST, str(error))
            return False
        if self._eof and self._body_open:  # the rest of it will not come
            return False
        relay = self.relay = Relay(self._front, self, head, arrived)
        self._front.began(relay, wire, body, not self._body_open)
        return True

    def _start_body(self, length: int, data: bytes) -> tuple[bytes, bytes, bytes]:
        """Return the body's first wire bytes, the same without framing, and what belongs to the next request."""
        if length == 0:
            return b"", b"", data
        self._left = length
        self._chunks = ChunkReader() if length == CHUNKED else None
        self._body_open = True
        return self._split(data)

    def _split(self, data: bytes) -> tuple[bytes, bytes, bytes]:
        chunks = self._chunks
        if chunks is not None:
            pieces: list[bytes] = []
            used = chunks.feed(data, pieces)
            self._body_open = not chunks.done
            return data[:used], b"".join(pieces), data[used:]
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            return data, data, b""
        self._body_open = False
        body = data[:left]
        return body, body, data[left:]

    def _read_body(self, data: bytes) -> bytes:
        """Pass on the body's part of `data` (drop it where the exchange is over) and return the rest."""
        try:
            wire, body, rest = self._split(data)
        except ChunkError as error:
            if self.relay is not None:
                self.relay.client_broke(Fault.BAD_REQUEST, str(error))
            else:
                self._close()
            return b""
        if self.relay is not None:
            self.relay.request_data(wire, body, not self._body_open)
        else:
            self._idle_since = monotonic()
        return rest

    def _refuse(self, fault: Fault, message: str, limit: str | None = None) -> None:
        """Answer a request whose head cannot be used; nothing after it can be trusted, so the connection ends."""
        self._body_open = False
        self.relay = Relay(self._front, self, UNREADABLE, monotonic())
        self._front.refused(self.relay, fault, message, limit)

    # Ends.

    def _give_up(self, relay: Relay) -> None:
        """The grace after the client's FIN is over: without a byte written meanwhile, it is taken to be gone."""
        if self.relay is relay and not self._sent:
            relay.client_gone()

    def _close(self) -> None:
        """Close after what was written; a client that may still be sending gets the time to read it first."""
        if self._closing_since is not None:
            return
        self._closing_since = monotonic()
        sending = not self._eof and (self._body_open or self._buffer)
        self._buffer = b""
        if sending and self.end_output():
            if self._held:
                self.transport.resume_reading()
        else:
            self.transport.close()

    def _break(self, until_close: bool) -> None:
        self._closing_since = monotonic()
        if until_close:
            self._reset_on_close()
        self.transport.close()

    def _reset_on_close(self) -> None:
        """Where only the end of the connection ends the answer, a FIN would make a broken one look whole."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            with socket.socket(fileno=dup(sock.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
