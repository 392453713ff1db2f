"""Request and response heads: strict reading, and rendering for the next hop. Pure bytes, no I/O.

One reader of our own instead of a lenient one with rules on top: what is forwarded is exactly what was judged, so that
no second parser can see another message in it (request smuggling). Field lines are forwarded as they came: case,
order, duplicates, inner whitespace and non-ASCII bytes are kept. Refused rather than repaired: bare CR or LF, NUL and
other controls, folded lines, whitespace before the colon, both or several framings, unknown transfer-codings.

Source: RFC 9112 sections 2.2, 3, 5, 6.1-6.3, 9; RFC 9110 sections 7.2, 7.6.1, 7.8, 10.1.1.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

NO_BODY: Final = 0
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (([1-9][0-9][0-9])(?: [^\r\n]*)?)")
_NAME = re.compile(_TOKEN)
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(rb"[!$%&'()*+,\-.:;=\[\]_~0-9A-Za-z\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")

_CONTROLS = bytes([*range(9), *range(10, 32), 127])

# Classes of field names. A plain one is forwarded untouched.
_PLAIN, _DROP, _HOST, _LENGTH_FIELD, _CODING, _CONNECTION, _UPGRADE, _EXPECT = range(8)
_SPECIAL: Final = {
    b"host": _HOST,
    b"content-length": _LENGTH_FIELD,
    b"transfer-encoding": _CODING,
    b"connection": _CONNECTION,
    b"upgrade": _UPGRADE,
    b"expect": _EXPECT,
    b"keep-alive": _DROP,
    b"proxy-connection": _DROP,
    b"te": _DROP,
}
# Lines that come again and again are judged once. Only under these names, which hold no credential and have few values;
# what a client can make the memory grow to is bounded in lines, in lines of a name and in bytes of a line.
_RECURRING = re.compile(
    rb"host|connection|content-type|content-encoding|transfer-encoding|user-agent|server|vary|via|alt-svc|cache-control"
    rb"|pragma|expect|keep-alive|priority|origin|strict-transport-security|x-content-type-options|cf-cache-status"
    rb"|openai-(?:version|organization|project|beta)|anthropic-(?:version|beta|dangerous-direct-browser-access)"
    rb"|(?:accept|x-stainless|access-control|sec-fetch|x-ratelimit-limit)(?:-[a-z-]+)?"
)
_LINES: Final = 4096
_LINES_OF_A_NAME: Final = 64
_LINE_BYTES: Final = 256
_NAMES: Final = 1024
_names: dict[bytes, tuple[int, bool]] = {}  # spelling -> class, whether it recurs
_counts: dict[bytes, int] = {}
_UNNAMEABLE: Final = frozenset((b"host", b"content-length", b"transfer-encoding"))  # not removable by Connection
_IMPLIED: Final = frozenset((b"close", b"keep-alive", b"upgrade", b"te", b"proxy-connection", b"connection", b""))


class Field:
    """One judged field line. `shown` is the redactor's, which remembers here what it made of a recurring line."""

    __slots__ = ("kind", "name", "shown", "value")

    def __init__(self, name: bytes, value: bytes, kind: int = _PLAIN) -> None:
        self.name = name
        self.value = value
        self.kind = kind
        self.shown: tuple[object, Any] | None = None


_lines: dict[bytes, Field] = {}


class HeadError(Exception):
    """The head is malformed or ambiguous: refuse it, and close, since the next message's start is unknown."""


@dataclass(slots=True)
class RequestHead:
    """`target` is in origin form, or `*`. `length` is a size, CHUNKED or NO_BODY.

    `lines` are what to forward, an empty one for each dropped field, so that the places (-1: none) stay right.
    """

    method: bytes
    target: bytes
    minor: int
    host: bytes | None
    length: int
    keep_alive: bool
    expects: bool
    upgrade: bytes | None
    fields: list[Field]
    lines: list[bytes]
    host_place: int
    length_place: int
    rendered: tuple[object, bytes, bytes] | None = None  # for a destination: what stands before and after the length


@dataclass(slots=True)
class ResponseHead:
    """`length` is a size, CHUNKED, UNTIL_CLOSE or NO_BODY. `reason` is the status with its phrase, as received.

    `lines` are what to forward, an empty one for each dropped field.
    """

    status: int
    reason: bytes
    minor: int
    length: int
    keep_alive: bool
    fields: list[Field]
    lines: list[bytes]


