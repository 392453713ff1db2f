"""What request and response heads have in common: the rules for lines and field names, and the message framing.

One reader of our own instead of a lenient one with rules on top: what is forwarded is exactly what was judged, so that
no second parser can see another message in it (request smuggling). Refused rather than repaired: bare CR or LF, NUL and
other controls, folded lines, whitespace before the colon, both or several framings, unknown transfer-codings.

Source: RFC 9112 sections 2.2, 5, 6.1-6.3; RFC 9110 sections 5, 7.6.1.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

NO_BODY: Final = 0
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

CONTROLS: Final = bytes([*range(9), *range(10, 32), 127])
TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_NAME = re.compile(TOKEN)
_NAMES_KNOWN: Final = 1024  # spellings remembered as judged; a client cannot make it grow further
_UNNAMEABLE: Final = frozenset((b"host", b"content-length", b"transfer-encoding"))  # not removable by Connection
_IMPLIED: Final = frozenset((b"close", b"keep-alive", b"upgrade", b"te", b"proxy-connection", b"connection", b""))


class Kind(IntEnum):
    """What a field means to the proxy. A plain one is forwarded untouched, one of HOP never."""

    PLAIN = 0
    HOP = 1
    HOST = 2
    LENGTH = 3
    CODING = 4
    CONNECTION = 5
    UPGRADE = 6
    EXPECT = 7


_SPECIAL: Final = {
    b"host": Kind.HOST,
    b"content-length": Kind.LENGTH,
    b"transfer-encoding": Kind.CODING,
    b"connection": Kind.CONNECTION,
    b"upgrade": Kind.UPGRADE,
    b"expect": Kind.EXPECT,
    b"keep-alive": Kind.HOP,
    b"proxy-connection": Kind.HOP,
    b"te": Kind.HOP,
}
_kinds: dict[bytes, Kind] = {}


class HeadError(Exception):
    """The head is malformed or ambiguous: refuse it, and close, since the next message's start is unknown."""


def kind_of(name: bytes, colon: bytes) -> Kind:
    """Judge a spelling of a field name. Raises HeadError, also where the line had no colon and came here as a whole."""
    kind = _kinds.get(name) if colon else None
    if kind is None:
        if not colon or not _NAME.fullmatch(name):
            raise HeadError("malformed field name, folded line, whitespace before the colon, or no colon")
        kind = _SPECIAL.get(name.lower(), Kind.PLAIN)
        if len(_kinds) < _NAMES_KNOWN:
            _kinds[name] = kind
    return kind


def split_lines(block: bytes) -> list[bytes]:
    """Return the lines. One translate counts every control, and each line end accounts for exactly two of them."""
    lines = block.split(b"\r\n")
    if len(block) - len(block.translate(None, CONTROLS)) != 2 * (len(lines) - 1):
        raise HeadError("bare CR, bare LF, NUL or another control character in the head")
    return lines


def framing(minor: int, lengths: Sequence[bytes], codings: Sequence[bytes], otherwise: int) -> int:
    """Return the body's size or CHUNKED; `otherwise` where nothing says. Raises HeadError where it is ambiguous."""
    if codings:
        if lengths:
            raise HeadError("both Content-Length and Transfer-Encoding")
        if not minor or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise HeadError("Transfer-Encoding other than chunked")
        return CHUNKED
    if not lengths:
        return otherwise
    if len(lengths) > 1 or not LENGTH.fullmatch(lengths[0]):
        raise HeadError("several or malformed Content-Length")
    return int(lengths[0])


def options_in(value: bytes) -> tuple[bytes, ...]:
    """Return what a Connection field names, in lower case."""
    return tuple(option.strip(b" \t") for option in value.lower().split(b","))


def named_by(options: Sequence[bytes]) -> frozenset[bytes]:
    """Return the fields that Connection declares hop-by-hop, those of framing and routing excepted."""
    return frozenset(options) - _IMPLIED - _UNNAMEABLE


def check_trailers(block: bytes) -> None:
    """Check a trailer section, without its final empty line. Raises HeadError, also for framing or routing fields."""
    for line in split_lines(block) if block else ():
        name, colon, _ = line.partition(b":")
        if kind_of(name, colon) in (Kind.HOST, Kind.LENGTH, Kind.CODING, Kind.CONNECTION):
            raise HeadError("forbidden trailer field")


def bad_start(data: bytes, judged: int = 0) -> bool:
    """Whether an unfinished head can no longer become a valid one: answer at once instead of waiting for its end.

    The first `judged` bytes were found good before, so that a head that comes byte by byte is not read again and again.
    """
    if not _NAME.match(data):
        return bool(data)
    news = data[max(0, judged - 1) :]
    bare = news.count(b"\n") - news.count(b"\r\n") - (judged > 1 and news[:1] == b"\n")
    return bare > 0 or b"\0" in news
