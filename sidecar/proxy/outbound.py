"""Which outbound proxy, if any, stands between us and an upstream: settings first, then the usual environment.

Source: curl's and Python's conventions for HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; lower case wins.
"""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit


class OutboundError(ValueError):
    """The address of an outbound proxy is not usable."""


@dataclass(frozen=True, slots=True)
class OutboundProxy:
    """An HTTP proxy: plain http upstreams go through it by absolute URL, https ones through CONNECT."""

    host: str
    port: int
    authorization: bytes | None

    @classmethod
    def read(cls, url: str) -> "OutboundProxy":
        """Parse `http://user:password@host:port`. Raises OutboundError."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise OutboundError(f"outbound proxy of scheme {parts.scheme!r}: only http://host:port is supported")
        login = None
        if parts.username is not None:
            pair = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
            login = b"Basic " + b64encode(pair)
        return cls(parts.hostname, parts.port or 80, login)


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
