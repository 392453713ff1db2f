"""What reaches the observer, what never does, and that the ledger adds up whatever happens to it."""

import hashlib
import time
import tracemalloc

import msgspec
import pytest

from sidecar.channel import VERSION, Hello, Kind
from sidecar.proxy.redact import Redactor
from sidecar.proxy.tap import Tail
from sidecar.settings import Capture, Limits
from tests.proxy.rig import Close, Observer, Open, ResponseHead, holds

OK = b"HTTP/1.1 200 OK\r\nX-Request-Id: r1\r\nSet-Cookie: session=sesame\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def exchange(rig, request: bytes = GET, answer: bytes = OK, shown: bytes | None = None) -> None:
    """One exchange on connections of its own."""
    client, up, _ = await rig.exchange(request)
    up.send(answer)
    await client.expect(answer if shown is None else shown)
    client.close()
    up.close()


def ledger(rig) -> dict[str, int]:
    return {key.replace("\0", "/"): count for key, count in rig.worker.totals().ledger.items()}


async def test_the_frames_of_an_exchange(start):
    rig = await start(observer=True)
    body = b"2\r\n{}\r\n0\r\n\r\n"
    client, up, _ = await rig.exchange(
        b"POST /v1/x?a=1 HTTP/1.1\r\nHost: app\r\nX-Tenant: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    )
    await up.expect(body)
    up.send(b"HTTP/1.1 201 Made\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await client.head()
    await client.expect(b"3\r\nabc\r\n")
    up.send(b"2\r\nde\r\n0\r\n\r\n")
    await client.expect(b"2\r\nde\r\n0\r\n\r\n")
    (close,) = await rig.observer.until(Kind.CLOSE)
    frames = [f for f in rig.observer.frames if f[1]]
    assert [f[0] for f in frames] == [
        Kind.OPEN, Kind.REQUEST_DATA, Kind.RESPONSE_HEAD, Kind.RESPONSE_DATA, Kind.RESPONSE_DATA, Kind.CLOSE,
    ]  # fmt: skip
    assert rig.observer.of(Kind.HELLO) == [Hello(VERSION, 0, rig.observer.of(Kind.HELLO)[0].pid)]
    opened = frames[0][3]
    assert (opened.route, opened.method, opened.target) == ("default", "POST", "/v1/x?a=1")
    assert opened.headers == [("Host", "app"), ("X-Tenant", "é"), ("Transfer-Encoding", "chunked")]
    assert frames[1][3] == b"{}"
    assert frames[2][3] == ResponseHead(201, [("X", "y"), ("Transfer-Encoding", "chunked")])
    assert (frames[3][3], frames[4][3]) == (b"abc", b"de")
    times = [f[2] for f in frames]
    assert times == sorted(times)
    assert close == Close("complete", 201, 2, 5, b"", b"", close.request_end_seconds, close.proxy_seconds)
    assert 0 <= close.request_end_seconds <= times[2]
    assert 0 < close.proxy_seconds < 1


async def test_no_credential_is_in_any_frame(start):
    rig = await start(observer=True, capture=Capture(redact_headers=["X-Own"], redact_query=["mine"]))
    secret = b"sesame"
    request = (
        b"POST /x?key=sesame&a=1&api_key=sesame&%6Bey=sesame&access_token=sesame&X-Amz-Signature=sesame"
        b"&X-Amz-Security-Token=sesame&sig=sesame&mine=sesame HTTP/1.1\r\nHost: a\r\n"
        + b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, value in [
                (b"Authorization", b"Bearer sesame"),
                (b"Proxy-Authorization", b"Basic sesame"),
                (b"X-API-Key", b"sesame"),
                (b"api-key", b"sesame"),
                (b"x-goog-api-key", b"sesame"),
                (b"Cookie", b"a=sesame"),
                (b"X-Amz-Security-Token", b"sesame"),
                (b"Ocp-Apim-Subscription-Key", b"sesame"),
                (b"X-My-Secret", b"sesame"),
                (b"X-Some-Auth-Token", b"sesame"),
                (b"X-Plain-Name", b"Bearer sesame"),
                (b"Referer", b"https://user:sesame@h/p?api_key=sesame&b=1"),
                (b"Sec-WebSocket-Protocol", b"realtime, openai-insecure-api-key.sesame"),
                (b"X-Own", b"sesame"),
            ]
        )
        + b"\r\n"
    )
    client, up, head = await rig.exchange(request)
    assert head.count(secret) == request.count(secret)  # the upstream gets them all
    up.send(OK)
    await client.expect(OK)
    await rig.observer.until(Kind.CLOSE)
    assert secret not in rig.observer.raw
    opened: Open = rig.observer.of(Kind.OPEN)[0]
    assert opened.target.startswith("/x?key=[redacted]&a=1&api_key=[redacted]&%6Bey=[redacted]&")
    assert ("Sec-WebSocket-Protocol", "realtime, [redacted]") in opened.headers
    assert ("Referer", "https://[redacted]@h/p?api_key=[redacted]&b=1") in opened.headers
    assert ("Set-Cookie", "[redacted]") in rig.observer.of(Kind.RESPONSE_HEAD)[0].headers
    assert ("X-Request-Id", "r1") in rig.observer.of(Kind.RESPONSE_HEAD)[0].headers


async def test_harmless_headers_and_parameters_are_kept(start):
    rig = await start(observer=True)
    fields = [
        ("Host", "a"), ("X-RateLimit-Remaining-Tokens", "5"), ("anthropic-ratelimit-tokens-limit", "9"),
        ("Accept", "a/b;q=0.5"), ("X-Model-Key-Size", "4"), ("User-Agent", "sdk/1.0 (skate)"),
    ]  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    await exchange(rig, f"GET /v1/models?monkey=1&api-version=2024 HTTP/1.1\r\n{head}\r\n".encode())
    (opened,) = await rig.observer.until(Kind.OPEN)
    assert opened.headers == fields
    assert opened.target == "/v1/models?monkey=1&api-version=2024"


def test_reading_a_target_takes_time_in_proportion_to_its_length():
    began = time.process_time()
    assert Redactor().target(b"/=" + b"?" * 60_000).startswith("/=?")
    assert time.process_time() - began < 1.0  # where each of them was tried as a beginning, 50 s


async def test_more_fields_than_a_short_array_holds_are_captured(start):
    rig = await start(observer=True, limits=Limits(request_head_bytes=1_000_000, grace_seconds=1.0))
    await exchange(rig, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 70_000 + b"\r\n")
    (opened,) = await rig.observer.until(Kind.OPEN)
    assert len(opened.headers) == 70_001


def test_a_tail_holds_its_limit_and_no_more_however_small_the_pieces():
    tail, data = Tail(100_000), bytes(range(256)) * 2_000
    tracemalloc.start()
    held = sum(tail.feed(data[start : start + 2]) for start in range(0, len(data), 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (held, tail.join()) == (100_000, data[-100_000:])
    assert peak < 400_000  # 3 MB where each piece was kept
    assert (Tail(0).feed(b"abc"), Tail(0).join()) == (0, b"")


async def test_a_body_past_the_cap_keeps_head_tail_and_hash(start):
    capture = Capture(request_head_bytes=10, request_tail_bytes=4, response_head_bytes=6, response_tail_bytes=3)
    rig = await start(observer=True, capture=capture)
    body = bytes(range(100))
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    client, up, _ = await rig.exchange(request + body[:50])
    await up.expect(body[:50])
    client.send(body[50:])
    await up.expect(body[50:])
    up.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n01234567")
    await client.head()
    (close,) = await rig.observer.until(Kind.CLOSE)
    assert b"".join(rig.observer.of(Kind.REQUEST_DATA)) == body[:10]
    assert close.request_tail == body[96:]
    assert close.request_sha256 == hashlib.sha256(body).hexdigest()
    assert b"".join(rig.observer.of(Kind.RESPONSE_DATA)) == b"012345"
    assert (close.response_tail, close.request_bytes, close.response_bytes) == (b"67", 100, 8)


async def test_a_chunked_body_past_the_cap_is_hashed_too(start):
    rig = await start(observer=True, capture=Capture(request_head_bytes=2))
    client, up, _ = await rig.exchange(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    up.send(OK)
    await client.expect(OK)
    (close,) = await rig.observer.until(Kind.CLOSE)
    assert close.request_sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("cap", [2, 1_000])
async def test_a_reload_in_the_middle_of_a_body_keeps_its_hash(start, cap):
    """Whatever the new cap: what is hashed here, and what the observer can hash, hangs on the old one."""
    rig = await start(observer=True, capture=Capture(request_head_bytes=10))
    body = bytes(range(100))
    client, up, _ = await rig.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + body[:50])
    await up.expect(body[:50])
    rig.worker.reload(msgspec.structs.replace(rig.settings, capture=Capture(request_head_bytes=cap)))
    client.send(body[50:])
    await up.expect(body[50:])
    up.send(OK)
    await client.expect(OK)
    (close,) = await rig.observer.until(Kind.CLOSE)
    assert b"".join(rig.observer.of(Kind.REQUEST_DATA)) == body[:10]
    assert close.request_sha256 == hashlib.sha256(body).hexdigest()


async def test_the_proxys_own_answers_are_captured_as_such(start):
    rig = await start(observer=True)
    client = await rig.client()
    client.send(b"BAD\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 400 ")
    (close,) = await rig.observer.until(Kind.CLOSE)
    assert (close.ending, close.status) == ("refused", 400)
    assert rig.observer.of(Kind.RESPONSE_HEAD)[0].from_proxy is True


async def test_settled_exchanges_are_in_the_ledger_once(start):
    rig = await start(observer=True)
    await exchange(rig)
    await exchange(rig)
    await rig.observer.until(Kind.CLOSE, 2)
    numbers = rig.observer.numbers()
    rig.observer.settle(numbers, {"toxicity\0clean\0": 1, "toxicity\0flagged\0": 1, "pii\0skipped\0no_text": 2})
    await holds(lambda: len(ledger(rig)) == 3)
    assert ledger(rig) == {"toxicity/clean/": 1, "toxicity/flagged/": 1, "pii/skipped/no_text": 2}


async def test_what_a_settling_leaves_out_is_counted_as_unaccounted(start):
    rig = await start(observer=True)
    await exchange(rig)
    await rig.observer.until(Kind.CLOSE)
    rig.observer.settle(rig.observer.numbers(), {"toxicity\0clean\0": 1})
    await holds(lambda: ledger(rig))
    assert ledger(rig) == {"toxicity/clean/": 1, "pii/skipped/unaccounted": 1}


async def test_a_watcher_that_a_reload_brings_has_a_state_for_every_exchange_too(start):
    rig = await start(observer=True)
    await exchange(rig)
    await exchange(rig)
    await rig.observer.until(Kind.CLOSE, 2)
    rig.observer.settle(rig.observer.numbers()[:1], {"toxicity\0clean\0": 1, "pii\0clean\0": 1})
    await holds(lambda: ledger(rig))
    rig.worker.reload(rig.settings, ("toxicity", "bias"))  # while one exchange is not settled
    assert ledger(rig) == {"toxicity/clean/": 1, "pii/clean/": 1, "bias/skipped/disabled": 1}
    rig.observer.settle(rig.observer.numbers()[1:], {"toxicity\0clean\0": 1, "bias\0clean\0": 1})
    await holds(lambda: ledger(rig)["toxicity/clean/"] == 2)
    await exchange(rig)
    await rig.observer.until(Kind.CLOSE, 3)
    rig.observer.settle(rig.observer.numbers()[2:], {"toxicity\0clean\0": 1, "bias\0clean\0": 1})
    await holds(lambda: ledger(rig)["toxicity/clean/"] == 3)
    rig.worker.reload(rig.settings, ("toxicity", "bias", "pii"))  # it was away for two
    assert ledger(rig) == {
        "toxicity/clean/": 3,
        "bias/skipped/disabled": 1,
        "bias/clean/": 2,
        "pii/clean/": 1,
        "pii/skipped/disabled": 2,
    }


async def test_a_lost_observer_costs_no_request_and_the_ledger_adds_up(start):
    rig = await start(observer=True)
    await exchange(rig)
    await exchange(rig)
    await rig.observer.until(Kind.CLOSE, 2)
    rig.observer.settle(rig.observer.numbers()[:1], {"toxicity\0clean\0": 1, "pii\0clean\0": 1})
    await holds(lambda: ledger(rig))
    client, up, _ = await rig.exchange(GET)  # in flight while the observer dies
    await rig.observer.until(Kind.OPEN, 3)
    await rig.observer.stop()
    await holds(lambda: rig.worker.totals().observer_losses)
    up.send(OK)
    await client.expect(OK)
    up.close()
    await exchange(rig)
    totals = await rig.ended(4)
    assert ledger(rig) == {
        "toxicity/clean/": 1, "pii/clean/": 1,
        "toxicity/skipped/observer_lost": 2, "pii/skipped/observer_lost": 2,
        "toxicity/skipped/observer_down": 1, "pii/skipped/observer_down": 1,
    }  # fmt: skip
    assert totals.seen == 4
    assert totals.dropped == {"observer_lost": 2, "observer_down": 1}

    again = Observer(rig.observer.path.rpartition("/")[0])
    await again.start()
    await again.until(Kind.HELLO)
    await exchange(rig)
    (close,) = await again.until(Kind.CLOSE)
    assert close.ending == "complete"
    await again.stop()


async def test_an_observer_that_does_not_read_fills_the_channel_and_nothing_else(start, tmp_path):
    rig = await start_deaf(start, str(tmp_path))
    body = b"x" * 200_000
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
    for _ in range(20):
        client, up, _ = await rig.exchange(request + body)
        assert await up.read(200_000) == body
        up.send(OK)
        await client.expect(OK)
        client.close()
        up.close()
    totals = await rig.ended(20)
    assert totals.seen == 20
    assert totals.dropped["channel_full"] >= 10
    assert totals.channel_bytes < 300_000 + 1_048_576 + 400_000
    assert [(row.status, row.exchanges, row.request_bytes) for row in totals.traffic] == [("200", 20, 4_000_000)]
    not_opened = totals.ledger["pii\0skipped\0channel_full"]
    await rig.observer.stop()
    await holds(lambda: rig.worker.totals().observer_losses)
    assert ledger(rig)["pii/skipped/channel_full"] == not_opened
    assert ledger(rig)["pii/skipped/observer_lost"] == 20 - not_opened


async def start_deaf(start, directory):
    """A rig whose observer accepts and never reads."""
    observer = Observer(directory)
    await observer.start(read=False)
    rig = await start(capture=Capture(queue_bytes=300_000), runtime=directory)
    rig.observer = observer
    await holds(lambda: observer.sessions)
    return rig


async def test_excluded_paths_and_disabled_capture_are_skips_with_their_reason(start):
    rig = await start(observer=True, capture=Capture(exclude_paths=["/private"]))
    await exchange(rig, b"GET /private/x HTTP/1.1\r\nHost: a\r\n\r\n")
    await exchange(rig, b"GET /%70rivate/x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await rig.ended(2)).dropped == {}
    assert ledger(rig) == {"toxicity/skipped/excluded": 2, "pii/skipped/excluded": 2}
    assert rig.observer.of(Kind.OPEN) == []


async def test_without_an_observer_traffic_passes_and_is_counted(start):
    rig = await start()
    await exchange(rig, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    totals = await rig.ended()
    assert ledger(rig) == {"toxicity/skipped/disabled": 1, "pii/skipped/disabled": 1}
    (row,) = totals.traffic
    assert (row.route, row.method, row.status, row.ending) == ("default", "POST", "200", "complete")
    assert (row.exchanges, row.request_bytes, row.response_bytes) == (1, 2, 2)
    assert (sum(row.duration.counts), sum(row.first_byte.counts), sum(totals.added_seconds.counts)) == (1, 1, 1)


async def test_totals_come_about_once_a_second(start):
    rig = await start(observer=True)
    await exchange(rig)
    found = await rig.observer.until(Kind.TOTALS, 2)
    assert found[-1].seen in (0, 1)
    await rig.ended()
    (await rig.observer.until(Kind.TOTALS, len(rig.observer.of(Kind.TOTALS)) + 1))
    assert rig.observer.of(Kind.TOTALS)[-1].seen == 1
