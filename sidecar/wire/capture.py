"""What the proxy saw of one request and its response: bytes (capped) and times, undecoded.

Bodies are as they were on the wire, less the transfer-coding: content-encodings are still applied.
Credentials were removed from `target` and the headers before a Capture came to be.
"""

from dataclasses import dataclass, field
from enum import StrEnum

Headers = tuple[tuple[str, str], ...]  # in wire order, original case, latin-1 decoded


class Ending(StrEnum):
    """How the exchange ended on the wire."""

    COMPLETE = "complete"
    CLIENT_GONE = "client_gone"  # the client closed before the answer was whole
    UPSTREAM_BROKEN = "upstream_broken"  # the upstream closed before the answer was whole
    UPSTREAM_UNREACHABLE = "upstream_unreachable"  # no connection: we answered 502
    TIMEOUT = "timeout"  # we gave up waiting: 504, or a broken stream
    REFUSED = "refused"  # malformed request: we answered 400 (or 413, 431)
    SHUTDOWN = "shutdown"  # cut at the end of the grace period


@dataclass(frozen=True, slots=True)
class Body:
    """One direction's bytes. `head` is the beginning; `tail` the end, when the middle was left out.

    `size` is the full size on the wire; `head + tail` is shorter than it exactly when `truncated`.
    `chunks` are (end offset in the kept bytes, seconds since the exchange began) of each arrival.
    """

    head: bytes = b""
    tail: bytes = b""
    size: int = 0
    chunks: tuple[tuple[int, float], ...] = ()

    @property
    def truncated(self) -> bool:
        return len(self.head) + len(self.tail) < self.size


@dataclass(frozen=True, slots=True)
class Capture:
    """One exchange as bytes and times. Times are seconds since `started_unix_seconds`."""

    id: str
    route: str
    method: str
    target: str  # raw request target, secrets in the query replaced
    request_headers: Headers = ()
    request: Body = field(default_factory=Body)
    status: int | None = None  # None: no response head was received or sent
    response_headers: Headers = ()
    response: Body = field(default_factory=Body)
    upgraded: bool = False  # after 101: the bodies are the raw WebSocket bytes of each direction
    ending: Ending = Ending.COMPLETE
    from_proxy: bool = False  # the answer was the proxy's own error
    started_unix_seconds: float = 0.0
    request_end_seconds: float | None = None
    response_head_seconds: float | None = None
    ended_seconds: float = 0.0
    proxy_seconds: float = 0.0  # what the proxy itself added before the first byte
    request_sha256: str | None = None  # of the request body as received, hex