def read_request(block: bytes) -> RequestHead:
    """Read a request head: everything up to the empty line, without the two final line ends.

    Raises HeadError, also for CONNECT: a reverse proxy opens no tunnels to elsewhere.
    """
    lines = _split(block, _CONTROLS)
    match = _REQUEST_LINE.fullmatch(lines.pop(0))
    if match is None:
        raise HeadError("malformed request line")
    method, target, minor = match[1], match[2], 1 if match[3] == b"1" else 0
    fields = [_lines.get(line) or _judge(line) for line in lines]
    found = _Found()
    for index, field in enumerate(fields):
        if field.kind:
            found.note(index, field, lines)
    length = _length(minor, found, NO_BODY)
    host = _host(found, minor)
    if target[0] != 0x2F:
        host, target = _other_form(method, target, host)
    options = found.options
    upgrade = _upgrade(found, minor, length, lines)
    return RequestHead(
        method=method,
        target=target,
        minor=minor,
        host=host,
        length=length,
        keep_alive=b"close" not in options if minor else b"keep-alive" in options,
        expects=found.expects,
        upgrade=upgrade,
        fields=fields,
        lines=_without(lines, options) if found.dropped else lines,
        host_place=found.host_place,
        length_place=found.length_place,
    )


def read_response(block: bytes, method: bytes, upgrading: bool = False) -> ResponseHead:
    """Read a response head (as `read_request`) to a request of `method`. Raises HeadError.

    Controls other than CR, LF and NUL are let through: they cannot shift the framing.
    """
    lines = _split(block, b"\0\r\n")
    match = _STATUS_LINE.fullmatch(lines.pop(0))
    if match is None:
        raise HeadError("malformed status line")
    minor, status = 1 if match[1] == b"1" else 0, int(match[3])
    fields = [_lines.get(line) or _judge(line) for line in lines]
    found = _Found(keep_connection=status == 101 and upgrading)
    for index, field in enumerate(fields):
        if field.kind:
            found.note(index, field, lines)
    length = _length(minor, found, UNTIL_CLOSE)
    if status < 200 or status == 204 or status == 304 or method == b"HEAD":
        length = NO_BODY
    return ResponseHead(
        status=status,
        reason=match[2],
        minor=minor,
        length=length,
        keep_alive=minor == 1 and length != UNTIL_CLOSE and b"close" not in found.options,
        fields=fields,
        lines=_without(lines, found.options) if found.dropped else lines,
    )


class _Found:
    """The fields of one head that decide framing, routing and the connection. Rewrites their lines in place."""

    hosts: tuple[bytes, ...] = ()
    lengths: tuple[bytes, ...] = ()
    codings: tuple[bytes, ...] = ()
    options: tuple[bytes, ...] = ()
    upgrade: tuple[bytes, ...] = ()
    upgrade_place = connection_place = host_place = length_place = -1
    expects = False
    dropped = False

    def __init__(self, keep_connection: bool = False) -> None:
        self.keep_connection = keep_connection

    def note(self, index: int, field: Field, lines: list[bytes]) -> None:
        """Take in a field of a special kind."""
        kind, value = field.kind, field.value
        if kind == _LENGTH_FIELD:
            self.lengths += (value,)
            self.length_place = index
        elif kind == _HOST:
            self.hosts += (value,)
            self.host_place = index
        elif kind == _CODING:
            self.codings += (value,)
            lines[index] = field.name + b": chunked"
        elif kind == _EXPECT:
            self.expects = value.lower() == b"100-continue"
        else:
            self._connection(index, field, lines)

    def _connection(self, index: int, field: Field, lines: list[bytes]) -> None:
        if field.kind == _CONNECTION:
            self.options += tuple(option.strip(b" \t") for option in field.value.lower().split(b","))
            self.connection_place = self.connection_place if self.connection_place >= 0 else index
        elif field.kind == _UPGRADE:
            self.upgrade += (field.value,)
            self.upgrade_place = self.upgrade_place if self.upgrade_place >= 0 else index
        if field.kind == _DROP or not self.keep_connection:
            self.dropped = True
            lines[index] = b""


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
            elif _LENGTH.fullmatch(digits := block[len(self._before) : len(block) - len(self._after)]):
                return self._with_length(head, digits)
        head = self._head = read_request(block)
        self._before, self._after = self._around(block, head)
        return head

    def _around(self, block: bytes, head: RequestHead) -> tuple[bytes, bytes]:
        if head.length_place < 0:
            return block, b""
        line = head.lines[head.length_place]
        start, _, after_line = (block + b"\r\n").partition(b"\r\n" + line + b"\r\n")
        before, after = split_at_value(line, head)
        return start + b"\r\n" + before, (after + b"\r\n" + after_line)[:-2]

    def _with_length(self, head: RequestHead, digits: bytes) -> RequestHead:
        place = head.length_place
        before, after = split_at_value(head.lines[place], head)
        head.lines[place] = before + digits + after
        head.fields[place] = Field(head.fields[place].name, digits, _LENGTH_FIELD)
        head.length = int(digits)
        return head


