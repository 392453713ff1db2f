"""A fake provider on a real socket: raw HTTP/1.1 in a thread of its own, every byte recorded on both sides.

`Provider` answers what `replies.answer` says for a request and keeps what it received and sent as `Served`. It is
written on plain asyncio streams, so that no HTTP library can tidy up what the proxy forwards.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True)
class Reply:
    """One answer: `chunks` are separate network writes. `endless`: repeat the last one until the client goes."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()
    chunked: bool = False
    endless: bool = False


@dataclass
class Served:
    """One exchange as the provider saw it. `left` is set once the client had gone before the end."""

    request: Request
    reply: Reply
    body: bytearray = field(default_factory=bytearray)
    left: threading.Event = field(default_factory=threading.Event)


Answer = Callable[[Request], Reply]
Upgrade = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class LoopThread:
    """An event loop in a daemon thread: servers stay up while a test blocks in a synchronous client."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Provider:
    """Listens on a free port; `served` grows by one for each request that was read whole."""

    def __init__(self, answer: Answer, upgrade: Upgrade | None = None) -> None:
        self._answer, self._upgrade = answer, upgrade
        self.served: list[Served] = []
        self.port = 0

    async def start(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def take(self) -> list[Served]:
        """Return what was served since the last call."""
        served, self.served = self.served, []
        return served

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader):
                if request.header("upgrade") and self._upgrade:
                    await self._upgrade(request, reader, writer)
                    return
                await self._serve(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = Served(request, self._answer(request))
        self.served.append(served)
        try:
            await send_reply(served, reader, writer)
        except ConnectionError:
            served.left.set()
            raise


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, or None when the connection ended between requests."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
    request = Request(method, target, headers, b"")
    if "chunked" in request.header("transfer-encoding"):
        return Request(method, target, headers, await read_chunks(reader))
    length = int(request.header("content-length") or 0)
    return Request(method, target, headers, await reader.readexactly(length))


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)


async def send_reply(served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write the reply chunk by chunk. Raises ConnectionError when the client left an endless one."""
    reply = served.reply
    writer.write(reply_head(reply))
    for chunk in reply.chunks:
        await send_chunk(served, chunk, writer)
    gone = asyncio.ensure_future(reader.read(1)) if reply.endless else None
    while gone and not gone.done():
        await send_chunk(served, reply.chunks[-1], writer)
        await asyncio.wait([gone], timeout=0.01)
    if gone:
        raise ConnectionResetError
    if reply.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def reply_head(reply: Reply) -> bytes:
    framing = (
        ("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", str(sum(map(len, reply.chunks))))
    )
    lines = [f"HTTP/1.1 {reply.status} {'OK' if reply.status == 200 else 'Trouble'}"]
    lines += [f"{name}: {value}" for name, value in (*reply.headers, framing)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def send_chunk(served: Served, chunk: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if served.reply.chunked else chunk)
    await writer.drain()
    served.body += chunk
    await asyncio.sleep(0)
