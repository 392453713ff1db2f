"""Connections to one upstream: the pool that keeps them alive, and the reading of responses.

A connection serves one relay at a time. It is reused only after a response and a request that were both whole, and only
when nothing, not even a FIN, waits on its socket: that check is what makes a stale connection rare.
"""

import asyncio
import select
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from sidecar.proxy.chunked import ChunkError, ChunkReader
from sidecar.proxy.fault import Fault
from sidecar.proxy.field import CHUNKED, UNTIL_CLOSE, HeadError
from sidecar.proxy.response_head import ResponseHead, read_response

if TYPE_CHECKING:
    from sidecar.proxy.relay import Relay

_TRUSTED_SECONDS: Final = 0.001  # an idle time so short that asking the kernel about a FIN is not worth a system call


class UpstreamConnection(asyncio.Protocol):
    """One connection: reads the response of its relay and tells the relay what came, as wire bytes and as body."""

    __slots__ = ("_buffer", "_chunks", "_head", "_left", "_relay", "fd", "idle_since", "pool", "transport")

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.idle_since = 0.0
        self.fd = -1
        self._relay: Relay | None = None
        self._head: ResponseHead | None = None
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        self.fd = sock.fileno() if sock is not None else -1
        self.transport.set_write_buffer_limits(high=self.pool.buffer_bytes)
        self.pool.open.add(self)

    def serve(self, relay: "Relay") -> None:
        """Take on a relay: the next response on this connection is its answer."""
        self._relay = relay
        self._head = None
        self._chunks = None

    def send(self, data: bytes) -> None:
        """Write, unless the connection is on its way down: its loss will be told."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def end_output(self) -> bool:
        """Send a FIN after what was written. Returns whether that was possible: TLS has no half-closing."""
        if self.transport.is_closing() or not self.transport.can_write_eof():
            return False
        self.transport.write_eof()
        return True

    def hold(self, hold: bool) -> None:
        """Stop or go on reading: back-pressure of the download."""
        if self.transport.is_closing():
            return
        if hold:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def abort(self) -> None:
        """Close at once, whatever was under way: the upstream is to stop working for nobody."""
        self._relay = None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        relay, chunks = self._relay, self._chunks
        if chunks is not None and relay is not None and (body := chunks.whole(data)):
            relay.response_data(data, body)  # the usual read of a stream: one event, one chunk, nothing else to see to
        elif relay is None:
            self.transport.abort()  # nobody asked for it: not a connection to reuse
        elif relay.tunnel:
            relay.tunnel_down(data)
        elif self._head is None:
            self._read_head(relay, data)
        else:
            self._read_body(relay, self._head, data, first=False)

    def eof_received(self) -> bool:
        relay = self._relay
        if relay is not None and relay.tunnel:
            return relay.tunnel_down_ended()
        self._ended(clean=True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.pool.lost(self)
        relay = self._relay
        if relay is not None and relay.tunnel:
            self._relay = None
            relay.tunnel_lost(exc is None)
        else:
            self._ended(clean=exc is None)

    def pause_writing(self) -> None:
        if self._relay is not None:
            self._relay.hold_upload(True)

    def resume_writing(self) -> None:
        if self._relay is not None:
            self._relay.hold_upload(False)

    def _read_head(self, relay: "Relay", data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end < 0 or end > self.pool.head_bytes:
                self._buffer = buffer
                if len(buffer) > self.pool.head_bytes:
                    self._refuse(relay, f"response head of more than {self.pool.head_bytes} bytes", "response_head")
                elif buffer[:7] != b"HTTP/1."[: len(buffer)]:
                    self._refuse(relay, "the upstream does not speak HTTP/1")
                return
            try:
                head = read_response(buffer[:end], relay.head.method, relay.head.upgrade is not None)
            except HeadError as error:
                self._refuse(relay, f"malformed response head: {error}")
                return
            buffer = buffer[end + 4 :]
            if head.status >= 200:
                break
            if head.status == 101:
                self._switch(relay, head, buffer)
                return
            relay.interim(head)
            if not buffer:
                self._buffer = b""
                return
        self._buffer = b""
        self._head = head
        self._left = head.length
        if head.length == CHUNKED:
            self._chunks = ChunkReader()
        self._read_body(relay, head, buffer, first=True)

    def _read_body(self, relay: "Relay", head: ResponseHead, data: bytes, *, first: bool) -> None:
        used, body, left = len(data), data, self._left
        if left == CHUNKED:
            pieces: list[bytes] = []
            chunks = cast(ChunkReader, self._chunks)
            try:
                used = chunks.feed(data, pieces) if data else 0
            except ChunkError as error:
                self._refuse(relay, f"malformed response body: {error}")
                return
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            done = chunks.done
        elif left == UNTIL_CLOSE:
            done = False
        else:
            used = min(used, left)
            body = data if used == len(data) else data[:used]
            self._left = left - used
            done = used == left
        wire = data if used == len(data) else data[:used]
        if done:
            self._release(relay, head.keep_alive and used == len(data))
        if first:
            relay.response_began(head, wire, body, done)
        elif done:
            relay.response_ended(wire, body)
        else:
            relay.response_data(wire, body)

    def _release(self, relay: "Relay", reusable: bool) -> None:
        """Part from a relay whose response is whole, before it is told, so that a next one can have this connection."""
        self._relay = None
        relay.upstream = None
        if reusable and relay.request_whole and not self.transport.is_closing():
            self.transport.resume_reading()
            self.pool.keep(self)
        else:
            self.transport.abort()

    def _switch(self, relay: "Relay", head: ResponseHead, rest: bytes) -> None:
        if relay.head.upgrade is None:
            self._refuse(relay, "101 without a request to switch")
            return
        self._buffer = b""
        relay.switched(head)
        if rest and self._relay is relay:
            relay.tunnel_down(rest)

    def _refuse(self, relay: "Relay", message: str, limit: str | None = None) -> None:
        self._relay = None
        self.transport.abort()
        relay.upstream_failed(Fault.UPSTREAM_INVALID, message, limit)

    def _ended(self, clean: bool) -> None:
        relay, self._relay = self._relay, None
        if relay is None:
            return
        if self._head is not None and self._left == UNTIL_CLOSE and clean:
            self.transport.abort()
            relay.upstream = None
            relay.response_ended(b"", b"")
            return
        self.transport.abort()
        if self._head is None and not self._buffer:
            relay.upstream_closed_silently()
        else:
            relay.upstream_failed(Fault.UPSTREAM_CLOSED, "the upstream closed before its answer was whole")


class Pool:
    """The connections of one destination: idle ones (the most recent is used first) and how many are open."""

    def __init__(self, *, idle: int, idle_seconds: float, buffer_bytes: int, head_bytes: int) -> None:
        self.idle_limit = idle
        self.idle_seconds = idle_seconds
        self.buffer_bytes = buffer_bytes
        self.head_bytes = head_bytes
        self.open: set[UpstreamConnection] = set()
        self._idle: deque[UpstreamConnection] = deque()
        self._poll = select.poll()

    def take(self) -> UpstreamConnection | None:
        """Return an idle connection that is still good, or None."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing() and not self._stale(connection):
                return connection
            connection.transport.abort()
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        connection.idle_since = monotonic()
        self._idle.append(connection)
        if len(self._idle) > self.idle_limit:
            self._idle.popleft().transport.abort()

    def lost(self, connection: UpstreamConnection) -> None:
        self.open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def expire(self, now: float) -> None:
        """Close connections that were idle for too long. Call it about once a second."""
        while self._idle and now - self._idle[0].idle_since > self.idle_seconds:
            self._idle.popleft().transport.abort()

    def close(self) -> None:
        """Close the idle connections; those in use end with their relays."""
        self.idle_limit = 0
        while self._idle:
            self._idle.pop().transport.abort()

    def _stale(self, connection: UpstreamConnection) -> bool:
        """Whether something waits on the socket: a FIN, a reset or bytes nobody asked for."""
        if connection.fd < 0 or monotonic() - connection.idle_since < _TRUSTED_SECONDS:
            return False
        self._poll.register(connection.fd, select.POLLIN)
        try:
            return bool(self._poll.poll(0))
        finally:
            self._poll.unregister(connection.fd)
