"""What the proxy itself answers when it cannot pass an answer on, in the shape that LLM SDKs parse."""

import json
from enum import Enum
from typing import Final

from sidecar.wire.capture import Ending

ERROR_HEADER: Final = b"x-sidewatch-error"


class Fault(Enum):
    """A class of own error: its name on the wire, its status line and how the exchange ended.

    `request_timeout` is 408 because SDKs retry it and it is the client that stalled.
    """

    BAD_REQUEST = ("bad_request", b"400 Bad Request", Ending.REFUSED)
    NO_ROUTE = ("no_route", b"404 Not Found", Ending.REFUSED)
    REQUEST_TIMEOUT = ("request_timeout", b"408 Request Timeout", Ending.TIMEOUT)
    HEAD_TOO_LARGE = ("head_too_large", b"431 Request Header Fields Too Large", Ending.REFUSED)
    UPSTREAM_UNREACHABLE = ("upstream_unreachable", b"502 Bad Gateway", Ending.UPSTREAM_UNREACHABLE)
    UPSTREAM_CLOSED = ("upstream_closed", b"502 Bad Gateway", Ending.UPSTREAM_BROKEN)
    UPSTREAM_INVALID = ("upstream_invalid", b"502 Bad Gateway", Ending.UPSTREAM_BROKEN)
    OVERLOADED = ("overloaded", b"503 Service Unavailable", Ending.REFUSED)
    OBSERVER_AWAY = ("observer_away", b"503 Service Unavailable", Ending.UPSTREAM_UNREACHABLE)
    CONNECT_TIMEOUT = ("connect_timeout", b"504 Gateway Timeout", Ending.TIMEOUT)
    UPSTREAM_TIMEOUT = ("upstream_timeout", b"504 Gateway Timeout", Ending.TIMEOUT)

    def __init__(self, label: str, status_line: bytes, ending: Ending) -> None:
        self.label = label
        self.status_line = status_line
        self.status = int(status_line[:3])
        self.ending = ending


def answer(fault: Fault, message: str, *, close: bool) -> tuple[bytes, bytes, bytes]:
    """Return (field lines, each beginning with its CRLF; body; the whole response) of an own error."""
    error = {"type": f"sidewatch_{fault.label}", "code": fault.label, "message": message, "source": "sidewatch"}
    body = json.dumps({"error": error}).encode()
    fields = b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b: %b" % (
        len(body), ERROR_HEADER, fault.label.encode(),
    )  # fmt: skip
    if close:
        fields += b"\r\nconnection: close"
    return fields, body, b"HTTP/1.1 %b%b\r\n\r\n%b" % (fault.status_line, fields, body)
