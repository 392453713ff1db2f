"""What the proxy answers itself, and that nothing ambiguous reaches the upstream."""

import asyncio
import json
import time

import pytest

from sidecar.settings import Limits, Timeouts
from tests.proxy.test_head import SMUGGLING

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WIRE_CASES = {name: block for name, block in SMUGGLING.items() if name not in ("empty", "empty line inside")}


async def refusal(client) -> tuple[bytes, dict[str, str]]:
    head = await client.head()
    assert b"content-type: application/json\r\n" in head
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    error = json.loads(await client.read(length))["error"]
    assert error["source"] == "sidewatch"
    assert b"x-sidewatch-error: %b\r\n" % error["code"].encode() in head
    assert error["type"] == "sidewatch_" + error["code"]
    return head.partition(b"\r\n")[0], error


async def test_every_smuggling_case_is_answered_400_and_reaches_no_upstream(start):
    rig = await start()
    for name, block in WIRE_CASES.items():
        client = await rig.client()
        client.send(block + b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        status, error = await refusal(client)
        assert (name, status, error["code"]) == (name, b"HTTP/1.1 400 Bad Request", "bad_request")
        assert (name, await client.gone()) == (name, True)
    assert rig.upstream.connections == 0
    totals = rig.worker.totals()
    assert (totals.seen, totals.in_flight) == (len(WIRE_CASES), 0)
    assert [(row.status, row.ending, row.exchanges) for row in totals.traffic] == [("400", "refused", len(WIRE_CASES))]


@pytest.mark.parametrize("start_bytes", [b"\x16\x03\x01\x02", b"GET / HTTP/1.1\nHost: a\n\n", b"{}"])
async def test_what_is_not_http_is_refused_without_waiting(start, start_bytes):
    rig = await start()
    client = await rig.client()
    client.send(start_bytes)
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 400 Bad Request"


async def test_empty_lines_before_a_request_are_ignored_however_many(start):
    rig = await start()
    client = await rig.client()
    client.send(b"\r\n" * 2_000_000)
    began = time.process_time()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up = await rig.upstream.accept()
    await up.head()
    assert time.process_time() - began < 2.0  # where each was taken off by itself, 10 s


async def test_a_bad_chunk_ends_the_upload_and_is_answered_400(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await up.expect(b"1\r\na\r\n")
    client.send(b"2 \r\nab\r\n0\r\n\r\n")
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 400 Bad Request"
    assert await up.gone()


async def test_a_bad_first_chunk_reaches_no_upstream(start):
    rig = await start()
    client = await rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n")
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 400 Bad Request"
    assert rig.upstream.connections == 0


async def test_a_head_past_the_limit_is_431(start):
    rig = await start(limits=Limits(request_head_bytes=1000, grace_seconds=1.0))
    client = await rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2000)
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert rig.worker.totals().refused == {"request_head_bytes": 1}


async def test_a_response_head_past_the_limit_is_502(start):
    rig = await start(limits=Limits(response_head_bytes=1000, grace_seconds=1.0))
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000)
    status, error = await refusal(client)
    assert (status, error["code"]) == (b"HTTP/1.1 502 Bad Gateway", "upstream_invalid")
    assert rig.worker.totals().refused == {"response_head": 1}


async def test_too_many_clients_are_answered_503(start):
    rig = await start(limits=Limits(client_connections=1, grace_seconds=1.0))
    await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    second = await rig.client()
    status, error = await refusal(second)
    assert (status, error["code"]) == (b"HTTP/1.1 503 Service Unavailable", "overloaded")
    assert await second.gone()
    assert rig.worker.totals().refused == {"client_connections": 1}


async def test_too_many_upstream_connections_are_answered_503(start):
    rig = await start(limits=Limits(upstream_connections=1, grace_seconds=1.0))
    await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    second = await rig.client()
    second.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    status, _ = await refusal(second)
    assert status == b"HTTP/1.1 503 Service Unavailable"
    assert rig.worker.totals().refused == {"upstream_connections": 1}


