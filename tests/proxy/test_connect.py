"""TLS, outbound proxies and addresses, with real sockets."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidecar.settings import Tls
from tests.proxy.rig import Peer, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Files:
    """Paths of a CA's certificate, a server's and a client's pair (one PEM each)."""

    ca: str
    server: str
    client: str


def issue(name: str, signer=None, *, ca: bool = False):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("upstream.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    return certificate, key


def pem(certificate, key=None) -> bytes:
    text = certificate.public_bytes(serialization.Encoding.PEM)
    if key is not None:
        text += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return text


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    directory = tmp_path_factory.mktemp("tls")
    authority = issue("test authority", ca=True)
    made = Files(*(str(directory / name) for name in ("ca.pem", "server.pem", "client.pem")))
    contents = pem(authority[0]), pem(*issue("upstream.test", authority)), pem(*issue("client", authority))
    for path, content in zip((made.ca, made.server, made.client), contents, strict=True):
        with open(path, "wb") as file:
            file.write(content)
    return made


def server_context(files: Files, *, ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.ca)
    return context


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


class OutboundServer(Upstream):
    """A small HTTP proxy: notes each request's head and tunnels CONNECT."""

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self.heads: list[bytes] = []
        self._target_port = target_port

    async def _connected(self, reader, writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if not head.startswith(b"CONNECT "):
            writer.write(OK)
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        writer.write(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, to_writer))
            group.create_task(pump(to_reader, writer))


async def pump(reader, writer) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


async def test_https_goes_through_an_outbound_proxy_by_connect(start, files):
    rig = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca))
    outbound = OutboundServer(rig.upstream.port)
    await outbound.start()
    proxied = await start(
        upstream=f"https://upstream.test:{rig.upstream.port}",
        tls_route=Tls(ca_file=files.ca),
        proxy=f"http://user:pass@127.0.0.1:{outbound.port}",
    )
    client = await proxied.client()
    client.send(GET)
    up = await rig.upstream.accept()
    assert b"Host: upstream.test:%d\r\n" % rig.upstream.port in await up.head()
    up.send(OK)
    await client.expect(OK)
    host = b"upstream.test:%d" % rig.upstream.port
    assert outbound.heads == [
        b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n" % (host, host)
    ]
    outbound.stop()


async def test_http_goes_through_an_outbound_proxy_by_its_absolute_url(start):
    outbound = OutboundServer(0)
    await outbound.start()
    rig = await start(upstream="http://upstream.test/base", proxy=f"http://u:p@127.0.0.1:{outbound.port}")
    client = await rig.client()
    client.send(b"GET /x?y HTTP/1.1\r\nHost: a\r\nProxy-Authorization: theirs\r\n\r\n")
    await client.expect(OK)
    assert outbound.heads == [
        b"GET http://upstream.test/base/x?y HTTP/1.1\r\nHost: upstream.test\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    ]
    outbound.stop()


async def test_an_outbound_proxy_that_refuses_is_502(start):
    upstream = Upstream()
    await upstream.start()
    rig = await start(upstream="https://upstream.test", proxy=f"http://127.0.0.1:{upstream.port}")
    client = await rig.client()
    client.send(GET)
    peer = await upstream.accept()
    await peer.head()
    peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert b"refused CONNECT: HTTP/1.1 407" in await client.read(210)
    upstream.stop()


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
