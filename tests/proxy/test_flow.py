"""Back-pressure: however fast one side and slow the other, the proxy holds little."""

import asyncio
import resource

import pytest

from sidecar.settings import Capture, Limits

MEGABYTE = 1_048_576
HELD_AT_MOST = 24 * MEGABYTE  # kernel buffers of four sockets, which grow up to some megabytes each, and ours


async def pour(peer, data: bytes, times: int) -> int:
    """Write until the other side takes no more for a while; return the bytes written."""
    written = 0
    for _ in range(times):
        peer.send(data)
        written += len(data)
        try:
            await asyncio.wait_for(peer.writer.drain(), 0.3)
        except TimeoutError:
            break
    return written


async def test_a_client_that_does_not_read_stops_the_upstream(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.reader._transport.pause_reading()
    up.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (200 * MEGABYTE))
    written = await pour(up, b"x" * MEGABYTE, 200)
    assert written < HELD_AT_MOST
    client.reader._transport.resume_reading()
    await client.head()
    await client.expect(b"x" * written)


async def test_an_upstream_that_does_not_read_stops_the_client(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (200 * MEGABYTE))
    up.reader._transport.pause_reading()
    written = await pour(client, b"x" * MEGABYTE, 200)
    assert written < HELD_AT_MOST
    up.reader._transport.resume_reading()
    await up.expect(b"x" * written)


async def test_pipelined_requests_are_held_back_up_to_a_limit(start):
    rig = await start(limits=Limits(buffer_bytes=10_000, grace_seconds=1.0))
    client, _, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await pour(client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 40_000, 50) < HELD_AT_MOST


async def test_a_client_that_reads_no_answers_gets_no_more_of_them_into_memory(start):
    rig = await start()
    client = await rig.client(rig.admin_port)
    client.reader._transport.pause_reading()
    request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    sent = await pour(client, request * 1_000, 800)  # answered by the proxy itself: no upstream holds them back
    assert sent < HELD_AT_MOST
    (connection,) = rig.worker._admin.clients
    assert connection.transport.get_write_buffer_size() < MEGABYTE
    client.reader._transport.resume_reading()
    answer = await client.head() + await client.read(len(b'{"status": "alive"}\n'))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    for _ in range(sent // len(request) // 1_000 - 1):
        await client.expect(answer * 1_000)
    await client.expect(answer * 999)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_passes_both_ways_in_little_memory(start, chunked):
    rig = await start(observer=True, capture=Capture(request_head_bytes=MEGABYTE, response_head_bytes=MEGABYTE))
    size, block = 100 * MEGABYTE, bytes(range(256)) * 1024
    blocks = size // len(block)
    framed = b"%x\r\n%b\r\n" % (len(block), block) if chunked else block
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % size
    last = b"0\r\n\r\n" if chunked else b""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n")
    for source, sink in ((client, up), (up, client)):
        for _ in range(blocks):
            source.send(framed)
            assert await sink.read(len(framed)) == framed
        source.send(last)
        await sink.expect(last)
        if source is client:
            up.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
            await client.head()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 48, f"{grown} MB more"
    totals = await rig.ended()
    assert [(row.request_bytes, row.response_bytes) for row in totals.traffic] == [(size, size)]
    assert rig.upstream.connections == 1
