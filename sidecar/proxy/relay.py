"""One request on its way to an upstream and its answer on the way back: what joins a client to an upstream connection.

It owns the order of events, the clocks and the figures of the exchange; the two connections own the framing. Every
exchange ends in `_finish` exactly once, whoever ends it.
"""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from sidecar.proxy.connect import ConnectError, connect
from sidecar.proxy.fault import Fault, answer
from sidecar.proxy.field import CHUNKED, UNTIL_CLOSE
from sidecar.proxy.request_head import RequestHead
from sidecar.proxy.response_head import ResponseHead, without_coding
from sidecar.proxy.upstream import UpstreamConnection
from sidecar.wire.capture import Ending

if TYPE_CHECKING:
    from sidecar.proxy.client import ClientConnection
    from sidecar.proxy.front import Front, Outlet
    from sidecar.proxy.tap import Tap

_SAFE_METHODS: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))  # RFC 9110 section 9.2.2
_REPLAY_BYTES: Final = 65_536


class Relay:
    """One exchange in flight. The client connection feeds the request in, the upstream connection the response."""

    # What an exchange begins with, once for the class: most of it never changes in most exchanges.
    upstream: UpstreamConnection | None = None
    request_whole = False
    tunnel = False
    until_close = False  # only the end of the client's connection can end the answer
    upload_held = False
    ended = False
    status = 0  # of the final answer; 0 until its head is on the way to the client
    request_bytes = 0
    response_bytes = 0
    _added = 0.0
    _first_byte: float | None = None
    _dechunk = False
    _continued = False
    _connecting: asyncio.Task[None] | None = None
    _pending: list[bytes] | None = None
    _pending_bytes = 0
    _replay: bytes | None = None
    _outlet: "Outlet | None" = None
    _tap: "Tap | None" = None
    _down_ended = False
    _up_ended = False

    def __init__(self, front: "Front", client: "ClientConnection", head: RequestHead, arrived: float) -> None:
        self.head = head
        self.started = arrived
        self.last_byte = arrived  # when the latest byte passed, either way
        self._front = front
        self._client = client

    # The request, from the client.

    def begin(self, outlet: "Outlet", tap: "Tap | None", wire: bytes, body: bytes, whole: bool) -> None:
        """Send the head and what has come of the body, on an idle connection where there is one."""
        self._outlet = outlet
        self._tap = tap
        self._count_request(body, whole)
        data = outlet.destination.render(self.head) + wire
        connection = outlet.pool.take()
        if connection is None:
            self._connect(data)
            return
        if whole and len(data) <= _REPLAY_BYTES and self.head.method in _SAFE_METHODS:
            self._replay = data
        self._attach(connection)
        connection.send(data)
        self._added = monotonic() - self.started

    def refuse(self, tap: "Tap | None", fault: Fault, message: str, limit: str | None) -> None:
        """Answer with an own error a request that goes nowhere."""
        self._tap = tap
        self._fail(fault, message, limit)

    def reply(self, page: bytes) -> None:
        """Answer with a page of our own."""
        self.status = int(page[9:12])
        self.request_whole = True
        self._client.keep_alive = self.head.keep_alive
        self._client.send(page)
        self._finish(Ending.COMPLETE)

    def request_data(self, wire: bytes, body: bytes, whole: bool) -> None:
        """Pass on more of the request body."""
        self._count_request(body, whole)
        if self.upstream is not None:
            self.upstream.send(wire)
        elif self._pending is not None:
            self._pending.append(wire)
            self._pending_bytes += len(wire)
            if self._pending_bytes > self._front.limits.buffer_bytes:
                self.hold_upload(True)

    def client_gone(self) -> None:
        """The client closed: so does the upstream, at once."""
        self._finish(Ending.CLIENT_GONE, broken=True)

    def client_broke(self, fault: Fault, message: str) -> None:
        """The request turned out malformed, or stalled, after its head had gone on."""
        self._fail(fault, message)

    def hold_upload(self, hold: bool) -> None:
        self.upload_held = hold
        self._client.adjust_reading()

    def hold_download(self, hold: bool) -> None:
        if self.upstream is not None:
            self.upstream.hold(hold)

    # The connection.

    def _connect(self, data: bytes) -> None:
        outlet = cast("Outlet", self._outlet)
        if not self._front.may_connect():
            outlet.count("limit")
            self._fail(Fault.OVERLOADED, "too many connections to upstreams", "upstream_connections")
            return
        self._added = monotonic() - self.started
        self._pending = [data]
        self._connecting = self._front.spawn(self._reach(outlet))

    async def _reach(self, outlet: "Outlet") -> None:
        seconds = outlet.destination.timeouts.connect_seconds
        try:
            made = await connect(outlet.destination.endpoint, outlet.connection, seconds)
        except ConnectError as error:
            outlet.count("error")
            self._connecting = None
            self._fail(self._front.unreachable, str(error))
        except TimeoutError:
            outlet.count("timeout")
            self._connecting = None
            self._fail(Fault.CONNECT_TIMEOUT, f"no connection within {seconds:g} s")
        except Exception as error:  # the boundary: a flaw of ours must not leave the client without an answer
            outlet.count("error")
            self._connecting = None
            self._front.broke("connect", error)
            self._fail(self._front.unreachable, "no connection, by a flaw of Sidewatch's own: its log says more")
        else:
            outlet.count("ok")
            self._connected(cast(UpstreamConnection, made), outlet)

    def _connected(self, connection: UpstreamConnection, outlet: "Outlet") -> None:
        self._connecting = None
        if self.ended:
            outlet.pool.keep(connection)
            return
        begun = monotonic()
        self._attach(connection)
        pending, self._pending = self._pending, None
        connection.send(b"".join(pending or ()))
        self.last_byte = monotonic()
        self._added += self.last_byte - begun
        if self.upload_held and self._pending_bytes:
            self.hold_upload(False)

    def _attach(self, connection: UpstreamConnection) -> None:
        self.upstream = connection
        connection.serve(self)
        if self._client.congested:
            connection.hold(True)

    # The response, from the upstream.

    def interim(self, head: ResponseHead) -> None:
        """Pass on a 1xx; HTTP/1.0 knows none (RFC 9110 section 15.2)."""
        self.last_byte = monotonic()
        self._continued = self._continued or head.status == 100
        if self.head.minor:
            self._client.send(b"HTTP/1.1 %b%b\r\n\r\n" % (head.reason, head.forward))

    def response_began(self, head: ResponseHead, wire: bytes, body: bytes, done: bool) -> None:
        """Pass on the final head with what has come of the body."""
        now = monotonic()
        self.status = head.status
        self._first_byte = now - self.started
        fields = head.forward
        if head.length == CHUNKED and not self.head.minor:
            self._dechunk = True
            fields = without_coding(fields)
            wire = body
        self.until_close = head.length == UNTIL_CLOSE or self._dechunk
        connection = self._connection_line()
        self._client.send(b"HTTP/1.1 %b%b\r\n%b\r\n%b" % (head.reason, fields, connection, wire))
        self.last_byte = sent = monotonic()
        self._added += sent - now
        if self._tap is not None:
            self._tap.response_head(head.status, head.fields, now)
        self._count_response(body)
        if done:
            self._finish(Ending.COMPLETE)

    def response_data(self, wire: bytes, body: bytes) -> None:
        """Pass on body bytes as they came."""
        self._client.send(body if self._dechunk else wire)
        self.last_byte = now = monotonic()
        self.response_bytes += len(body)
        if self._tap is not None and body:
            self._tap.response(body, now)

    def response_ended(self, wire: bytes, body: bytes) -> None:
        """Pass on the last bytes; the upstream connection has parted from this relay already."""
        if wire:
            self.response_data(wire, body)
        self._finish(Ending.COMPLETE)

    def upstream_closed_silently(self) -> None:
        """Nothing came. On a connection from the pool that was its idle end: repeat what is safe to repeat, once."""
        replay, self._replay = self._replay, None
        self.upstream = None
        if replay is not None:
            cast("Outlet", self._outlet).count("stale")
            self._connect(replay)
        else:
            self._fail(Fault.UPSTREAM_CLOSED, "the upstream closed without an answer")

    def upstream_failed(self, fault: Fault, message: str, limit: str | None = None) -> None:
        """The answer is broken; the upstream connection is gone."""
        self.upstream = None
        self._fail(fault, message, limit)

    def _connection_line(self) -> bytes:
        """Return our own Connection field, where the client could not know otherwise whether the connection lasts."""
        client = self._client
        if not self.head.minor:
            client.keep_alive = self.head.keep_alive and not self.until_close and not self._front.draining
            return b"Connection: keep-alive\r\n" if client.keep_alive else b""
        client.keep_alive = self.head.keep_alive and not self.until_close
        unsure = self.head.expects and not self._continued and not self.request_whole and not self.request_bytes
        if client.keep_alive and (self._front.draining or unsure):
            client.keep_alive = False
            return b"Connection: close\r\n"
        return b""

    # A tunnel, after 101.

    def switched(self, head: ResponseHead) -> None:
        """Both sides speak another protocol from here on: pass bytes either way."""
        now = monotonic()
        self.tunnel = True
        self.status = head.status
        self._first_byte = now - self.started
        self.until_close = True
        self._client.keep_alive = False
        self._client.send(b"HTTP/1.1 %b%b\r\n\r\n" % (head.reason, head.forward))
        if self._tap is not None:
            self._tap.response_head(head.status, head.fields, now, upgraded=True)
        self._client.tunnel_opened()

    def tunnel_up(self, data: bytes) -> None:
        self._count_request(data, False)
        if self.upstream is not None and not self._up_ended:
            self.upstream.send(data)

    def tunnel_down(self, data: bytes) -> None:
        self._client.send(data)
        self.last_byte = monotonic()
        self._count_response(data)

    def tunnel_up_ended(self) -> bool:
        """The client sends no more. Returns whether its connection is to stay open for the other direction."""
        self._up_ended = True
        if self._down_ended or self.upstream is None or not self.upstream.end_output():
            self._finish(Ending.COMPLETE)
            return False
        return True

    def tunnel_down_ended(self) -> bool:
        self._down_ended = True
        if self._up_ended or not self._client.end_output():
            self._finish(Ending.COMPLETE)
            return False
        return True

    def tunnel_lost(self, clean: bool) -> None:
        self.upstream = None
        if clean:
            self._finish(Ending.COMPLETE)
        else:
            self._fail(Fault.UPSTREAM_CLOSED, "the upstream reset the tunnel")

    # Time.

    def tick(self, now: float) -> None:
        """Give up where a limit of time has passed. Called by the front's clock."""
        outlet = self._outlet
        if outlet is None or self.ended:
            return
        times = outlet.destination.timeouts
        if times.total_seconds is not None and now - self.started > times.total_seconds:
            self._fail(Fault.UPSTREAM_TIMEOUT, f"not complete within {times.total_seconds:g} s")
        elif self._connecting is not None:
            return
        elif not self.request_whole and not self.tunnel:
            if times.idle_seconds is not None and now - self.last_byte > times.idle_seconds:
                fault = Fault.UPSTREAM_TIMEOUT if self.upload_held else Fault.REQUEST_TIMEOUT
                self._fail(fault, f"no byte of the request passed for {times.idle_seconds:g} s")
        elif not self.status:
            if times.first_byte_seconds is not None and now - self.last_byte > times.first_byte_seconds:
                self._fail(Fault.UPSTREAM_TIMEOUT, f"no answer within {times.first_byte_seconds:g} s")
        elif times.idle_seconds is not None and now - self.last_byte > times.idle_seconds:
            self._fail(Fault.UPSTREAM_TIMEOUT, f"no byte for {times.idle_seconds:g} s")

    def shut_down(self) -> None:
        """The grace period is over."""
        self._finish(Ending.SHUTDOWN, broken=True)

    # The end.

    def _fail(self, fault: Fault, message: str, limit: str | None = None) -> None:
        """Answer with an own error where no answer has begun; else break the client's stream visibly."""
        if self.ended:
            return
        if limit is not None:
            self._front.tally.refuse(limit)
        broken = self.status != 0
        if not broken:
            self._answer(fault, message)
        self._finish(fault.ending, broken)

    def _answer(self, fault: Fault, message: str) -> None:
        client = self._client
        client.keep_alive = self.head.keep_alive and self.request_whole and not self._front.draining
        fields, body, data = answer(fault, message, close=not client.keep_alive)
        self.status = fault.status
        client.send(data)
        if self._tap is not None:
            now = monotonic()
            self._tap.response_head(fault.status, fields, now, from_proxy=True)
            self._tap.response(body, now)
        self.response_bytes += len(body)

    def _finish(self, ending: Ending, broken: bool = False) -> None:
        if self.ended:
            return
        self.ended = True
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._pending = None
        now = monotonic()
        self._front.ended(self, ending, now - self.started, self._first_byte, self._added)
        if self._tap is not None:
            self._tap.close(ending, self, now, self._added)
        self._client.relay_ended(broken)

    def _count_request(self, body: bytes, whole: bool) -> None:
        self.request_whole = whole
        if body:
            self.request_bytes += len(body)
        now = self.last_byte = monotonic()
        if self._tap is not None:
            self._tap.request(body, whole, now)

    def _count_response(self, body: bytes) -> None:
        if body:
            self.response_bytes += len(body)
            if self._tap is not None:
                self._tap.response(body, self.last_byte)

    @property
    def route(self) -> str:
        return self._outlet.destination.name if self._outlet is not None else ""
