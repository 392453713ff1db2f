"""Connections to the upstream are used again, and a stale one costs no request where that can be had."""

import asyncio

from sidecar.settings import Limits, Timeouts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"


async def test_a_thousand_requests_need_one_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(POST)
    for _ in range(999):
        await up.expect(b"hi")
        up.send(OK)
        await client.expect(OK)
        client.send(POST)
        await up.head()
    assert rig.upstream.connections == 1
    assert rig.worker.totals().upstream_connects == {"default\0ok": 1}


async def test_clients_share_idle_connections(start):
    rig = await start()
    first, up, _ = await rig.exchange(GET)
    up.send(OK)
    await first.expect(OK)
    second = await rig.client()
    second.send(GET)
    await up.head()
    up.send(OK)
    await second.expect(OK)
    assert rig.upstream.connections == 1


async def test_a_connection_closed_while_idle_is_not_used(start):
    rig = await start()
    client, up, _ = await rig.exchange(POST)
    up.send(OK)
    await client.expect(OK)
    up.close()
    await asyncio.sleep(0.02)
    client.send(POST)
    up = await rig.upstream.accept()
    await up.head()
    up.send(OK)
    await client.expect(OK)


async def test_a_safe_request_on_a_stale_connection_is_repeated_once(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(OK)
    await client.expect(OK)
    client.send(GET)
    await up.head()
    up.close()
    again = await rig.upstream.accept()
    assert (await again.head()).startswith(b"GET / ")
    again.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert rig.upstream.connections == 2


async def test_a_post_that_may_have_arrived_is_never_repeated(start):
    rig = await start()
    client, up, _ = await rig.exchange(POST)
    up.send(OK)
    await client.expect(OK)
    client.send(POST)
    await up.head()
    up.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert rig.upstream.connections == 1


async def test_a_request_is_not_repeated_once_some_of_the_answer_came(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(OK)
    await client.expect(OK)
    client.send(GET)
    await up.head()
    up.send(b"HTTP/1.1 2")
    up.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert rig.upstream.connections == 1


async def test_unasked_bytes_end_an_idle_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(OK)
    await client.expect(OK)
    up.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert await up.gone()


async def test_idle_connections_expire_and_are_few(start):
    rig = await start(limits=Limits(upstream_idle_connections=1, upstream_idle_seconds=0.2, grace_seconds=1.0))
    clients, ups = [], []
    for _ in range(2):
        client, up, _ = await rig.exchange(GET)
        clients.append(client)
        ups.append(up)
    for client, up in zip(clients, ups, strict=True):
        up.send(OK)
        await client.expect(OK)
    assert await ups[0].gone()
    assert not ups[1].reader.at_eof()
    assert await ups[1].gone()


async def test_an_upstream_connection_is_not_reused_after_an_incomplete_upload(start):
    rig = await start(timeouts=Timeouts())
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    up.send(OK)
    await client.expect(OK)
    await up.expect(b"abc")
    assert await up.gone()
