"""The observer's end of the channel: frames of every worker become Captures.

One asyncio protocol per worker. It decodes nothing but frames, so that the channel is drained while the pipeline works.
What is being received and what waits is bounded together (`Backlog`): a capture past the bound gives up its bytes at
once and is settled as skipped when its Close comes. When a worker goes, its unfinished captures are discarded and
counted; the worker (or, if it died, the last totals it sent) accounts for them in the ledger.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from sidecar.channel import (
    VERSION,
    ChannelError,
    Close,
    FrameReader,
    Hello,
    Kind,
    Open,
    ResponseHead,
    Settled,
    Totals,
    frame,
)
from sidecar.observer.backlog import Backlog, Waiting
from sidecar.wire.capture import Body, Capture, Ending

log = structlog.get_logger(__name__)

CHUNKS = 65_536  # arrival times kept of one body; past it the last one moves on
CHUNK_OVERHEAD_BYTES = 160  # of a kept piece and its arrival time, beside the bytes; measured with sys.getsizeof
REPLY_BUFFER_BYTES = 4_194_304  # Settled frames that a worker has not read: past it the worker is taken for dead


@dataclass(slots=True)
class Pieces:
    """One direction's bytes while they come in."""

    data: list[bytes] = field(default_factory=list)
    chunks: list[tuple[int, float]] = field(default_factory=list)
    size_bytes: int = 0

    def feed(self, data: bytes, seconds: float) -> None:
        self.data.append(data)
        self.size_bytes += len(data)
        if len(self.chunks) >= CHUNKS:
            self.chunks.pop()
        self.chunks.append((self.size_bytes, seconds))

    def body(self, tail: bytes, size: int) -> Body:
        """Return the body; more bytes than the worker says there were cannot be, so the larger size holds."""
        head = b"".join(self.data)
        return Body(head, tail, max(size, len(head) + len(tail)), tuple(self.chunks))


@dataclass(slots=True)
class Incoming:
    """One exchange whose Close has not come yet."""

    number: int
    opened: Open
    request: Pieces = field(default_factory=Pieces)
    response: Pieces = field(default_factory=Pieces)
    head: ResponseHead | None = None
    head_seconds: float | None = None
    held_bytes: int = 0
    shed: bool = False  # its bytes were given up: only the settling is left

    def capture(self, worker: "Worker", close: Close, seconds: float) -> Capture:
        """Return the finished capture, under an id that sorts by time and is unique among workers and restarts."""
        opened, head = self.opened, self.head
        request = self.request.body(close.request_tail, close.request_bytes)
        return Capture(
            id=f"{int(opened.started_unix_seconds * 1000):012x}-{worker.pid:x}-{self.number:x}",
            route=opened.route,
            method=opened.method,
            target=opened.target,
            request_headers=tuple(opened.headers),
            request=request,
            status=close.status,
            response_headers=tuple(head.headers) if head else (),
            response=self.response.body(close.response_tail, close.response_bytes),
            upgraded=head.upgraded if head else False,
            ending=_ending(close.ending),
            from_proxy=head.from_proxy if head else False,
            started_unix_seconds=opened.started_unix_seconds,
            request_end_seconds=close.request_end_seconds,
            response_head_seconds=self.head_seconds,
            ended_seconds=seconds,
            proxy_seconds=close.proxy_seconds,
            request_sha256=close.request_sha256 or _sha256(request),
        )


def _ending(name: str) -> Ending:
    return Ending(name) if name in Ending.__members__.values() else Ending.UPSTREAM_BROKEN


def _sha256(body: Body) -> str | None:
    return None if body.truncated else hashlib.sha256(body.head + body.tail).hexdigest()


