"""Response heads: strict where framing is decided, otherwise forwarded as they came.

Fields are looked for in the block as a whole, in C, instead of line by line: an answer's head differs from the one
before in dates and ids, so nothing can be remembered of it, and this is a third of the cost.

Source: RFC 9112 sections 4, 6.3; RFC 9110 sections 7.6.1, 15.
"""

import re
from dataclasses import dataclass
from typing import Final

from sidecar.proxy.field import NO_BODY, TOKEN, UNTIL_CLOSE, HeadError, framing, named_by, options_in

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (([1-9][0-9][0-9])(?: [^\r\n\0]*)?)")
# Every line a name, a colon and no CR, LF or NUL. Possessive: no backtracking, so the time is linear.
_FIELDS = re.compile(rb"(?:\r\n" + TOKEN + rb"+:[^\0\r\n]*+)*+")
# In a block in lower case. Names of framing first, then those that end here (RFC 9110 section 7.6.1).
_SPECIAL = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection|keep-alive|proxy-connection|upgrade|te):[ \t]*([^\r]*)"
)
_CODING_FIELD = re.compile(rb"\r\ntransfer-encoding:[^\r]*", re.IGNORECASE)
_KEEP_ALIVE: Final = b"\r\nConnection: keep-alive"  # from most servers, and without meaning in HTTP/1.1
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
_SWITCHING: Final = _FRAMING | {b"connection", b"upgrade"}


@dataclass(slots=True)
class ResponseHead:
    """`length` is a size, CHUNKED, UNTIL_CLOSE or NO_BODY. `reason` is the status with its phrase, as received.

    `fields` are the lines as received, `forward` those to pass on; each line begins with its CRLF.
    """

    status: int
    reason: bytes
    length: int
    keep_alive: bool
    fields: bytes
    forward: bytes


def read_response(block: bytes, method: bytes, upgrading: bool = False) -> ResponseHead:
    """Read a response head, without the two final line ends, to a request of `method`. Raises HeadError.

    Controls other than CR, LF and NUL are let through: they cannot shift the framing.
    """
    end = block.find(b"\r\n")
    fields = block[end:] if end >= 0 else b""
    match = _STATUS_LINE.fullmatch(block, 0, end if end >= 0 else len(block))
    if match is None or not _FIELDS.fullmatch(fields):
        raise HeadError("malformed status line or field line")
    minor, status = 1 if match[1] == b"1" else 0, int(match[3])
    rest = _without_keep_alive(fields) if _KEEP_ALIVE in fields else fields
    lower = rest.lower()
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: tuple[bytes, ...] = ()
    forward = rest
    for name, value in _SPECIAL.findall(lower):
        if name == b"content-length":
            lengths.append(value.rstrip(b" \t"))
        elif name == b"transfer-encoding":
            codings.append(value.rstrip(b" \t"))
        else:
            options += options_in(value) if name == b"connection" else ()
            forward = b""
    length = framing(minor, lengths, codings, UNTIL_CLOSE)
    if status < 200 or status == 204 or status == 304 or method == b"HEAD":
        length = NO_BODY
    if not forward:
        forward = _without_hops(rest, lower, options, _SWITCHING if status == 101 and upgrading else _FRAMING)
    keep_alive = minor == 1 and length != UNTIL_CLOSE and b"close" not in options
    return ResponseHead(status, match[2], length, keep_alive, fields, forward)


def without_coding(fields: bytes) -> bytes:
    """Return the lines without Transfer-Encoding, for a client that knows no chunks."""
    return _CODING_FIELD.sub(b"", fields)


def _without_keep_alive(fields: bytes) -> bytes:
    """Return the lines without the first that says so, where that is all it says: cheaper than looking for hops."""
    at = fields.find(_KEEP_ALIVE)
    end = at + len(_KEEP_ALIVE)
    return fields[:at] + fields[end:] if fields[end : end + 2] in (b"", b"\r\n") else fields


def _without_hops(fields: bytes, lower: bytes, options: tuple[bytes, ...], kept: frozenset[bytes]) -> bytes:
    parts, at = [], 0
    for match in _SPECIAL.finditer(lower):
        if match[1] not in kept:
            parts.append(fields[at : match.start()])
            at = match.end()
    forward = b"".join(parts) + fields[at:]
    named = named_by(options)
    if not named:
        return forward
    lines = forward.split(b"\r\n")[1:]
    return b"".join(b"\r\n" + line for line in lines if line.partition(b":")[0].lower() not in named)
