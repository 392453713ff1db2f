"""Who goes away, and what the other side then sees."""

import asyncio

import pytest

from sidecar.settings import Limits

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"


async def endings(rig, exchanges: int = 1) -> list[str]:
    return [row.ending for row in (await rig.ended(exchanges)).traffic]


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_while_waiting_cancels_the_upstream(start, how):
    rig = await start(limits=Limits(half_closed_seconds=0.05, grace_seconds=1.0))
    client, up, _ = await rig.exchange(GET)
    getattr(client, how)()
    assert await up.gone()
    assert await endings(rig) == ["client_gone"]


async def test_a_client_that_leaves_a_stream_cancels_the_upstream_at_the_next_chunk_at_the_latest(start):
    rig = await start(limits=Limits(half_closed_seconds=60.0, grace_seconds=1.0))
    client, up, _ = await rig.exchange(GET)
    up.send(CHUNKED)
    await client.head()
    client.close()
    for _ in range(200):
        up.send(b"1\r\na\r\n")
        await asyncio.sleep(0.005)
        if up.reader.at_eof() or up.writer.is_closing():
            break
    assert await up.gone()
    assert await endings(rig) == ["client_gone"]


async def test_a_client_that_leaves_during_its_upload_cancels_the_upstream(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    await up.expect(b"abc")
    client.close()
    assert await up.gone()
    assert await endings(rig) == ["client_gone"]


async def test_a_client_that_leaves_while_we_connect_is_not_sent_on(start):
    rig = await start(upstream="https://127.0.0.1:{port}", limits=Limits(half_closed_seconds=0.05, grace_seconds=1.0))
    client = await rig.client()
    client.send(GET)
    up = await rig.upstream.accept()
    client.reset()
    await up.rest()
    assert await endings(rig) == ["client_gone"]


async def test_a_half_closed_client_gets_its_answer(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    client.end()
    await asyncio.sleep(0.02)
    up.send(OK)
    assert await client.rest() == OK


@pytest.mark.parametrize("last", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"])
async def test_a_half_closed_client_gets_the_answers_to_all_that_it_sent_whole(start, last):
    rig = await start()
    client, up, _ = await rig.exchange(GET + GET + last)
    client.end()
    assert await client.silent()
    up.send(OK)
    await client.expect(OK)
    await up.head()
    up.send(OK)
    await client.expect(OK)
    assert await client.gone()
    assert (rig.worker.totals().seen, rig.worker.totals().in_flight) == (2, 0)


async def test_a_half_closed_client_gets_all_of_a_stream(start):
    rig = await start(limits=Limits(half_closed_seconds=0.1, grace_seconds=1.0))
    client, up, _ = await rig.exchange(GET)
    client.end()
    await asyncio.sleep(0.02)
    up.send(CHUNKED)
    await client.head()
    await asyncio.sleep(0.2)
    up.send(b"0\r\n\r\n")
    assert await client.rest() == b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [CHUNKED, SIZED], ids=["chunked", "sized"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_broken_upstream_gives_a_visibly_broken_stream(start, answer, how):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(answer)
    await client.expect(answer)
    getattr(up, how)()
    assert await client.rest() == b""
    assert await endings(rig) == ["upstream_broken"]


async def test_a_broken_answer_without_framing_ends_in_a_reset(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(UNTIL_CLOSE)
    await client.expect(UNTIL_CLOSE)
    up.reset()
    with pytest.raises(ConnectionResetError):
        await client.rest()
    assert await endings(rig) == ["upstream_broken"]


async def test_a_broken_stream_to_an_http_1_0_client_ends_in_a_reset(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.0\r\n\r\n")
    up.send(CHUNKED)
    await client.expect(b"HTTP/1.1 200 OK\r\n\r\nhello")
    up.close()
    with pytest.raises(ConnectionResetError):
        await client.rest()


async def test_a_bad_chunk_from_the_upstream_breaks_the_stream(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(CHUNKED)
    await client.expect(CHUNKED)
    up.send(b"-1\r\n")
    assert await client.rest() == b""
    assert await up.gone()


async def test_a_head_cut_short_is_502(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(b"HTTP/1.1 200 OK\r\nContent-")
    up.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 Bad Gateway\r\n")


async def test_bytes_past_the_answer_are_not_passed_on_and_end_the_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
    await client.expect(OK)
    assert await up.gone()
    assert await client.silent()
