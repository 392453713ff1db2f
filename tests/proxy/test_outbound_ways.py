"""Through outbound proxies: small real ones, HTTP, HTTPS and SOCKS 5, each a server of the test."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest

from sidecar.settings import Timeouts, Tls
from tests.proxy.certificates import server_context
from tests.proxy.rig import Peer, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWERED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"  # succeeded, from 0.0.0.0:0


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


class Way(Upstream):
    """An outbound proxy. Whatever it is asked for, it connects to `target_port` here, and notes what it was asked."""

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.target_port = target_port

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        writer.write(answer)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, to_writer))
            group.create_task(pump(to_reader, writer))


class HttpWay(Way):
    """Answers plain requests itself and tunnels CONNECT."""

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        if head.startswith(b"CONNECT "):
            await self.join(reader, writer, b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
        else:
            writer.write(OK)


class SocksWay(Way):
    """SOCKS 5; wants `login` where it is given. `answer` is its reply."""

    def __init__(self, target_port: int, login: tuple[bytes, bytes] | None = None, answer: bytes = ANSWERED) -> None:
        super().__init__(target_port)
        self.login, self.answer = login, answer

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        self.asked.append(bytes((version,)) + methods)
        writer.write(b"\x05\x02" if self.login else b"\x05\x00")
        if self.login and not await self.logged_in(reader, writer):
            return
        head = await reader.readexactly(4)
        length = b"" if head[3] in (1, 4) else await reader.readexactly(1)
        size = {1: 4, 4: 16}.get(head[3]) or length[0]
        self.asked.append(head + length + await reader.readexactly(size + 2))
        if self.answer[1]:
            writer.write(self.answer)
        else:
            await self.join(reader, writer, self.answer)

    async def logged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, size = await reader.readexactly(2)
        user = await reader.readexactly(size)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        good = (user, password) == self.login
        writer.write(b"\x01\x00" if good else b"\x01\x01")
        return good


async def answered(rig, upstream: Upstream) -> bytes:
    """Send two requests through `rig`, answer them at `upstream`; return the head it got. One connection serves both."""
    client = await rig.client()
    client.send(GET)
    up = await upstream.accept()
    head = await up.head()
    up.send(OK)
    await client.expect(OK)
    client.send(GET)
    assert await up.head() == head
    up.send(OK)
    await client.expect(OK)
    return head


async def refusal(rig) -> bytes:
    client = await rig.client()
    client.send(GET)
    return await refused(client)


async def refused(client: Peer) -> bytes:
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 502 "), head
    return await client.read(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, files) -> None:
    """Make the tests' authority one that the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", files.ca)


Started = Callable[..., Awaitable[Way]]


@pytest.fixture
async def way():
    ways: list[Way] = []

    async def start_way(made: Way, tls: ssl.SSLContext | None = None) -> Way:
        ways.append(made)
        await made.start(tls)
        return made

    yield start_way
    for made in ways:
        made.stop()


async def test_https_goes_through_an_http_proxy_by_connect(start, files, way: Started):
    behind = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca))
    proxy = await way(HttpWay(behind.upstream.port))
    host = b"upstream.test:%d" % behind.upstream.port
    rig = await start(
        upstream=f"https://{host.decode()}",
        tls_route=Tls(ca_file=files.ca),
        proxy=f"http://user:pass@127.0.0.1:{proxy.port}",
    )
    assert b"Host: %b\r\n" % host in await answered(rig, behind.upstream)
    login = b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"
    assert proxy.asked == [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (host, host, login)]


async def test_http_goes_through_an_http_proxy_by_its_absolute_url(start, way: Started):
    proxy = await way(HttpWay(0))
    rig = await start(upstream="http://upstream.test/base", proxy=f"http://u:p@127.0.0.1:{proxy.port}")
    client = await rig.client()
    client.send(b"GET /x?y HTTP/1.1\r\nHost: a\r\nProxy-Authorization: theirs\r\n\r\n")
    await client.expect(OK)
    assert proxy.asked == [
        b"GET http://upstream.test/base/x?y HTTP/1.1\r\nHost: upstream.test\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    ]


@pytest.mark.usefixtures("trusted")
async def test_https_goes_through_an_https_proxy_tls_in_tls(start, files, way: Started):
    behind = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca))
    proxy = await way(HttpWay(behind.upstream.port), server_context(files))
    rig = await start(
        upstream=f"https://upstream.test:{behind.upstream.port}",
        tls_route=Tls(ca_file=files.ca),
        proxy=f"https://127.0.0.1:{proxy.port}",
    )
    assert b"Host: upstream.test:" in await answered(rig, behind.upstream)
    assert proxy.asked[0].startswith(b"CONNECT upstream.test:")


@pytest.mark.usefixtures("trusted")
async def test_http_goes_through_an_https_proxy(start, files, way: Started):
    proxy = await way(HttpWay(0), server_context(files))
    rig = await start(upstream="http://upstream.test", proxy=f"https://127.0.0.1:{proxy.port}")
    client = await rig.client()
    client.send(GET)
    await client.expect(OK)
    assert proxy.asked == [b"GET http://upstream.test/x HTTP/1.1\r\nHost: upstream.test\r\n\r\n"]


