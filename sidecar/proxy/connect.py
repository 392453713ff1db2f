"""New connections to an upstream: name resolution each time, happy eyeballs, TLS, outbound proxy. One deadline for all.

Source: RFC 8305 (happy eyeballs: 250 ms between attempts), RFC 9110 section 9.3.6 (CONNECT).
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final

from sidecar.proxy.outbound import OutboundProxy
from sidecar.settings import Tls

ATTEMPT_SECONDS: Final = 0.25  # RFC 8305 section 5
_CONNECT_ANSWER_BYTES: Final = 16_384
_CONNECTED = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9]\b")

Address = tuple[socket.AddressFamily, Any]


class ConnectError(Exception):
    """No connection came about; the message says why, for the client and the log."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an upstream listens. `unix` is a socket path, which makes host and port of no account."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    outbound: OutboundProxy | None = None
    unix: str | None = None


def tls_context(settings: Tls) -> ssl.SSLContext:
    """Build the TLS context of a route. Raises OSError where a file cannot be read, ssl.SSLError for its content."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connect(endpoint: Endpoint, factory: Callable[[], asyncio.Protocol], seconds: float) -> asyncio.Protocol:
    """Connect within `seconds` and return the protocol that `factory` made.

    Raises ConnectError, and TimeoutError when the time is up.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            if endpoint.unix is not None:
                _, protocol = await loop.create_unix_connection(factory, endpoint.unix)
                return protocol
            sock = await _reach(endpoint)
            name = (endpoint.server_name or endpoint.host) if endpoint.tls else None
            with _closing_on_error(sock):
                _, protocol = await loop.create_connection(factory, sock=sock, ssl=endpoint.tls, server_hostname=name)
            return protocol
    except TimeoutError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ConnectError(f"TLS to {endpoint.host}:{endpoint.port}: {error.verify_message}") from error
    except (OSError, ConnectionError) as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ConnectError(f"connection to {endpoint.unix or f'{endpoint.host}:{endpoint.port}'}: {reason}") from error


async def _reach(endpoint: Endpoint) -> socket.socket:
    proxy = endpoint.outbound
    if proxy is None:
        return await _race(endpoint.host, endpoint.port)
    sock = await _race(proxy.host, proxy.port)
    if endpoint.tls is not None:
        with _closing_on_error(sock):
            await _tunnel(sock, endpoint, proxy)
    return sock


async def _race(host: str, port: int) -> socket.socket:
    """Return the first socket that connects, trying the addresses in turn, a quarter of a second apart."""
    addresses = _interleaved(await _resolve(host, port))
    attempts: set[asyncio.Task[socket.socket]] = set()
    error: BaseException = OSError(f"no address for {host}")
    try:
        while addresses or attempts:
            if addresses:
                attempts.add(asyncio.ensure_future(_attempt(*addresses.pop(0))))
            wait = ATTEMPT_SECONDS if addresses else None
            done, attempts = await asyncio.wait(attempts, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                error = attempt.exception() or error
            winners = [attempt.result() for attempt in done if attempt.exception() is None]
            for loser in winners[1:]:
                loser.close()
            if winners:
                return winners[0]
        raise error
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_close_late)
            attempt.cancel()


async def _resolve(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Alternate the families, beginning with the resolver's first (RFC 8305 section 4)."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    second = [a for a in addresses if a[0] != addresses[0][0]]
    return [a for a in chain.from_iterable(zip_longest(first, second)) if a is not None]


async def _attempt(family: socket.AddressFamily, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    with _closing_on_error(sock):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    return sock


def _close_late(attempt: "asyncio.Task[socket.socket]") -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _tunnel(sock: socket.socket, endpoint: Endpoint, proxy: OutboundProxy) -> None:
    """Ask the proxy for a tunnel. The upstream speaks TLS, so nothing of it can follow the answer's head unasked."""
    loop = asyncio.get_running_loop()
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    authority = f"{host}:{endpoint.port}".encode("idna" if not host.isascii() else "ascii")
    login = b"Proxy-Authorization: %b\r\n" % proxy.authorization if proxy.authorization else b""
    await loop.sock_sendall(sock, b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, login))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await loop.sock_recv(sock, 4096)
        answer += data
        if not data or len(answer) > _CONNECT_ANSWER_BYTES:
            raise ConnectionError(f"outbound proxy {proxy.host}:{proxy.port} closed or answered no head to CONNECT")
    if not _CONNECTED.match(answer):
        status = answer.partition(b"\r\n")[0].decode("latin-1")[:80]
        raise ConnectionError(f"outbound proxy {proxy.host}:{proxy.port} refused CONNECT: {status}")


@contextlib.contextmanager
def _closing_on_error(sock: socket.socket) -> Any:
    try:
        yield
    except BaseException:
        sock.close()
        raise
