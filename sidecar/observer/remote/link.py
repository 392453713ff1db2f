"""One keep-alive HTTP/1.1 connection to the inference server, used by one thread at a time.

Blocking on purpose: the watchers' thread waits for the answers anyway. Redirects are not followed, because the key would go
along, and proxies of the environment are not used.
"""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sidecar.observer.remote.protocol import JSON_LENGTH_HEADER

ANSWER_BYTES: Final = 4_194_304  # of one answer; 128 tokens as JSON are about 60 KB
_STALE: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class TooLongError(OSError):
    """An answer without end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is. `tls` None: plain HTTP. `base`: path before `/v2`, without a slash at its end."""

    host: str
    port: int
    base: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None) -> "Address":
        """Read an http:// or https:// URL; `tls` is for the latter."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return cls(parts.hostname or "", port, parts.path.rstrip("/"), tls if secure else None)


@dataclass(frozen=True, slots=True)
class Reply:
    """`json_bytes`: the header of that meaning, where the body has a binary part."""

    status: int
    body: bytes
    json_bytes: str | None


class Link:
    """Asks one question at a time. `abort` may be called from any thread; the question under way then fails."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = self._fresh()
        self._used = False

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], until: float) -> Reply:
        """Return the reply. `until`: monotonic seconds. Raises OSError (TimeoutError past `until`), HTTPException.

        A connection that the server closed while it was idle is replaced: nothing was answered, and asking twice does no harm.
        """
        stale = self._used
        try:
            return self._ask(method, path, body, headers, until)
        except _STALE:
            if not stale:
                raise
        return self._ask(method, path, body, headers, until)

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], until: float) -> Reply:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection = self._connection
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        try:
            connection.request(method, self._address.base + path, body or None, dict(headers))
            response = connection.getresponse()
            content = response.read(ANSWER_BYTES + 1)
            if len(content) > ANSWER_BYTES:
                raise TooLongError(f"more than {ANSWER_BYTES} bytes")
            if response.length:  # read(n) does not complain of a body that ends early
                raise http.client.IncompleteRead(content, response.length)
            reply = Reply(response.status, content, response.headers.get(JSON_LENGTH_HEADER))
            if response.will_close or not response.isclosed():
                self._drop()
            else:
                self._used = True
            return reply
        except BaseException:
            self._drop()
            raise

    def abort(self) -> None:
        """End the question under way."""
        sock = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        self._connection.close()
        self._connection, self._used = self._fresh(), False

    def _fresh(self) -> http.client.HTTPConnection:
        host, port, tls = self._address.host, self._address.port, self._address.tls
        if tls is not None:
            return http.client.HTTPSConnection(host, port, context=tls)
        return http.client.HTTPConnection(host, port)
