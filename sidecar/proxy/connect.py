"""New connections to an upstream: name resolution each time, happy eyeballs, TLS, outbound proxy. One deadline for all.

Source: RFC 8305 (happy eyeballs: 250 ms between attempts).
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final, TypeVar

from sidecar.proxy.outbound import OutboundProxy
from sidecar.proxy.tunnel import Negotiation, negotiate
from sidecar.settings import Tls

ATTEMPT_SECONDS: Final = 0.25  # RFC 8305 section 5

_P = TypeVar("_P", bound=asyncio.Protocol)
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

    @property
    def name(self) -> str:
        """The name that the upstream's certificate must have."""
        return self.server_name or self.host


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
            if endpoint.outbound is not None:
                return await _through(endpoint.outbound, endpoint, factory)
            sock = await _race(endpoint.host, endpoint.port)
            return await _over(sock, endpoint.tls, endpoint.name, factory)
    except TimeoutError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ConnectError(f"TLS to {endpoint.host}:{endpoint.port}: {error.verify_message}") from error
    except (OSError, ValueError) as error:  # ValueError: a name that DNS or TLS cannot have
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConnectError(f"connection to {endpoint.unix or f'{endpoint.host}:{endpoint.port}'}: {reason}") from error


async def _over(sock: socket.socket, tls: ssl.SSLContext | None, name: str, factory: Callable[[], _P]) -> _P:
    """Give a connected socket a protocol, behind TLS where it is wanted."""
    loop = asyncio.get_running_loop()
    with _closing_on_error(sock):
        _, protocol = await loop.create_connection(factory, sock=sock, ssl=tls, server_hostname=name if tls else None)
    return protocol


async def _through(
    proxy: OutboundProxy, endpoint: Endpoint, factory: Callable[[], asyncio.Protocol]
) -> asyncio.Protocol:
    """Reach the endpoint by way of an outbound proxy."""
    sock = await _race(proxy.host, proxy.port)
    if endpoint.tls is None and proxy.forwards:
        return await _over(sock, proxy.tls, proxy.host, factory)
    peer = await _over(sock, proxy.tls, proxy.host, Negotiation)
    try:
        await negotiate(proxy, peer, endpoint.host, endpoint.port)
        protocol, transport = factory(), peer.transport
        if endpoint.tls is not None:
            loop = asyncio.get_running_loop()
            upgraded = await loop.start_tls(transport, protocol, endpoint.tls, server_hostname=endpoint.name)
            if upgraded is None:
                raise ConnectionError("closed while TLS began")
            transport = upgraded
        else:
            transport.set_protocol(protocol)
        protocol.connection_made(transport)
    except BaseException:
        peer.transport.abort()
        raise
    return protocol


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


@contextlib.contextmanager
def _closing_on_error(sock: socket.socket) -> Any:
    try:
        yield
    except BaseException:
        sock.close()
        raise
