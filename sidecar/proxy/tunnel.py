"""The way through an outbound proxy: CONNECT, or SOCKS 5, on a connection that the upstream's protocol takes over.

Source: RFC 9110 section 9.3.6 (CONNECT), RFC 1928 (SOCKS 5), RFC 1929 (its user names and passwords).
"""

import asyncio
import re
import socket
from typing import Final, cast

from sidecar.proxy.outbound import OutboundProxy, Scheme

_ANSWER_BYTES: Final = 16_384
_CONNECTED = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9]\b")
_VERSION: Final = 5
_NO_LOGIN, _LOGIN = 0, 2  # the methods that we offer
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REFUSALS: Final = {  # RFC 1928 section 6
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


class Negotiation(asyncio.Protocol):
    """A connection to an outbound proxy until it has opened the way. Reads what is asked for, and nothing beyond."""

    def __init__(self) -> None:
        self.buffer = b""
        self._news = asyncio.Event()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._news.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._ended = True
        self._news.set()

    async def take(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises ConnectionError where the proxy closes before."""
        while len(self.buffer) < size:
            await self._more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    async def head(self) -> bytes:
        """Return the answer's head. Raises ConnectionError where none comes."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > _ANSWER_BYTES:
                raise ConnectionError("answered no head")
            await self._more()
        return await self.take(end + 4)

    async def _more(self) -> None:
        if self._ended:
            raise ConnectionError("closed the connection")
        self._news.clear()
        await self._news.wait()


async def negotiate(proxy: OutboundProxy, peer: Negotiation, host: str, port: int) -> None:
    """Have the proxy open the way to `host`. Raises ConnectionError with the reason, OSError where a name is unknown.

    Nothing of the upstream can come unasked: what follows the proxy's answer at once is an error.
    """
    try:
        if proxy.scheme in (Scheme.SOCKS5, Scheme.SOCKS5H):
            await _socks(proxy, peer, host, port)
        else:
            await _connect(proxy, peer, host, port)
        if peer.buffer:
            raise ConnectionError("sent more than its answer")
    except ConnectionError as error:
        raise ConnectionError(f"outbound proxy {proxy.host}:{proxy.port} {error}") from error


async def _connect(proxy: OutboundProxy, peer: Negotiation, host: str, port: int) -> None:
    authority = b"%b:%d" % (f"[{host}]".encode() if ":" in host else _encoded(host), port)
    login = b"Proxy-Authorization: %b\r\n" % proxy.authorization if proxy.authorization else b""
    peer.transport.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, login))
    answer = await peer.head()
    if not _CONNECTED.match(answer):
        status = answer.partition(b"\r\n")[0].decode("latin-1")[:80]
        raise ConnectionError(f"refused CONNECT: {status}")


async def _socks(proxy: OutboundProxy, peer: Negotiation, host: str, port: int) -> None:
    target = _address(host) or await _target(proxy, host, port)
    methods = bytes((_NO_LOGIN, _LOGIN)) if proxy.login else bytes((_NO_LOGIN,))
    peer.transport.write(bytes((_VERSION, len(methods))) + methods)
    version, method = await peer.take(2)
    if version != _VERSION:
        raise ConnectionError("does not speak SOCKS 5")
    if method == _LOGIN and proxy.login:
        await _log_in(peer, *proxy.login)
    elif method != _NO_LOGIN:
        raise ConnectionError("wants a user name and password" if not proxy.login else "accepts no login of ours")
    peer.transport.write(bytes((_VERSION, 1, 0)) + target + port.to_bytes(2, "big"))
    version, reply, _, kind = await peer.take(4)
    if version != _VERSION or reply:
        raise ConnectionError(f"refused: {_REFUSALS.get(reply, f'reply {reply}')}")
    sizes = {_IPV4: 4, _IPV6: 16}
    await peer.take((sizes[kind] if kind in sizes else (await peer.take(1))[0]) + 2)  # where it connects from


async def _log_in(peer: Negotiation, user: bytes, password: bytes) -> None:
    peer.transport.write(bytes((1, len(user))) + user + bytes((len(password),)) + password)
    if (await peer.take(2))[1]:
        raise ConnectionError("refused user name and password")


async def _target(proxy: OutboundProxy, host: str, port: int) -> bytes:
    """Return the address to ask for: of a name, resolved by us for socks5 and by the proxy for socks5h."""
    if proxy.scheme is Scheme.SOCKS5H:
        name = _encoded(host)
        if len(name) > 255:
            raise ConnectionError("cannot be asked for a name of more than 255 bytes")
        return bytes((_NAME, len(name))) + name
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    address = _address(str(found[0][4][0]))
    if address is None:
        raise ConnectionError(f"cannot be asked for the address {found[0][4][0]}")
    return address


def _address(host: str) -> bytes | None:
    """Return an IP address as SOCKS writes it, None for a name."""
    for family, kind in ((socket.AF_INET, _IPV4), (socket.AF_INET6, _IPV6)):
        try:
            return bytes((kind,)) + socket.inet_pton(family, host)
        except OSError:
            continue
    return None


def _encoded(host: str) -> bytes:
    return host.encode("ascii" if host.isascii() else "idna")
