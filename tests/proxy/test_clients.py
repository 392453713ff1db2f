"""What clients and servers of every kind send that is rare and right: it passes byte for byte."""

import asyncio
import gzip
import socket

import brotli
import pytest
import zstandard

from sidecar.settings import Tls
from tests.proxy.rig import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TEXT = b'{"text": "' + "déjà vu ".encode() * 400 + b'"}'
CODINGS = {
    "gzip": gzip.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "none": bytes(range(256)) * 40,
}


def host(rig) -> bytes:
    return b"127.0.0.1:%d" % rig.upstream.port


@pytest.mark.parametrize("coding", CODINGS)
async def test_encoded_bodies_pass_as_they_are(start, coding: str):
    rig = await start(observer=True)
    body = CODINGS[coding]
    fields = b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(body))
    client, up, head = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + body)
    assert head.endswith(fields)
    await up.expect(body)
    answer = b"HTTP/1.1 200 OK\r\n" + fields + body
    up.send(answer)
    await client.expect(answer)


async def test_header_bytes_above_ascii_pass_both_ways(start):
    rig = await start(observer=True)
    client, up, head = await rig.exchange(
        b"GET /\xe9t\xc3\xa9 HTTP/1.1\r\nHost: a\r\nX-Name: J\xfcrgen \xc3\xbc\r\n\r\n"
    )
    assert head == b"GET /\xe9t\xc3\xa9 HTTP/1.1\r\nHost: %b\r\nX-Name: J\xfcrgen \xc3\xbc\r\n\r\n" % host(rig)
    answer = b"HTTP/1.1 200 D'accord \xe9\r\nX-Stadt: K\xf6ln\r\nContent-Length: 0\r\n\r\n"
    up.send(answer)
    await client.expect(answer)


async def test_many_headers_pass_both_ways(start):
    rig = await start(observer=True)
    many = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(2_000))
    client, up, head = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n")
    assert head == b"GET / HTTP/1.1\r\nHost: %b\r\n" % host(rig) + many + b"\r\n"
    answer = b"HTTP/1.1 200 OK\r\n" + many + b"Content-Length: 2\r\n\r\nok"
    up.send(answer)
    await client.expect(answer)


