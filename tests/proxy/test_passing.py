"""Transcripts of plain exchanges: what goes in comes out, byte for byte, in its own rhythm."""

import asyncio

import pytest

from sidecar.settings import Limits

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_request_and_its_answer(start):
    rig = await start(upstream="http://127.0.0.1:{port}/base/")
    client, up, head = await rig.exchange(
        b"POST /v1//chat;x%2F?a=&b=%20&&c HTTP/1.1\r\nhOsT: app:1\r\nX-A: 1\r\nx-a: \xe9\r\nConnection: keep-alive\r\n"
        b"Content-Length: 5\r\nX-Last:  spaced \r\n\r\nhello"
    )
    assert head == (
        b"POST /base/v1//chat;x%%2F?a=&b=%%20&&c HTTP/1.1\r\nhOsT: 127.0.0.1:%d\r\nX-A: 1\r\nx-a: \xe9\r\n"
        b"Content-Length: 5\r\nX-Last:  spaced \r\n\r\n" % rig.upstream.port
    )
    await up.expect(b"hello")
    answer = (
        b"HTTP/1.1 529 Very \xe9 Busy\r\nSET-Cookie: a\r\nset-cookie: b\r\nX: \xff\r\nContent-Length: 3\r\n"
        b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n\0\xff\n"
    )
    up.send(answer)
    await client.expect(answer.replace(b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", b""))


@pytest.mark.parametrize("size", [1, 3, 17])
async def test_a_head_split_anywhere(start, size):
    rig = await start()
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    answer = b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client = await rig.client()
    for i in range(0, len(request), size):
        client.send(request[i : i + size])
        await asyncio.sleep(0)
    up = await rig.upstream.accept()
    await up.head()
    await up.expect(b"abc")
    for i in range(0, len(answer), size):
        up.send(answer[i : i + size])
        await asyncio.sleep(0)
    await client.expect(answer)


async def test_every_split_of_a_request_and_an_answer_in_two(start):
    rig = await start()
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client = await rig.client()
    client.writer.transport.set_write_buffer_limits(0)
    up = None
    for cut in range(1, len(request), 2):
        client.send(request[:cut])
        await asyncio.sleep(0.001)
        client.send(request[cut:])
        up = up or await rig.upstream.accept()
        await up.head()
        await up.expect(b"3\r\nabc\r\n0\r\n\r\n")
        up.send(answer[:cut])
        await asyncio.sleep(0.001)
        up.send(answer[cut:])
        await client.expect(answer)
    assert rig.upstream.connections == 1


async def test_each_chunk_goes_on_when_it_comes_with_its_own_framing(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    up.send(head)
    await client.expect(head)
    for chunk in (b"000a\r\ndata: 1\n\n\n\r\n", b"2;ext=1\r\nda\r\n", b"1\r\nt\r\n1\r\na\r\n"):
        up.send(chunk)
        await client.expect(chunk)
        assert await client.silent(0.01)
    up.send(b"0\r\nX-Trailer: t\r\n\r\n")
    await client.expect(b"0\r\nX-Trailer: t\r\n\r\n")


async def test_half_a_chunk_is_not_held_back(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf")
    await client.head()
    await client.expect(b"10\r\nhalf")


async def test_request_chunks_and_trailers_pass_as_they_came(start):
    rig = await start()
    body = b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
    client, up, head = await rig.exchange(
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nab"
    )
    assert b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n" in head
    await up.expect(b"3\r\nab")
    client.send(body[5:])
    await up.expect(body[5:])
    up.send(OK)
    await client.expect(OK)


async def test_pipelined_requests_in_one_packet_are_answered_in_order(start):
    rig = await start()
    client = await rig.client()
    client.send(
        b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nA"
        b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nB\r\n0\r\n\r\n"
        b"\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    up = await rig.upstream.accept()
    assert (await up.head()).startswith(b"POST /1 ")
    await up.expect(b"A")
    assert await up.silent(0.02)
    up.send(OK.replace(b"ok", b"11"))
    assert (await up.head()).startswith(b"POST /2 ")
    await up.expect(b"1\r\nB\r\n0\r\n\r\n")
    up.send(OK.replace(b"ok", b"22"))
    assert (await up.head()).startswith(b"GET /3 ")
    up.send(OK.replace(b"ok", b"33"))
    for body in (b"11", b"22", b"33"):
        await client.expect(OK.replace(b"ok", body))
    assert rig.upstream.connections == 1


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n"),
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_leave_the_connections_usable(start, method, answer):
    rig = await start()
    client, up, _ = await rig.exchange(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(answer)
    await client.expect(answer)
    client.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    await up.head()
    up.send(OK)
    await client.expect(OK)
    assert rig.upstream.connections == 1


async def test_expect_100_continue_goes_through_both_ways(start):
    rig = await start()
    client, up, head = await rig.exchange(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    assert b"Expect: 100-continue\r\n" in head
    up.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.expect(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.send(b"body")
    await up.expect(b"body")
    up.send(OK)
    await client.expect(OK)


async def test_a_refused_expectation_ends_the_connection_for_the_body_may_never_come(start):
    rig = await start()
    client, up, _ = await rig.exchange(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    up.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    await client.expect(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert await client.gone()


async def test_early_hints_are_passed_on(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    up.send(hints + b"HTTP/1.1 102 Processing\r\n\r\n" + OK)
    await client.expect(hints + b"HTTP/1.1 102 Processing\r\n\r\n" + OK)


async def test_an_early_answer_comes_before_the_upload_is_complete(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    await up.expect(b"abc")
    too_large = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    up.send(too_large)
    await client.expect(too_large)
    assert await up.gone()
    client.send(b"defGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    up = await rig.upstream.accept()
    assert (await up.head()).startswith(b"GET /next ")
    up.send(OK)
    await client.expect(OK)


async def test_an_answer_may_begin_while_the_upload_goes_on(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
    up.send(OK[:-1])
    await client.expect(OK[:-1])
    client.send(b"b")
    await up.expect(b"ab")
    up.send(OK[-1:])
    await client.expect(OK[-1:])


async def test_an_answer_that_ends_with_its_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.0 200 OK\r\n\r\nall of it")
    up.close()
    assert await client.rest() == b"HTTP/1.1 200 OK\r\n\r\nall of it"


async def test_connection_close_from_the_client_ends_only_its_connection(start):
    rig = await start()
    client, up, head = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"onnection" not in head
    up.send(OK)
    assert await client.rest() == OK
    other = await rig.client()
    other.send(b"GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
    await up.head()
    up.send(OK)
    await other.expect(OK)


async def test_connection_close_from_the_upstream_ends_only_its_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    await client.expect(OK)
    client.send(b"GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
    up = await rig.upstream.accept()
    await up.head()
    up.send(OK)
    await client.expect(OK)


async def test_an_http_1_0_client_gets_no_chunks(start):
    rig = await start()
    client, up, head = await rig.exchange(b"GET / HTTP/1.0\r\n\r\n")
    assert head == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % rig.upstream.port
    up.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n")
    up.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n")
    assert await client.rest() == b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nabcde"


async def test_an_http_1_0_client_may_keep_its_connection(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    up.send(OK)
    kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
    await client.expect(kept)
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    await up.head()
    up.send(OK)
    await client.expect(kept)


async def test_long_heads_pass(start):
    rig = await start()
    long = b"X-Long: " + b"x" * 30_000 + b"\r\n"
    client, up, head = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n" + long + b"\r\n")
    assert long in head
    up.send(b"HTTP/1.1 200 OK\r\n" + long * 5 + b"Content-Length: 0\r\n\r\n")
    await client.expect(b"HTTP/1.1 200 OK\r\n" + long * 5 + b"Content-Length: 0\r\n\r\n")


async def test_a_head_may_be_longer_than_the_buffer(start):
    rig = await start(limits=Limits(request_head_bytes=1_000_000, buffer_bytes=10_000, grace_seconds=1.0))
    client, up, head = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 500_000 + b"\r\n\r\n")
    assert len(head) > 500_000
    up.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    await client.expect(b"HTTP/1.1 204 No Content\r\n\r\n")


async def test_any_method_passes(start):
    rig = await start()
    client, up, head = await rig.exchange(b"QUERY /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head.startswith(b"QUERY /x HTTP/1.1\r\n")
    up.send(OK)
    await client.expect(OK)


async def test_options_asterisk_passes(start):
    rig = await start()
    _, _, head = await rig.exchange(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head.startswith(b"OPTIONS * HTTP/1.1\r\n")
