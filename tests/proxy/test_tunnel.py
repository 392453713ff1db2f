"""Upgrade: the bytes of both directions pass as they are, and are copied."""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from sidecar.channel import Kind
from tests.proxy.rig import Close, ResponseHead

UPGRADE = b"GET /v1/realtime HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_bytes_pass_both_ways_also_those_sent_too_early(start):
    rig = await start(observer=True)
    client, up, head = await rig.exchange(UPGRADE + b"early")
    assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in head
    up.send(SWITCH + b"\x81\x02hi")
    await client.expect(SWITCH + b"\x81\x02hi")
    await up.expect(b"early")
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    await up.expect(b"GET / HTTP/1.1\r\n\r\n")
    client.end()
    assert await up.rest() == b""
    up.send(b"last")
    up.close()
    assert await client.rest() == b"last"
    (close,) = await rig.observer.until(Kind.CLOSE)
    assert close == Close("complete", 101, 23, 8, b"", b"", close.request_end_seconds, close.proxy_seconds)
    assert b"".join(rig.observer.of(Kind.REQUEST_DATA)) == b"earlyGET / HTTP/1.1\r\n\r\n"
    assert b"".join(rig.observer.of(Kind.RESPONSE_DATA)) == b"\x81\x02hilast"
    (answer,) = rig.observer.of(Kind.RESPONSE_HEAD)
    assert answer == ResponseHead(101, [("Connection", "Upgrade"), ("Upgrade", "websocket")], upgraded=True)


async def test_a_refused_upgrade_is_an_ordinary_answer(start):
    rig = await start()
    client, up, _ = await rig.exchange(UPGRADE + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    await client.expect(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    assert (await up.head()).startswith(b"GET /next ")


async def test_a_reset_passes_through(start):
    rig = await start()
    client, up, _ = await rig.exchange(UPGRADE)
    up.send(SWITCH)
    await client.expect(SWITCH)
    client.reset()
    assert await up.gone()


async def test_a_real_websocket_session(start):
    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=["realtime"]) as server:
        port = server.sockets[0].getsockname()[1]
        rig = await start(upstream=f"http://127.0.0.1:{port}")
        async with connect(f"ws://127.0.0.1:{rig.port}/v1/realtime", subprotocols=["realtime"]) as socket:
            assert socket.subprotocol == "realtime"
            for message in ("hello", b"\0" * 200_000, "x" * 100_000):
                await socket.send(message)
                assert await asyncio.wait_for(socket.recv(), 5) == message
            await socket.close(4001, "done")
    assert [(row.status, row.ending) for row in (await rig.ended()).traffic] == [("101", "complete")]