@pytest.mark.parametrize(
    "target", [b"/a//b/../c;v=1?x=&y&=z&&q=%2f%2F%zz", b"/%00%ff", b"//host/path", b"/?", b"/a?b?c#d", b'/{x}|\\^`"<>']
)
async def test_targets_pass_as_received(start, target: bytes):
    rig = await start(observer=True)
    client, up, head = await rig.exchange(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head.startswith(b"GET " + target + b" HTTP/1.1\r\n")
    up.send(OK)
    await client.expect(OK)


async def test_an_absolute_target_becomes_a_path(start):
    rig = await start()
    client, up, head = await rig.exchange(b"GET http://else.test:99/v1/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head == b"GET /v1/x?y HTTP/1.1\r\nHost: %b\r\n\r\n" % host(rig)
    up.send(OK)
    await client.expect(OK)


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS", b"PROPFIND"])
async def test_any_method_may_have_a_body(start, method: bytes):
    rig = await start()
    request = b"Content-Length: 4\r\n\r\nbody"
    client, up, head = await rig.exchange(method + b" / HTTP/1.1\r\nHost: a\r\n" + request)
    assert head == method + b" / HTTP/1.1\r\nHost: %b\r\nContent-Length: 4\r\n\r\n" % host(rig)
    await up.expect(b"body")
    up.send(OK)
    await client.expect(OK)


@pytest.mark.parametrize("framing", [b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
async def test_empty_bodies_keep_their_framing(start, framing: bytes):
    rig = await start()
    client, up, head = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing)
    assert head + await up.read(len(framing.partition(b"\r\n\r\n")[2])) == (
        b"POST / HTTP/1.1\r\nHost: %b\r\n" % host(rig) + framing
    )
    up.send(b"HTTP/1.1 200 OK\r\n" + framing)
    await client.expect(b"HTTP/1.1 200 OK\r\n" + framing)
    client.send(GET)
    await up.head()


async def test_trailers_of_an_answer_pass(start):
    rig = await start(observer=True)
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
    answer = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
    up.send(answer)
    await client.expect(answer)
    client.send(GET)
    await up.head()


async def test_chunk_extensions_pass_both_ways(start):
    rig = await start()
    body = b'2;a=b;c="d e"\r\nok\r\n000;last\r\n\r\n'
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    await up.expect(body)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    up.send(answer)
    await client.expect(answer)


async def test_an_upgrade_to_h2c_is_answered_in_http_1(start):
    """As `curl --http2` asks."""
    rig = await start()
    asked = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQC\r\nX: y\r\n\r\n"
    client, up, head = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n" + asked)
    assert head == b"GET / HTTP/1.1\r\nHost: %b\r\nX: y\r\n\r\n" % host(rig)
    up.send(OK)
    await client.expect(OK)


async def test_an_offered_upgrade_in_an_answer_is_not_passed_on(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(
        b"HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    await client.expect(OK)


async def test_expect_with_a_chunked_body(start):
    rig = await start()
    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    client, up, head = await rig.exchange(request)
    assert b"Expect: 100-continue\r\n" in head
    up.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.expect(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.send(b"2\r\nok\r\n0\r\n\r\n")
    await up.expect(b"2\r\nok\r\n0\r\n\r\n")
    up.send(OK)
    await client.expect(OK)


async def test_several_interim_answers_pass_in_order(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    interim = (
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
    )
    up.send(interim + OK)
    await client.expect(interim + OK)


async def test_pipelined_posts_with_bodies_of_both_kinds(start):
    rig = await start()
    sized = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
    chunked = b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    client, up, head = await rig.exchange(sized + chunked + b"\r\n" + sized)
    bodies = (b"one", b"3\r\ntwo\r\n0\r\n\r\n", b"one")
    for number, (path, body) in enumerate(zip((b"/1", b"/2", b"/1"), bodies, strict=True)):
        head = await up.head() if number else head
        assert head.startswith(b"POST " + path)
        await up.expect(body)
        assert await up.silent()  # the next one waits for this one's answer
        up.send(OK)
        await client.expect(OK)


async def test_an_http_1_0_upstream_is_understood(start):
    rig = await start()
    client, up, _ = await rig.exchange(GET)
    up.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    await client.expect(OK)
    client.send(GET)
    assert await (await rig.upstream.accept()).head()  # it may well have closed: a new connection is sure
    assert await up.gone()


async def test_an_upstream_at_an_ipv6_address(start):
    upstream = Upstream()
    try:
        await upstream.start(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    rig = await start(upstream=f"http://[::1]:{upstream.port}/base")
    client = await rig.client()
    client.send(GET)
    up = await upstream.accept()
    assert await up.head() == b"GET /base/ HTTP/1.1\r\nHost: [::1]:%d\r\n\r\n" % upstream.port
    up.send(OK)
    await client.expect(OK)
    upstream.stop()


async def test_plain_http_where_tls_is_expected_is_502(start):
    rig = await start(upstream="https://127.0.0.1:{port}", tls_route=Tls(verify=False))
    client = await rig.client()
    client.send(GET)
    up = await rig.upstream.accept()
    await up.read(5)
    up.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")


async def test_a_client_that_reads_slowly_gets_everything(start):
    """Four kilobytes at a time out of a small receive buffer, while the upstream pours."""
    rig = await start(observer=True)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", rig.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    writer.write(GET)
    up = await rig.upstream.accept()
    await up.head()
    block = bytes(range(256)) * 16
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(block) * 500) + block * 500
    up.send(answer)
    got = bytearray()
    while len(got) < len(answer):
        data = await asyncio.wait_for(reader.read(4096), 5)
        assert data
        got += data
        if len(got) % 16 == 0:
            await asyncio.sleep(0.001)
    assert got == answer
    writer.close()


async def test_a_request_after_the_upstream_closed_at_once_goes_on_a_new_connection(start):
    """Some servers close behind an answer without having said so: the FIN is right behind it."""
    rig = await start()
    for _ in range(20):
        client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        up.send(OK)
        up.close()
        await client.expect(OK)
        client.close()
        await asyncio.sleep(0.002)
    assert rig.upstream.connections == 20
