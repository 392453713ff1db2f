"""Where a request goes: the routes compiled once from the settings, and the request as the upstream is to see it."""

import os
import re
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from sidecar.proxy.connect import Endpoint, tls_context
from sidecar.proxy.outbound import OutboundError, outbound_proxy
from sidecar.proxy.request_head import RequestHead, split_at_digits
from sidecar.settings import Route, Timeouts

_OURS = frozenset(
    ("content-length", "transfer-encoding", "connection", "upgrade", "expect")
)  # of framing: never by hand
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*")


class RouteError(ValueError):
    """A route cannot work as configured; the message names the route, the value and the remedy."""


class Destination:
    """One route, ready for use: the endpoint, and how a request head is rendered for it."""

    def __init__(self, route: Route, endpoint: Endpoint, authority: bytes, base: bytes) -> None:
        self.name = route.name
        self.settings = route
        self.timeouts: Timeouts = route.timeouts
        self.endpoint = endpoint
        self._authority = authority
        self._base = base
        self._strip = len(route.prefix.rstrip("/").encode()) if route.strip_prefix else 0
        self._keep_host = route.keep_host
        self._added = [f"{name}: {value}".encode("latin-1") for name, value in route.add_request_headers.items()]
        self._replaced = frozenset(name.lower().encode() for name in route.add_request_headers)
        self._absolute = b""
        if endpoint.outbound is not None and endpoint.outbound.forwards and endpoint.tls is None:
            self._absolute = b"http://" + authority
            self._replaced |= {b"proxy-authorization"}
            if endpoint.outbound.authorization:
                self._added.append(b"Proxy-Authorization: " + endpoint.outbound.authorization)

    def render(self, head: RequestHead) -> bytes:
        """Return the request head for the upstream."""
        rendered = head.rendered
        if rendered is None or rendered[0] is not self:
            rendered = head.rendered = (self, *self._around_length(head))
        if head.length_place < 0:
            return rendered[1]
        return rendered[1] + head.digits + rendered[2]

    def _around_length(self, head: RequestHead) -> tuple[bytes, bytes]:
        start = b"%b %b%b HTTP/1.1\r\n" % (head.method, self._absolute, self._target(head.target))
        lines, place = self._lines(head), head.length_place
        if place < 0:
            return start + b"\r\n".join(filter(None, lines)) + b"\r\n\r\n", b""
        before, after = split_at_digits(lines[place], head.digits)
        first = [start, *(line + b"\r\n" for line in lines[:place] if line), before]
        return b"".join(first), after + b"".join(b"\r\n" + line for line in lines[place + 1 :] if line) + b"\r\n\r\n"

    def _lines(self, head: RequestHead) -> list[bytes]:
        lines = list(head.lines)
        host = head.host if self._keep_host and head.host is not None else self._authority
        if head.host_place >= 0:
            name = lines[head.host_place].partition(b":")[0]
            lines[head.host_place] = name + b": " + host
        else:
            lines.append(b"Host: " + host)
        if self._replaced:
            lines = [b"" if line.partition(b":")[0].lower() in self._replaced else line for line in lines]
        return lines + self._added

    def _target(self, target: bytes) -> bytes:
        """Join the raw target to the base path: nothing in it is decoded, normalised or re-encoded."""
        if target == b"*":
            return target
        rest = target[self._strip :]
        if rest[:1] != b"/":
            rest = b"/" + rest
        return self._base + rest


class Router:
    """Finds the destination of a request: the longest prefix that fits, at equal length the one that names the host."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        ordered = sorted(destinations, key=lambda d: (-len(d.settings.prefix.rstrip("/")), d.settings.host is None))
        self.destinations = ordered
        self._rows = [(d.settings.prefix.rstrip("/").encode(), _host_name(d.settings.host), d) for d in ordered]
        self._only = ordered[0] if len(ordered) == 1 and self._rows[0][:2] == (b"", None) else None

    def find(self, head: RequestHead) -> Destination | None:
        if self._only is not None:
            return self._only
        host = _host_name(head.host.decode("latin-1")) if head.host else None
        for prefix, wanted, destination in self._rows:
            if (wanted is None or wanted == host) and _under(head.target, prefix):
                return destination
        return None


def destinations(routes: Iterable[Route]) -> list[Destination]:
    """Compile routes. Raises RouteError."""
    compiled = [destination(route) for route in routes]
    if not compiled:
        raise RouteError("no upstream: give --upstream URL or routes in the configuration")
    return compiled


def destination(route: Route) -> Destination:
    """Compile one route. Raises RouteError."""
    if route.upstream.startswith("unix:"):
        return Destination(route, Endpoint("localhost", 0, unix=route.upstream[5:]), b"localhost", b"")
    parts = urlsplit(route.upstream)
    where = f"route {route.name!r}: upstream {route.upstream!r}"
    try:
        port = parts.port
    except ValueError as error:
        raise RouteError(f"{where}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RouteError(f"{where}: expected http://HOST[:PORT][/PATH] or https://...")
    if parts.username is not None or parts.query or parts.fragment:
        raise RouteError(f"{where}: no user, query or fragment here; credentials go to add_request_headers")
    for name, value in route.add_request_headers.items():
        if not _FIELD.fullmatch(f"{name}:{value}") or name.lower() in _OURS:
            raise RouteError(f"route {route.name!r}: add_request_headers: {name!r} cannot be set, or is malformed")
    https = parts.scheme == "https"
    number = port or (443 if https else 80)
    try:
        proxy = outbound_proxy(route.proxy, https, parts.hostname, number, os.environ)
        context = tls_context(route.tls) if https else None
    except (OutboundError, OSError, ssl.SSLError) as error:
        raise RouteError(f"route {route.name!r}: {error}") from error
    endpoint = Endpoint(parts.hostname, number, context, route.tls.server_name, proxy)
    return Destination(
        route,
        endpoint,
        _authority(parts.hostname, None if number == (443 if https else 80) else number),
        parts.path.rstrip("/").encode(),
    )


def _authority(host: str, port: int | None) -> bytes:
    name = f"[{host}]" if ":" in host else host
    return (name if port is None else f"{name}:{port}").encode("ascii" if name.isascii() else "idna")


def _under(target: bytes, prefix: bytes) -> bool:
    if target == b"*":
        return not prefix
    return target.startswith(prefix) and target[len(prefix) : len(prefix) + 1] in (b"/", b"?", b"")


def _host_name(host: str | None) -> str | None:
    if host is None:
        return None
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower().rstrip(".")