async def test_an_https_proxy_of_unknown_authority_is_502(start, files, way: Started):
    proxy = await way(HttpWay(0), server_context(files))
    rig = await start(upstream="http://upstream.test", proxy=f"https://127.0.0.1:{proxy.port}")
    assert b"TLS to " in await refusal(rig)
    assert proxy.asked == []


async def test_socks5h_leaves_the_name_to_the_proxy(start, way: Started):
    behind = await start()
    proxy = await way(SocksWay(behind.upstream.port))
    rig = await start(upstream="http://upstream.test:8000", proxy=f"socks5h://127.0.0.1:{proxy.port}")
    assert await answered(rig, behind.upstream) == b"GET /x HTTP/1.1\r\nHost: upstream.test:8000\r\n\r\n"
    assert proxy.asked == [b"\x05\x00", b"\x05\x01\x00\x03\x0dupstream.test\x1f\x40"]


async def test_socks5_resolves_the_name_here(start, way: Started):
    behind = await start()
    proxy = await way(SocksWay(behind.upstream.port, answer=b"\x05\x00\x00\x03\x04here\x00\x01"))
    rig = await start(upstream="http://localhost:8000", proxy=f"socks5://127.0.0.1:{proxy.port}")
    await answered(rig, behind.upstream)
    assert proxy.asked[1] in (
        b"\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x40",
        b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x1f\x40",
    )


async def test_an_ipv6_address_is_asked_for_as_one(start, way: Started):
    behind = await start()
    proxy = await way(SocksWay(behind.upstream.port, answer=b"\x05\x00\x00\x04" + bytes(18)))
    rig = await start(upstream="http://[2001:db8::1]", proxy=f"socks5h://127.0.0.1:{proxy.port}")
    await answered(rig, behind.upstream)
    assert proxy.asked[1] == bytes.fromhex("05010004 20010db8 00000000 00000000 00000001 0050")


async def test_https_goes_through_socks_with_a_login(start, files, way: Started):
    behind = await start(tls=server_context(files), tls_route=Tls(ca_file=files.ca))
    proxy = await way(SocksWay(behind.upstream.port, login=(b"us:er", b"pass")))
    rig = await start(
        upstream="https://upstream.test",
        tls_route=Tls(ca_file=files.ca),
        proxy=f"socks5h://us%3Aer:pass@127.0.0.1:{proxy.port}",
    )
    assert b"Host: upstream.test\r\n" in await answered(rig, behind.upstream)
    assert proxy.asked == [b"\x05\x00\x02", b"\x05\x01\x00\x03\x0dupstream.test\x01\xbb"]


@pytest.mark.parametrize(
    ("url", "login", "answer", "reason"),
    [
        ("socks5h://u:wrong@", (b"u", b"p"), ANSWERED, b"refused user name and password"),
        ("socks5h://", (b"u", b"p"), ANSWERED, b"wants a user name and password"),
        ("socks5h://", None, b"\x05\x05\x00\x01" + bytes(6), b"refused: connection refused"),
        ("socks5h://", None, b"\x05\x63\x00\x01" + bytes(6), b"refused: reply 99"),
        ("socks5h://", None, ANSWERED + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"sent more than its answer"),
    ],
)
async def test_a_socks_proxy_that_refuses_is_502(start, way: Started, url, login, answer, reason):
    behind = await start()
    proxy = await way(SocksWay(behind.upstream.port, login, answer))
    rig = await start(upstream="http://upstream.test", proxy=f"{url}127.0.0.1:{proxy.port}")
    assert reason in await refusal(rig)


@pytest.mark.parametrize(
    ("proxy", "said", "reason"),
    [
        ("http", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"refused CONNECT: HTTP/1.1 407"),
        ("http", b"x" * 20_000, b"answered no head"),
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"does not speak SOCKS 5"),
        ("socks5h", b"\x05\xff", b"wants a user name and password"),
        ("socks5h", b"\x05", b"closed the connection"),
    ],
)
async def test_what_is_no_such_proxy_is_502(start, proxy: str, said: bytes, reason: bytes):
    other = Upstream()
    await other.start()
    rig = await start(upstream="https://upstream.test", proxy=f"{proxy}://127.0.0.1:{other.port}")
    client = await rig.client()
    client.send(GET)
    peer = await other.accept()
    peer.send(said)
    if reason == b"closed the connection":
        peer.close()
    assert reason in await refused(client)
    other.stop()


async def test_a_proxy_that_says_nothing_is_504(start):
    other = Upstream()
    await other.start()
    rig = await start(
        upstream="https://upstream.test",
        proxy=f"socks5h://127.0.0.1:{other.port}",
        timeouts=Timeouts(connect_seconds=0.2),
    )
    client = await rig.client()
    client.send(GET)
    peer = await other.accept()
    assert (await client.head()).startswith(b"HTTP/1.1 504 ")
    assert await peer.read(3) == b"\x05\x01\x00"
    assert await peer.gone()
    other.stop()
