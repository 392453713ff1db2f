"""TLS and addresses, with real sockets."""

import asyncio
import socket

from sidecar.settings import Tls
from tests.proxy.certificates import server_context
from tests.proxy.rig import Peer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


async def passes(rig) -> Peer:
    client = await rig.client()
    for _ in range(2):
        client.send(GET)
        if not rig.upstream.connections:
            up = await rig.upstream.accept()
        assert (await up.head()).startswith(b"GET /x ")
        up.send(OK)
        await client.expect(OK)
    assert rig.upstream.connections == 1
    return up


async def test_an_upstream_with_a_certificate_of_our_own_authority(start, files):
    names = []
    context = server_context(files)
    context.sni_callback = lambda _, name, __: names.append(name)
    rig = await start(tls=context, tls_route=Tls(ca_file=files.ca, server_name="upstream.test"))
    await passes(rig)
    assert names == ["upstream.test"]


async def test_an_unknown_authority_is_refused(start, files):
    rig = await start(tls=server_context(files))
    client = await rig.client()
    client.send(GET)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"TLS to 127.0.0.1:" in await client.read(150)


async def test_a_wrong_name_is_refused(start, files):
    rig = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca, server_name="other.test"))
    client = await rig.client()
    client.send(GET)
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")


async def test_verification_can_be_turned_off(start, files):
    rig = await start(tls=server_context(files), tls_route=Tls(verify=False))
    await passes(rig)


async def test_a_client_certificate_is_presented(start, files):
    rig = await start(
        tls=server_context(files, ask=True),
        tls_route=Tls(ca_file=files.ca, cert_file=files.client, key_file=files.client),
    )
    up = await passes(rig)
    assert up.writer.get_extra_info("peercert")["subject"] == ((("commonName", "client"),),)


async def test_a_stream_over_tls_that_breaks_is_visible(start, files):
    rig = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca))
    client, up, _ = await rig.exchange(GET)
    up.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await client.head()
    up.writer.transport.abort()
    assert await client.rest() == b"1\r\na\r\n"


async def test_a_name_is_resolved_anew_and_a_dead_address_does_not_hinder(start, monkeypatch):
    """Two addresses, the first of which refuses: the resolver is the edge that is faked."""
    rig = await start(upstream="http://two.test:{port}")
    asked = []
    kind = (socket.SOCK_STREAM, 6, "")
    real = type(asyncio.get_running_loop()).getaddrinfo

    async def resolve(loop, host, port, **hints):
        if host != "two.test":
            return await real(loop, host, port, **hints)
        asked.append(host)
        return [(socket.AF_INET6, *kind, ("::1", 1, 0, 0)), (socket.AF_INET, *kind, ("127.0.0.1", port))]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve)
    for count in (1, 2):
        client = await rig.client()
        client.send(GET)
        up = await rig.upstream.accept()
        await up.head()
        up.send(OK)
        await client.expect(OK)
        up.close()
        await asyncio.sleep(0.02)
        assert asked.count("two.test") == count
