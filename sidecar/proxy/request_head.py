"""Request heads: strict reading. Field lines are forwarded as they came: case, order, duplicates, bytes.

Source: RFC 9112 sections 3, 9; RFC 9110 sections 7.2, 7.6.1, 7.8, 10.1.1.
"""

import re
from dataclasses import dataclass
from typing import Final

from sidecar.proxy.field import (
    LENGTH,
    NO_BODY,
    TOKEN,
    HeadError,
    Kind,
    framing,
    kind_of,
    named_by,
    options_in,
    split_lines,
)

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~\x80-\xff]+) HTTP/1\.([01])")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(rb"[!$%&'()*+,\-.:;=\[\]_~0-9A-Za-z\x80-\xff]*")
_SLASH: Final = 0x2F


@dataclass(slots=True)
class RequestHead:
    """`target` is in origin form, or `*`. `length` is a size, CHUNKED or NO_BODY.

    `fields` are the lines as received; `lines` what to forward, an empty one for each dropped field, so that the places
    (-1: none) hold for both. The last two are others' notes on this head, which stay good while it is repeated: what
    stands before and after the length's digits, rendered for an upstream or encoded for the observer.
    """

    method: bytes
    target: bytes
    minor: int
    host: bytes | None
    length: int
    digits: bytes
    keep_alive: bool
    expects: bool
    upgrade: bytes | None
    fields: list[bytes]
    lines: list[bytes]
    host_place: int
    length_place: int
    rendered: tuple[object, bytes, bytes] | None = None
    opened: tuple[object, str, bytes, bytes] | None = None


# What stands for the head of a request that had none which could be read.
UNREADABLE: Final = RequestHead(b"", b"", 1, None, NO_BODY, b"", False, False, None, [], [], -1, -1)


class _Found:
    """The fields of one head that decide framing, routing and the connection. Rewrites their lines in place."""

    hosts: tuple[bytes, ...] = ()
    lengths: tuple[bytes, ...] = ()
    codings: tuple[bytes, ...] = ()
    options: tuple[bytes, ...] = ()
    upgrade: tuple[bytes, ...] = ()
    upgrade_place = connection_place = host_place = length_place = -1
    expects = False

    def note(self, kind: Kind, index: int, name: bytes, value: bytes, lines: list[bytes]) -> None:
        """Take in a field of a special kind."""
        value = value.strip(b" \t")
        if kind is Kind.LENGTH:
            self.lengths += (value,)
            self.length_place = index
        elif kind is Kind.HOST:
            self.hosts += (value,)
            self.host_place = index
        elif kind is Kind.CODING:
            self.codings += (value,)
            lines[index] = name + b": chunked"
        elif kind is Kind.EXPECT:
            self.expects = value.lower() == b"100-continue"
        else:
            lines[index] = b""
            if kind is Kind.CONNECTION:
                self.options += options_in(value)
                self.connection_place = index
            elif kind is Kind.UPGRADE:
                self.upgrade += (value,)
                self.upgrade_place = index


def read_request(block: bytes) -> RequestHead:
    """Read a request head: everything up to the empty line, without the two final line ends.

    Raises HeadError, also for CONNECT: a reverse proxy opens no tunnels to elsewhere.
    """
    fields = split_lines(block)
    match = _REQUEST_LINE.fullmatch(fields.pop(0))
    if match is None:
        raise HeadError("malformed request line")
    method, target, minor = match[1], match[2], 1 if match[3] == b"1" else 0
    lines, found = fields.copy(), _Found()
    for index, line in enumerate(fields):
        name, colon, value = line.partition(b":")
        kind = kind_of(name, colon)
        if kind:
            found.note(kind, index, name, value, lines)
    length = framing(minor, found.lengths, found.codings, NO_BODY)
    host = _host(found, minor)
    if target[0] != _SLASH:
        host, target = _other_form(method, target, host)
    _drop_named(lines, found.options)
    return RequestHead(
        method=method,
        target=target,
        minor=minor,
        host=host,
        length=length,
        digits=found.lengths[0] if found.lengths else b"",
        keep_alive=b"close" not in found.options if minor else b"keep-alive" in found.options,
        expects=found.expects,
        upgrade=_upgrade(found, minor, length, lines),
        fields=fields,
        lines=lines,
        host_place=found.host_place,
        length_place=found.length_place,
    )


class HeadReader:
    """Reads the request heads of one client, which are mostly the same but for Content-Length: SDKs repeat themselves.

    A head that differs from the one before in nothing but the digits of its length is judged by them alone. That is
    sound because the reading depends on the bytes alone; and no other client's head is looked at.
    """

    __slots__ = ("_after", "_before", "_head")

    def __init__(self) -> None:
        self._head: RequestHead | None = None
        self._before = b""
        self._after = b""

    def read(self, block: bytes) -> RequestHead:
        """As `read_request`. The head is good until the next call. Raises HeadError."""
        head = self._head
        if head is not None and block.startswith(self._before) and block.endswith(self._after):
            if head.length_place < 0:
                if len(block) == len(self._before):
                    return head
            elif head.upgrade is None and LENGTH.fullmatch(
                digits := block[len(self._before) : len(block) - len(self._after)]
            ):
                return _with_length(head, digits)
        head = self._head = read_request(block)
        self._before, self._after = block, b""
        if head.length_place >= 0:
            line = head.fields[head.length_place]
            start, _, rest = (block + b"\r\n").partition(b"\r\n" + line + b"\r\n")
            before, after = split_at_digits(line, head.digits)
            self._before, self._after = start + b"\r\n" + before, (after + b"\r\n" + rest)[:-2]
        return head


def split_at_digits(line: bytes, digits: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the value in a Content-Length line."""
    before, _, after = line.rpartition(digits)
    return before, after


def _with_length(head: RequestHead, digits: bytes) -> RequestHead:
    place = head.length_place
    before, after = split_at_digits(head.fields[place], head.digits)
    head.fields[place] = head.lines[place] = before + digits + after
    head.digits = digits
    head.length = int(digits)
    return head


def _drop_named(lines: list[bytes], options: tuple[bytes, ...]) -> None:
    """Empty the lines of the fields that Connection names."""
    named = named_by(options) if options else ()
    if named:
        lines[:] = [b"" if line.partition(b":")[0].lower() in named else line for line in lines]


def _host(found: _Found, minor: int) -> bytes | None:
    if len(found.hosts) > 1 or (minor and not found.hosts):
        raise HeadError(f"{len(found.hosts)} Host fields, exactly 1 expected")
    if not found.hosts:
        return None
    if not _AUTHORITY.fullmatch(found.hosts[0]):
        raise HeadError("malformed Host")
    return found.hosts[0]


def _upgrade(found: _Found, minor: int, length: int, lines: list[bytes]) -> bytes | None:
    """Return the protocol to switch to and put its two fields back, or None where the upgrade is not passed on.

    h2c is not: it would tunnel requests past every check (RFC 9113 withdrew it).
    """
    wanted = b", ".join(found.upgrade)
    if not wanted or b"upgrade" not in found.options or not minor or length or b"h2c" in wanted.lower():
        return None
    lines[found.upgrade_place] = b"Upgrade: " + wanted
    lines[found.connection_place] = b"Connection: Upgrade"
    return wanted


def _other_form(method: bytes, target: bytes, host: bytes | None) -> tuple[bytes | None, bytes]:
    """Return (host, origin-form target) of an absolute-form or asterisk-form target (RFC 9112 section 3.2)."""
    if method == b"OPTIONS" and target == b"*":
        return host, target
    match = _ABSOLUTE.fullmatch(target)
    if method == b"CONNECT" or match is None or not match[1] or not _AUTHORITY.fullmatch(match[1]):
        raise HeadError("target is neither a path nor an absolute http URL")
    rest = match[2]
    return match[1], rest if rest[:1] == b"/" else b"/" + rest