async def test_an_unreachable_upstream_is_502_and_the_client_keeps_its_connection(start):
    rig = await start()
    rig.upstream.stop()
    client = await rig.client()
    for _ in range(2):
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        status, error = await refusal(client)
        assert (status, error["code"]) == (b"HTTP/1.1 502 Bad Gateway", "upstream_unreachable")
    totals = await rig.ended(2)
    assert [(row.status, row.ending) for row in totals.traffic] == [("502", "upstream_unreachable")]
    assert totals.upstream_connects == {"default\0error": 2}


@pytest.mark.parametrize(
    "upstream", ["http://no-such-host.invalid:1", "http://a..b", "http://" + "a" * 70, "https://.a"]
)
async def test_an_unknown_or_impossible_name_is_502(start, upstream):
    rig = await start(upstream=upstream)
    client = await rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 502 Bad Gateway"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\nX: y\n\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ],
)
async def test_an_upstream_that_answers_nonsense_is_502(start, answer):
    rig = await start(timeouts=Timeouts(first_byte_seconds=0.3))
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(answer)
    up.end()
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 502 Bad Gateway"


async def test_an_upstream_that_closes_without_an_answer_is_502_and_a_post_is_sent_once(start):
    rig = await start()
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    await up.expect(b"hi")
    up.close()
    status, error = await refusal(client)
    assert (status, error["code"]) == (b"HTTP/1.1 502 Bad Gateway", "upstream_closed")
    assert rig.upstream.connections == 1


async def test_no_answer_in_time_is_504(start):
    rig = await start(timeouts=Timeouts(first_byte_seconds=0.1))
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    status, error = await refusal(client)
    assert (status, error["code"]) == (b"HTTP/1.1 504 Gateway Timeout", "upstream_timeout")
    assert await up.gone()
    assert [row.ending for row in (await rig.ended()).traffic] == ["timeout"]


async def test_a_connection_that_does_not_come_about_in_time_is_504(start):
    rig = await start(upstream="https://127.0.0.1:{port}", timeouts=Timeouts(connect_seconds=0.1))
    client = await rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # the other end knows no TLS and says nothing
    status, error = await refusal(client)
    assert (status, error["code"]) == (b"HTTP/1.1 504 Gateway Timeout", "connect_timeout")
    assert rig.worker.totals().upstream_connects == {"default\0timeout": 1}


async def test_a_stream_that_falls_silent_is_broken_off(start):
    rig = await start(timeouts=Timeouts(idle_seconds=0.1))
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    up.send(head + b"1\r\na\r\n")
    assert await client.rest() == head + b"1\r\na\r\n"
    assert await up.gone()


async def test_the_total_time_is_limited(start):
    rig = await start(timeouts=Timeouts(total_seconds=0.15))
    client, up, _ = await rig.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        up.send(b"1\r\na\r\n")
        await asyncio.sleep(0.01)
        if up.writer.is_closing():
            break
    assert not (await client.rest()).endswith(b"0\r\n\r\n")
    assert [row.ending for row in (await rig.ended()).traffic] == ["timeout"]


async def test_an_upload_that_stalls_is_408(start):
    rig = await start(timeouts=Timeouts(idle_seconds=0.1))
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    status, _ = await refusal(client)
    assert status == b"HTTP/1.1 408 Request Timeout"
    await up.expect(b"abc")
    assert await up.gone()


async def test_a_head_that_stalls_is_408_and_an_idle_connection_is_closed(start):
    rig = await start(timeouts=Timeouts(client_head_seconds=0.1, client_idle_seconds=0.2))
    slow, idle = await rig.client(), await rig.client()
    slow.send(b"GET / HT")
    status, _ = await refusal(slow)
    assert status == b"HTTP/1.1 408 Request Timeout"
    assert await idle.gone()
    assert rig.worker.totals().refused == {"client_head_seconds": 1}


async def test_no_route_is_404(start):
    from sidecar.settings import Route

    rig = await start(routes=[Route(name="a", upstream="http://127.0.0.1:1", prefix="/a")])
    client = await rig.client()
    client.send(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    status, error = await refusal(client)
    assert (status, error["code"]) == (b"HTTP/1.1 404 Not Found", "no_route")