def split_at_value(line: bytes, head: RequestHead) -> tuple[bytes, bytes]:
    """Return what stands before and after the value in the Content-Length line of a head."""
    value = head.fields[head.length_place].value
    start = line.rindex(value)
    return line[:start], line[start + len(value) :]


def bad_start(data: bytes, judged: int = 0) -> bool:
    """Whether an unfinished head can no longer become a valid one: answer at once instead of waiting for its end.

    The first `judged` bytes were found good before, so that a head that comes byte by byte is not read again and again.
    """
    if not _NAME.match(data):
        return bool(data)
    news = data[max(0, judged - 1) :]
    bare = news.count(b"\n") - news.count(b"\r\n") - (judged > 1 and news[:1] == b"\n")
    return bare > 0 or b"\0" in news


def check_trailers(block: bytes) -> None:
    """Check a trailer section, without its final empty line. Raises HeadError, also for framing or routing fields."""
    for line in _split(block, _CONTROLS) if block else ():
        name, colon, _ = line.partition(b":")
        if _kind(name, colon)[0] in (_HOST, _LENGTH_FIELD, _CODING, _CONNECTION):
            raise HeadError("malformed or forbidden trailer field")


def _split(block: bytes, refused: bytes) -> list[bytes]:
    """Return the lines; one translate counts every refused byte, and each line end accounts for exactly two."""
    lines = block.split(b"\r\n")
    if len(block) - len(block.translate(None, refused)) != 2 * (len(lines) - 1):
        raise HeadError("bare CR, bare LF, NUL or another control character in the head")
    return lines


def _judge(line: bytes) -> Field:
    """Judge a line that is not remembered."""
    name, colon, value = line.partition(b":")
    kind, recurs = _names.get(name) or _kind(name, colon)
    if not colon:
        raise HeadError("field line without a colon")
    field = Field(name, value.strip(b" \t"), kind)
    if recurs and len(line) <= _LINE_BYTES and len(_lines) < _LINES:
        count = _counts[name] = _counts.get(name, 0) + 1
        if count <= _LINES_OF_A_NAME:
            _lines[line] = field
    return field


def _kind(name: bytes, colon: bytes) -> tuple[int, bool]:
    """Judge a spelling of a field name. A line without a colon comes here as a whole."""
    if not colon or not _NAME.fullmatch(name):
        raise HeadError("malformed field name, folded line or whitespace before the colon")
    lower = name.lower()
    known = _SPECIAL.get(lower, _PLAIN), _RECURRING.fullmatch(lower) is not None
    if len(_names) < _NAMES:
        _names[name] = known
    return known


def _without(lines: list[bytes], options: tuple[bytes, ...]) -> list[bytes]:
    """Empty the lines of the fields that Connection names (RFC 9110 section 7.6.1), those of framing excepted."""
    named = set(options) - _IMPLIED - _UNNAMEABLE
    if not named:
        return lines
    return [b"" if line.partition(b":")[0].lower() in named else line for line in lines]


def _length(minor: int, found: _Found, otherwise: int) -> int:
    if found.codings:
        if found.lengths:
            raise HeadError("both Content-Length and Transfer-Encoding")
        if not minor or len(found.codings) > 1 or found.codings[0].lower() != b"chunked":
            raise HeadError("Transfer-Encoding other than chunked")
        return CHUNKED
    if not found.lengths:
        return otherwise
    if len(found.lengths) > 1 or not _LENGTH.fullmatch(found.lengths[0]):
        raise HeadError("several or malformed Content-Length")
    return int(found.lengths[0])


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
