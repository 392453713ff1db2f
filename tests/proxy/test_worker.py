"""A worker's life: drain, reload, the admin port, workers sharing a port, a process of its own."""

import asyncio
import json
import os
import signal
import sys

import msgspec
import pytest
import structlog
import structlog.testing

from sidecar.channel import Kind
from sidecar.proxy.routes import RouteError
from sidecar.proxy.worker import Worker
from sidecar.settings import Limits, Route, Settings, Timeouts
from tests.proxy.rig import holds

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_draining_finishes_streams_and_closes_idle_connections(start):
    rig = await start(limits=Limits(grace_seconds=5.0))
    idle = await rig.client()
    waiting, up, _ = await rig.exchange(GET)
    streaming, up2, _ = await rig.exchange(GET)
    up2.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await streaming.head()
    draining = asyncio.create_task(rig.worker.drain())
    assert await idle.gone()
    with pytest.raises(ConnectionRefusedError):
        await rig.client()
    up.send(OK)
    await waiting.expect(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    assert await waiting.gone()
    assert not draining.done()
    up2.send(b"0\r\n\r\n")
    assert await streaming.rest() == b"1\r\na\r\n0\r\n\r\n"
    await asyncio.wait_for(draining, 5)
    assert [row.ending for row in rig.worker.totals().traffic] == ["complete"]


async def test_after_the_grace_period_what_is_left_is_cut(start):
    rig = await start(limits=Limits(grace_seconds=0.1))
    client, up, _ = await rig.exchange(GET)
    up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await client.head()
    await asyncio.wait_for(rig.worker.drain(), 5)
    assert await client.rest() == b"1\r\na\r\n"
    assert await up.gone()
    assert [row.ending for row in rig.worker.totals().traffic] == ["shutdown"]


async def test_a_reload_changes_routes_for_new_requests_and_lets_old_ones_finish(start):
    rig = await start(upstream="http://127.0.0.1:{port}/old")
    client, up, head = await rig.exchange(GET)
    assert head.startswith(b"GET /old/ ")
    new = Route(name="new", upstream=f"http://127.0.0.1:{rig.upstream.port}/new")
    settings = msgspec.structs.replace(rig.settings, routes=[new], workers=2)
    assert rig.worker.reload(settings) == ["workers"]
    up.send(OK)
    await client.expect(OK)
    client.send(GET)
    up = await rig.upstream.accept()
    assert (await up.head()).startswith(b"GET /new/ ")


async def test_a_reload_with_a_bad_route_changes_nothing(start):
    rig = await start()
    with pytest.raises(RouteError, match="expected http://HOST"):
        rig.worker.reload(msgspec.structs.replace(rig.settings, routes=[Route(name="x", upstream="nonsense")]))
    _, _, head = await rig.exchange(GET)
    assert head.startswith(b"GET / ")


async def admin(rig, path: str) -> tuple[bytes, bytes]:
    client = await rig.client(rig.admin_port)
    client.send(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
    head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


async def test_the_admin_port_answers_probes_and_says_when_the_observer_is_away(start):
    rig = await start()
    status, body = await admin(rig, "/healthz")
    assert (status, json.loads(body)) == (b"HTTP/1.1 200 OK", {"status": "alive"})
    status, body = await admin(rig, "/readyz?x")
    assert (status, json.loads(body)) == (b"HTTP/1.1 200 OK", {"status": "ready", "observer": "down"})
    status, body = await admin(rig, "/metrics")
    assert status == b"HTTP/1.1 503 Service Unavailable"
    assert json.loads(body)["error"]["type"] == "sidewatch_observer_away"
    assert rig.worker.totals().seen == 0


async def test_other_admin_pages_are_the_observers(start):
    rig = await start(observer=True)

    async def page(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)

    server = await asyncio.start_unix_server(page, rig.observer.path.replace("channel", "admin"))
    assert await admin(rig, "/metrics?a=b") == (
        b"HTTP/1.1 200 OK",
        b"GET /metrics?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    assert (await admin(rig, "/readyz"))[1] == b'{"status": "ready", "observer": "up"}\n'
    server.close()


async def test_an_address_in_use_is_an_error(start):
    rig = await start()
    busy = Settings(upstream="http://127.0.0.1:1", listen=f"127.0.0.1:{rig.port}", admin="127.0.0.1:0")
    with pytest.raises(OSError, match="in use"):
        await Worker(busy).start()


async def test_workers_share_a_port(start):
    rig = await start()
    shared = Settings(
        upstream=f"http://127.0.0.1:{rig.upstream.port}",
        listen="127.0.0.1:0",
        workers=2,
        limits=Limits(grace_seconds=0.1),
    )
    first = Worker(shared, serve_admin=False)
    host, port = (await first.start()).listen
    second = Worker(msgspec.structs.replace(shared, listen=f"{host}:{port}"), number=1, serve_admin=False)
    assert (await second.start()).listen == (host, port)
    await first.drain()
    client = await rig.client(port)
    client.send(GET)
    up = await rig.upstream.accept()
    await up.head()
    up.send(OK)
    await client.expect(OK)
    await second.drain()


async def test_a_worker_process_drains_on_sigterm_and_exits_with_0(start, tmp_path):
    rig = await start()
    settings = msgspec.structs.replace(rig.settings, listen="127.0.0.1:0", workers=2)
    (tmp_path / "settings.msgpack").write_bytes(msgspec.msgpack.encode(settings))
    observer = type(rig.observer)(str(tmp_path))
    await observer.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar.proxy", "--runtime", str(tmp_path), "--worker", "3", env={**os.environ}
    )
    (hello,) = await asyncio.wait_for(observer.until(Kind.HELLO), 10)
    assert (hello.worker, hello.pid) == (3, process.pid)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    await observer.stop()


async def test_an_unexpected_error_while_connecting_is_an_answer_and_told_once(start, monkeypatch):
    async def resolve(_loop, host: str, *_: object, **__: object) -> None:
        raise RuntimeError(f"{host}: a flaw")

    rig = await start(upstream="http://flawed.test:{port}")
    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve)
    with structlog.testing.capture_logs() as told:
        for _ in range(2):
            client = await rig.client()
            client.send(GET)
            assert (await client.head()).startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert [(row.ending, row.status) for row in (await rig.ended(2)).traffic] == [("upstream_unreachable", "502")]
    assert rig.worker.totals().upstream_connects == {"default\0error": 2}
    assert [(line["event"], line["part"], line["error"]) for line in told] == [
        ("unexpected error in the proxy", "connect", "RuntimeError")
    ]
    assert "a flaw" not in str(told)


async def test_a_client_whose_clock_breaks_leaves_the_others_their_timeouts(start):
    rig = await start(timeouts=Timeouts(client_idle_seconds=0.2))
    clients = [await rig.client() for _ in range(9)]
    await holds(lambda: len(rig.worker._front.clients) == 9)
    for broken in list(rig.worker._front.clients)[:3]:
        broken._idle_since = None
    with structlog.testing.capture_logs() as told:
        for client in clients:
            assert await client.gone()
    assert [(line["part"], line["error"]) for line in told] == [("clock", "TypeError")]
    assert not rig.worker._tasks[1].done()


async def test_what_runs_for_ever_begins_again_after_an_unexpected_error(start, monkeypatch):
    monkeypatch.setattr("sidecar.proxy.worker.AGAIN_SECONDS", 0.01)
    rig = await start(observer=True)
    rig.worker._front.clients.add(None)  # nothing that a clock could ask or cut
    with structlog.testing.capture_logs() as told:
        await holds(lambda: told)
    rig.worker._front.clients.discard(None)
    rig.worker.reload(msgspec.structs.replace(rig.settings, routes=[with_idle(rig.settings.routes[0], 0.1)]))
    client = await rig.client()
    assert await client.gone()


def with_idle(route: Route, seconds: float) -> Route:
    return msgspec.structs.replace(route, timeouts=Timeouts(client_idle_seconds=seconds))
