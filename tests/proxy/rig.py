"""Real sockets on either side of a proxy worker: a scripted upstream, a raw client, an observer that collects frames.

A test reads as a transcript: what one side sends, byte for byte, then what the other side gets. Every wait has a limit.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

from sidecar.channel import Close, FrameReader, Hello, Kind, Open, ResponseHead, Settled, Totals, frame
from sidecar.proxy.worker import Worker
from sidecar.settings import Capture, Limits, Route, Settings, Timeouts, Tls

PATIENCE_SECONDS = 5.0


async def holds(condition: Callable[[], object]) -> None:
    """Wait until a condition on the worker's state holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (the worker has no event for a test's sake)
            await asyncio.sleep(0.005)


class Peer:
    """One raw connection: sends and expects bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    async def head(self) -> bytes:
        """Return the next head with its empty line."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)

    async def read(self, size: int) -> bytes:
        """Return exactly `size` bytes."""
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE_SECONDS)

    async def expect(self, data: bytes) -> None:
        """Take in as many bytes as `data` has, and fail unless they are the same."""
        try:
            got = await asyncio.wait_for(self.reader.readexactly(len(data)), PATIENCE_SECONDS)
        except asyncio.IncompleteReadError as error:
            got = error.partial
        assert got == data

    async def rest(self) -> bytes:
        """Return everything up to a clean end. Raises ConnectionResetError on a reset."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_SECONDS)

    async def gone(self) -> bool:
        """Whether the other side closes or resets, with nothing more sent."""
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENCE_SECONDS) == b""
        except ConnectionResetError:
            return True

    async def silent(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes for a while."""
        try:
            await asyncio.wait_for(self.reader.read(1), seconds)
        except TimeoutError:
            return True
        return False

    def end(self) -> None:
        """Send a FIN, and go on reading."""
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    """A server whose connections the test scripts, one by one."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()
        self._all: list[Peer] = []

    async def start(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._server = await asyncio.start_server(self._connected, host, 0, ssl=tls, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def accept(self) -> Peer:
        """Return the next new connection."""
        return await asyncio.wait_for(self._arrived.get(), PATIENCE_SECONDS)

    def stop(self) -> None:
        self._server.close()
        for peer in self._all:
            peer.writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(reader, writer)
        self._all.append(peer)
        self._arrived.put_nowait(peer)


class Observer:
    """Listens on channel.sock, keeps every frame, settles only what the test tells it to."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "channel.sock")
        self.frames: list[tuple[Kind, int, float, Any]] = []
        self.raw = bytearray()
        self.sessions: list[Peer] = []
        self._news = asyncio.Event()

    async def start(self, *, read: bool = True) -> None:
        self._read = read
        self._server = await asyncio.start_unix_server(self._connected, self.path, limit=65_536)

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None:
        self.sessions[-1].send(frame(Kind.SETTLED, 0, 0.0, Settled(numbers, ledger)))

    async def until(self, kind: Kind, count: int = 1) -> list[Any]:
        """Return the payloads of `count` frames of a kind, waiting for them."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found := self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return found

    def of(self, kind: Kind, number: int | None = None) -> list[Any]:
        return [f[3] for f in self.frames if f[0] is kind and number in (None, f[1])]

    def numbers(self) -> list[int]:
        return [f[1] for f in self.frames if f[0] is Kind.CLOSE]

    async def stop(self) -> None:
        """Die: close the socket and every session."""
        self._server.close()
        for session in self.sessions:
            session.writer.transport.abort()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.append(Peer(reader, writer))
        self._news.set()
        frames = FrameReader()
        with contextlib.suppress(ConnectionError):
            while self._read and (data := await reader.read(65_536)):
                self.raw += data
                self.frames += frames.feed(data)
                self._news.set()


class Rig:
    """A worker between the two. `settings` and `route` change what the defaults are."""

    def __init__(self, directory: str) -> None:
        self.upstream = Upstream()
        self.observer = Observer(directory)
        self._directory = directory
        self._clients: list[Peer] = []

    async def start(
        self,
        *,
        upstream: str | None = None,
        routes: list[Route] | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        capture: Capture | None = None,
        observer: bool = False,
        runtime: str | None = None,
        watchers: tuple[str, ...] = ("toxicity", "pii"),
        tls: ssl.SSLContext | None = None,
        tls_route: Tls | None = None,
        **route: Any,
    ) -> "Rig":
        await self.upstream.start(tls)
        if observer:
            await self.observer.start()
        scheme = "https" if tls else "http"
        url = (upstream or f"{scheme}://127.0.0.1:{{port}}").format(port=self.upstream.port)
        only = Route(name="default", upstream=url, timeouts=timeouts or Timeouts(), tls=tls_route or Tls(), **route)
        self.settings = Settings(
            listen="127.0.0.1:0",
            admin="127.0.0.1:0",
            routes=routes or [only],
            limits=limits or Limits(grace_seconds=1.0),
            capture=capture or Capture(),
        )
        self.worker = Worker(self.settings, runtime=self._directory if observer else runtime, watchers=watchers)
        started = await self.worker.start()
        self.port = started.listen[1]
        assert started.admin is not None
        self.admin_port = started.admin[1]
        if observer:
            await self.observer.until(Kind.HELLO)
        return self

    async def client(self, port: int | None = None) -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port, limit=2**20)
        self._clients.append(Peer(reader, writer))
        return self._clients[-1]

    async def exchange(self, request: bytes) -> tuple[Peer, Peer, bytes]:
        """Send a request; return the client, the upstream connection and the head the upstream got."""
        client = await self.client()
        client.send(request)
        upstream = await self.upstream.accept()
        return client, upstream, await upstream.head()

    async def ended(self, exchanges: int = 1) -> Totals:
        """Wait until so many exchanges have ended; return the totals."""
        await holds(lambda: sum(row.exchanges for row in self.worker.totals().traffic) >= exchanges)
        return self.worker.totals()

    async def stop(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()
        self.upstream.stop()
        if self.observer.sessions:  # first: else the worker would wait for it to settle what the test left open
            await self.observer.stop()
        await self.worker.drain()


@contextlib.asynccontextmanager
async def rig(directory: str, **settings: Any) -> AsyncIterator[Rig]:
    """Start a rig and stop it whatever happens."""
    made = Rig(directory)
    await made.start(**settings)
    try:
        yield made
    finally:
        await made.stop()


__all__ = ["Close", "Hello", "Observer", "Open", "Peer", "ResponseHead", "Rig", "Totals", "Upstream", "holds", "rig"]
