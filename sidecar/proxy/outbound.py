"""Which outbound proxy, if any, stands between us and an upstream: settings first, then the usual environment.

Source: curl's and Python's conventions for HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; lower case wins.
"""

import ipaddress
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit


class OutboundError(ValueError):
    """The address of an outbound proxy is not usable."""


class Scheme(StrEnum):
    """How an outbound proxy is spoken to. As in curl, SOCKS5 resolves names here and SOCKS5H at the proxy."""

    HTTP = "http"
    HTTPS = "https"
    SOCKS5 = "socks5"
    SOCKS5H = "socks5h"


_PORTS: Final = {Scheme.HTTP: 80, Scheme.HTTPS: 443, Scheme.SOCKS5: 1080, Scheme.SOCKS5H: 1080}


@dataclass(frozen=True, slots=True)
class OutboundProxy:
    """An outbound proxy. `login` is user name and password; `tls` what an https proxy is verified with: system trust.

    Plain http upstreams go through an HTTP proxy by absolute URL, https ones through CONNECT; SOCKS carries both.
    """

    scheme: Scheme
    host: str
    port: int
    login: tuple[bytes, bytes] | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def read(cls, url: str) -> "OutboundProxy":
        """Parse `SCHEME://user:password@host:port`; without a scheme it is http. Raises OutboundError."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError as error:
            raise OutboundError(f"outbound proxy: {error}: write {'://, '.join(Scheme)}://HOST:PORT") from error
        if parts.scheme not in list(Scheme) or not parts.hostname:
            raise OutboundError(f"outbound proxy of scheme {parts.scheme!r}: write {'://, '.join(Scheme)}://HOST:PORT")
        scheme, login = Scheme(parts.scheme), None
        if parts.username is not None:
            login = unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")
            if max(map(len, login)) > 255:  # RFC 1929; enough for HTTP, too
                raise OutboundError("outbound proxy: user name or password of more than 255 bytes")
        tls = ssl.create_default_context() if scheme is Scheme.HTTPS else None
        return cls(scheme, parts.hostname, port or _PORTS[scheme], login, tls)

    @property
    def forwards(self) -> bool:
        """Whether a plain http request goes to the proxy itself, with its absolute URL."""
        return self.scheme in (Scheme.HTTP, Scheme.HTTPS)

    @property
    def authorization(self) -> bytes | None:
        """The value of Proxy-Authorization, None where there is no login."""
        return b"Basic " + b64encode(b":".join(self.login)) if self.login else None


def outbound_proxy(
    setting: str | None, https: bool, host: str, port: int, env: Mapping[str, str]
) -> OutboundProxy | None:
    """Return the proxy for an upstream, or None to connect directly. Raises OutboundError."""
    if setting == "none":
        return None
    if setting is not None:
        return OutboundProxy.read(setting)
    url = _variable(env, "https_proxy" if https else "http_proxy") or _variable(env, "all_proxy")
    if not url or _excepted(_variable(env, "no_proxy"), host, port):
        return None
    return OutboundProxy.read(url)


def _variable(env: Mapping[str, str], name: str) -> str:
    return env.get(name) or env.get(name.upper()) or ""


def _excepted(no_proxy: str, host: str, port: int) -> bool:
    return any(_matches(entry.strip().lower(), host.lower(), port) for entry in no_proxy.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit():
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").removeprefix(".")
    return host == entry or host.endswith("." + entry)