class Worker(asyncio.Protocol):
    """One connection of one worker."""

    def __init__(self, collector: "Collector") -> None:
        self.number, self.pid = -1, 0
        self._collector = collector
        self._reader = FrameReader()
        self._incoming: dict[int, Incoming] = {}
        self._transport: asyncio.Transport | None = None

    @property
    def open_captures(self) -> int:
        return len(self._incoming)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for kind, number, seconds, payload in self._reader.feed(data):
                self._frame(kind, number, seconds, payload)
        except ChannelError as error:
            log.error("channel refused", worker=self.number, problem=str(error))
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        for incoming in self._incoming.values():
            self._collector.backlog.release(incoming.held_bytes)
        lost = len(self._incoming)
        self._incoming.clear()
        self._transport = None
        self._collector.gone(self, lost)

    def settle(self, numbers: list[int], ledger: dict[str, int]) -> None:
        """Tell the worker what became of these exchanges; nothing where the worker is gone."""
        if self._transport is None:
            return
        self._transport.write(frame(Kind.SETTLED, 0, 0.0, Settled(numbers, ledger)))
        if self._transport.get_write_buffer_size() > REPLY_BUFFER_BYTES:
            log.error("worker does not read", worker=self.number)
            self.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, kind: Kind, number: int, seconds: float, payload: object) -> None:
        if isinstance(payload, Hello):
            self._hello(payload)
        elif self.number < 0:
            raise ChannelError(f"{kind.name} before HELLO")
        elif isinstance(payload, Totals):
            self._collector.totals(payload)
        elif isinstance(payload, Open):
            self._open(number, payload)
        elif (incoming := self._incoming.get(number)) is None:
            self._collector.drop("not_open")  # of an exchange that was opened to the observer before this one
        elif isinstance(payload, bytes):
            self._data(incoming, incoming.request if kind is Kind.REQUEST_DATA else incoming.response, payload, seconds)
        elif isinstance(payload, ResponseHead):
            incoming.head, incoming.head_seconds = payload, seconds
        elif isinstance(payload, Close):
            self._close(incoming, payload, seconds)
        else:
            raise ChannelError(f"{kind.name} is not for the observer")

    def _hello(self, hello: Hello) -> None:
        if hello.version != VERSION:
            raise ChannelError(f"channel version {hello.version}, {VERSION} expected")
        self.number, self.pid = hello.worker, hello.pid
        self._collector.hello(self)

    def _open(self, number: int, opened: Open) -> None:
        if number in self._incoming:
            raise ChannelError(f"exchange {number} opened twice")
        self._incoming[number] = Incoming(number, opened)

    def _data(self, incoming: Incoming, pieces: Pieces, data: bytes, seconds: float) -> None:
        if incoming.shed:
            return
        cost = len(data) + CHUNK_OVERHEAD_BYTES
        if not self._collector.backlog.hold(cost):
            self._shed(incoming)
            return
        incoming.held_bytes += cost
        pieces.feed(data, seconds)

    def _shed(self, incoming: Incoming) -> None:
        self._collector.backlog.release(incoming.held_bytes)
        incoming.held_bytes, incoming.shed = 0, True
        incoming.request, incoming.response = Pieces(), Pieces()

    def _close(self, incoming: Incoming, close: Close, seconds: float) -> None:
        del self._incoming[incoming.number]
        if incoming.shed:
            self._collector.overload(self, incoming.number)
            return
        capture = incoming.capture(self, close, seconds)
        waiting = Waiting(capture, close.dropped, self, incoming.number, incoming.held_bytes)
        if not self._collector.backlog.put(waiting):
            self._collector.overload(self, incoming.number)


class Collector:
    """All workers' connections: `server` is the asyncio protocol factory.

    `on_totals` gets each Totals, `on_overload` (worker, exchange number) an exchange that could not be kept and
    has to be settled, `on_drop` (reason, captures) every capture given up.
    """

    def __init__(
        self,
        backlog: Backlog,
        on_totals: Callable[[Totals], None],
        on_overload: Callable[[Worker, int], None],
        on_drop: Callable[[str, int], None],
    ) -> None:
        self.backlog = backlog
        self.totals = on_totals
        self._on_overload, self._on_drop = on_overload, on_drop
        self._workers: set[Worker] = set()

    def server(self) -> Worker:
        return Worker(self)

    @property
    def workers(self) -> list[Worker]:
        return sorted(self._workers, key=lambda worker: worker.number)

    def hello(self, worker: Worker) -> None:
        self._workers.add(worker)
        log.info("worker connected", worker=worker.number, pid=worker.pid)

    def gone(self, worker: Worker, lost: int) -> None:
        if worker in self._workers:
            self._workers.discard(worker)
            log.info("worker gone", worker=worker.number, pid=worker.pid, unfinished=lost)
        self.drop("worker_lost", lost)

    def overload(self, worker: Worker, number: int) -> None:
        self.drop("overload")
        self._on_overload(worker, number)

    def drop(self, reason: str, captures: int = 1) -> None:
        if captures:
            self._on_drop(reason, captures)

    def close(self) -> None:
        """Close every connection once what was written to it has gone out."""
        for worker in self.workers:
            worker.close()
