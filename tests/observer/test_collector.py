"""The channel's observer end: frames to captures, over a real socket and cut at every place."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sidecar.channel import Close, Kind, ResponseHead, Totals, frame
from sidecar.observer.backlog import Backlog, Waiting
from sidecar.observer.collector import CHUNKS, Collector, Pieces
from sidecar.observer.collector import Worker as Connection
from sidecar.wire.capture import Body, Capture, Ending
from tests.observer.conftest import Connect
from tests.observer.traffic import Worker, opened, totals

CHAT = [
    (Kind.OPEN, 0.0, opened()),
    (Kind.REQUEST_DATA, 0.01, b'{"a":'),
    (Kind.REQUEST_DATA, 0.02, b"1}"),
    (Kind.RESPONSE_HEAD, 0.5, ResponseHead(200, [("Content-Type", "text/event-stream")])),
    (Kind.RESPONSE_DATA, 0.6, b"data: 1\n\n"),
    (Kind.RESPONSE_DATA, 0.7, b"data: 2\n\n"),
    (Kind.CLOSE, 0.8, Close("complete", 200, 7, 18, request_end_seconds=0.02, proxy_seconds=0.0004)),
]

CAPTURED = Capture(
    id="018bcfe569f4-64-7",
    route="default",
    method="POST",
    target="/v1/chat/completions?trace=1",
    request_headers=(("Content-Type", "application/json"), ("X-Tenant", "acme")),
    request=Body(b'{"a":1}', size=7, chunks=((5, 0.01), (7, 0.02))),
    status=200,
    response_headers=(("Content-Type", "text/event-stream"),),
    response=Body(b"data: 1\n\ndata: 2\n\n", size=18, chunks=((9, 0.6), (18, 0.7))),
    started_unix_seconds=1_700_000_000.5,
    request_end_seconds=0.02,
    response_head_seconds=0.5,
    ended_seconds=0.8,
    proxy_seconds=0.0004,
    request_sha256="015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
)


@dataclass(slots=True)
class Listening:
    """A collector on a socket, and what it told."""

    path: Path
    backlog: Backlog
    collector: Collector
    all_totals: list[Totals] = field(default_factory=list)
    overloaded: list[int] = field(default_factory=list)
    dropped: list[tuple[str, int]] = field(default_factory=list)
    drop: asyncio.Event = field(default_factory=asyncio.Event)

    async def taken(self) -> list[Waiting]:
        return await asyncio.to_thread(self.backlog.take, 100, 20.0)


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    backlog = Backlog(exchanges=10, size_bytes=10_000)
    told: Listening

    def overload(connection: Connection, number: int) -> None:
        told.overloaded.append(number)
        connection.settle([number], {"pii\0skipped\0overload": 1})

    def dropped(reason: str, captures: int) -> None:
        told.dropped.append((reason, captures))
        told.drop.set()

    collector = Collector(
        backlog,
        lambda each: told.all_totals.append(each),
        overload,
        dropped,
    )
    told = Listening(tmp_path / "channel.sock", backlog, collector)
    server = await asyncio.get_running_loop().create_unix_server(collector.server, told.path)
    yield told
    server.close()


async def test_an_exchange_becomes_a_capture(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    for kind, seconds, payload in CHAT:
        worker.send(kind, 7, seconds, payload)
    (waiting,) = await listening.taken()
    assert waiting.capture == CAPTURED
    assert waiting.incomplete is None
    assert CAPTURED.request_sha256 == hashlib.sha256(b'{"a":1}').hexdigest()


@pytest.mark.parametrize("step", [1, 2, 7, 21, 64])
async def test_the_way_the_channel_is_cut_does_not_matter(listening: Listening, step: int) -> None:
    connection = Connection(listening.collector)
    data = frame(Kind.HELLO, 0, 0.0, Worker.greeting())
    data += b"".join(frame(kind, 7, seconds, payload) for kind, seconds, payload in CHAT)
    for start in range(0, len(data), step):
        connection.data_received(data[start : start + step])
    assert [waiting.capture for waiting in listening.backlog.take(10, 0)] == [CAPTURED]


async def test_exchanges_may_be_interleaved(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    for number in (1, 2):
        worker.send(Kind.OPEN, number, 0.0, opened())
    for number, data in ((1, b"one"), (2, b"two"), (1, b"!")):
        worker.send(Kind.REQUEST_DATA, number, 0.1, data)
    worker.send(Kind.CLOSE, 2, 0.2, Close("client_gone", None, 3, 0))
    worker.send(Kind.CLOSE, 1, 0.3, Close("complete", 200, 4, 0))
    worker.send(Kind.TOTALS, 0, 0.0, totals(seen=2))
    second, first = await listening.taken() + (await listening.taken() if len(listening.backlog) else [])
    assert (first.capture.request.head, first.capture.ending) == (b"one!", Ending.COMPLETE)
    assert (second.capture.request.head, second.capture.ending, second.capture.status) == (
        b"two",
        Ending.CLIENT_GONE,
        None,
    )


async def test_a_body_with_a_hole_is_truncated_and_keeps_the_workers_hash(
    listening: Listening, connect: Connect
) -> None:
    worker = await connect(listening.path)
    worker.hello()
    worker.send(Kind.OPEN, 1, 0.0, opened())
    worker.send(Kind.REQUEST_DATA, 1, 0.1, b"head")
    close = Close("complete", 200, 1_000, 0, request_tail=b"tail", request_sha256="ab" * 32, dropped="channel_full")
    worker.send(Kind.CLOSE, 1, 0.2, close)
    (waiting,) = await listening.taken()
    assert waiting.incomplete == "channel_full"
    assert waiting.capture.request == Body(b"head", b"tail", 1_000, ((4, 0.1),))
    assert waiting.capture.request.truncated
    assert waiting.capture.request_sha256 == "ab" * 32


async def test_a_hash_is_not_made_of_part_of_a_body(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    worker.send(Kind.OPEN, 1, 0.0, opened())
    worker.send(Kind.CLOSE, 1, 0.2, Close("complete", 200, 1_000, 0))
    (waiting,) = await listening.taken()
    assert waiting.capture.request_sha256 is None


async def test_a_capture_past_the_bound_gives_up_its_bytes_and_is_settled(
    listening: Listening, connect: Connect
) -> None:
    worker = await connect(listening.path)
    worker.hello()
    worker.exchange(1, b"x" * 9_700, b"y" * 9_700)
    worker.exchange(2, b"small", b"small")
    assert await worker.settlements(1) == {"pii\0skipped\0overload": 1}
    (waiting,) = await listening.taken()
    assert (listening.overloaded, listening.dropped) == ([1], [("overload", 1)])
    assert waiting.number == 2
    listening.backlog.done([waiting])
    assert listening.backlog.held_bytes == 0


async def test_a_full_queue_refuses_the_newest(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    for number in range(1, 13):
        worker.exchange(number, b"q", b"a")
    await worker.settlements(2)
    assert listening.overloaded == [11, 12]
    assert [waiting.number for waiting in await listening.taken()] == list(range(1, 11))


async def test_a_lost_workers_open_captures_are_discarded_and_counted(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    for number in (1, 2):
        worker.send(Kind.OPEN, number, 0.0, opened())
        worker.send(Kind.REQUEST_DATA, number, 0.1, b"unfinished")
    worker.exchange(3, b"q", b"a")
    (waiting,) = await listening.taken()
    worker.writer.close()
    await asyncio.wait_for(listening.drop.wait(), 20)
    assert listening.dropped == [("worker_lost", 2)]
    assert listening.collector.workers == []
    listening.backlog.done([waiting])
    assert listening.backlog.held_bytes == 0
    waiting.origin.settle([3], {})  # to nobody: nothing happens


async def test_frames_of_an_exchange_that_is_not_open_are_counted(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello()
    worker.send(Kind.RESPONSE_DATA, 9, 0.1, b"of the time before")
    worker.exchange(10, b"q", b"a")
    assert [waiting.number for waiting in await listening.taken()] == [10]
    assert listening.dropped == [("not_open", 1)]


@pytest.mark.parametrize(
    "greeting",
    [
        frame(Kind.OPEN, 1, 0.0, opened()),
        frame(Kind.HELLO, 0, 0.0, Worker.greeting(version=2)),
        frame(Kind.HELLO, 0, 0.0, Worker.greeting()) + 2 * frame(Kind.OPEN, 1, 0.0, opened()),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: lost\r\n\r\n",
    ],
    ids=["no hello", "another version", "opened twice", "not a frame"],
)
async def test_a_peer_that_breaks_the_rules_is_hung_up_on(
    listening: Listening, connect: Connect, greeting: bytes
) -> None:
    worker = await connect(listening.path)
    worker.writer.write(greeting)
    await worker.closed()
    assert listening.collector.workers == []


async def test_totals_are_handed_on(listening: Listening, connect: Connect) -> None:
    worker = await connect(listening.path)
    worker.hello(worker=3)
    worker.send(Kind.TOTALS, 0, 0.0, totals(worker=3, seen=5))
    worker.exchange(1, b"q", b"a")
    await listening.taken()
    assert [each.seen for each in listening.all_totals] == [5]


def test_arrival_times_are_bounded_and_cover_the_body() -> None:
    pieces = Pieces()
    for second in range(CHUNKS + 10):
        pieces.feed(b"x", float(second))
    assert len(pieces.chunks) == 65_536
    assert pieces.chunks[-1] == (65_546, 65_545.0)
