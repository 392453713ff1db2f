"""From unpacked bodies to a decoder's calls: which framing a body has, by its first bytes, and reading it.

A response is a stream where it looks like one (SSE, several JSON lines, a binary event stream, an array of a format
that streams arrays); else it is one document. What was cut is read as far as it goes.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from sidecar.wire import json_salvage, json_text, multipart
from sidecar.wire.content_encoding import Content
from sidecar.wire.decoder import Decoder
from sidecar.wire.event_stream import EventStreamReader, begins_message
from sidecar.wire.exchange import Operation
from sidecar.wire.framing import MAX_PIECES, Framing, Piece
from sidecar.wire.json_array import ArrayReader
from sidecar.wire.ndjson import LineReader
from sidecar.wire.sse import SseReader

_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_SSE_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:data|event|id|retry)?:")
_FEED_BYTES: Final = 65_536  # so that a flood of tiny events is noticed before all of them are objects


def parse(content: Content, *, cut: bool) -> tuple[Any, str]:
    """Return (the document or None, a flaw or ""): whole, else what can be salvaged, which is no flaw where it was cut.

    None: this is not JSON, or nothing of it can be read.
    """
    data = content.head
    if _start(data) not in (b"{", b"["):
        return None, ""
    if not content.tail:
        try:
            return json_text.load(data), ""
        except json_text.JsonError:
            pass
    return json_salvage.salvage(data, content.tail), "" if cut else "bad_json"


def _start(data: bytes) -> bytes:
    """Return the first byte that is neither white space nor a byte order mark (DeepSeek sends blank lines for minutes)."""
    return data[:1024].removeprefix(_BOM).lstrip(_SPACE)[:1] or data.removeprefix(_BOM).lstrip(_SPACE)[:1]


def read_request(decoder: Decoder, content: Content, body: Any, hole_bytes: int) -> None:
    """Give the decoder its request: `body` is the parsed document, None where it is something else."""
    if body is not None:
        decoder.request(body)
    elif multipart.looks_multipart(content.head):
        decoder.request(multipart.parse(content.head, content.tail, hole_bytes))
    elif content.head:
        decoder.request_bytes(content.head)


def read_response(decoder: Decoder, content: Content, *, cut: bool) -> None:
    """Give the decoder its response, piece by piece or whole. `cut`: the end, or a part, is known to be missing."""
    framing = _maybe_framing(decoder, content.head)
    status = decoder.call.status or 200
    if 300 <= status < 400:
        return  # a page that says where the answer is: the client will ask there
    if status >= 400:
        _read_error(decoder, content, framing)
    elif framing is not None:
        decoder.exchange.stream = True
        _read_stream(decoder, content, framing)
    else:
        _read_document(decoder, content, cut=cut)


def _maybe_framing(decoder: Decoder, data: bytes) -> Framing | None:
    """Return the framing of a stream that begins with `data`, or None where it is one document."""
    if begins_message(data):
        return EventStreamReader()
    if _SSE_START.match(data):
        return SseReader()
    start = _start(data)
    if start == b"[" and decoder.streams_array:
        return ArrayReader()
    return LineReader() if start == b"{" and _begins_lines(data) else None


def _begins_lines(data: bytes) -> bool:
    """Return whether the first non-blank line is a JSON document by itself and something follows it."""
    start = len(data) - len(data.removeprefix(_BOM).lstrip(_SPACE))
    end = data.find(b"\n", start)
    if end < 0 or data[end - 1 : end + 1].strip() == b"{" or not data[end:].lstrip(_SPACE):
        return False
    return isinstance(json_text.maybe_load(data[start:end]), dict)


def _read_stream(decoder: Decoder, content: Content, framing: Framing) -> None:
    head, pieces = content.head, 0
    for start in range(0, len(head), _FEED_BYTES):
        pieces += _deliver(decoder, content, framing.feed(head[start : start + _FEED_BYTES]))
        if pieces > MAX_PIECES:
            decoder.exchange.fail_decoding("too_many_events")
            return
    if content.tail:
        framing.gap()
        _deliver(decoder, content, framing.feed(content.tail))
    _deliver(decoder, content, [piece for piece in framing.eof() if _whole(decoder, piece)])
    if framing.flaw:
        decoder.exchange.fail_decoding(framing.flaw)


def _deliver(decoder: Decoder, content: Content, pieces: Iterable[Piece]) -> int:
    number = 0
    for number, piece in enumerate(pieces, 1):  # noqa: B007 - the count is returned
        if piece.failed:
            decoder.exception(piece.name, piece.data)
        elif piece.data.strip() == b"[DONE]":
            decoder.done = True
        elif piece.data:
            decoder.piece(piece.name, piece.data)
        decoder.exchange.mark(content.arrival(piece.end))
    return number


def _whole(decoder: Decoder, piece: Piece) -> bool:
    """Return whether the last piece, which has no end of its own, is whole; else the exchange is not."""
    data = piece.data.strip()
    if data.startswith((b"{", b"[")) and data != b"[DONE]" and json_text.maybe_load(piece.data) is None:
        decoder.exchange.complete = False
        return False
    return True


def _read_document(decoder: Decoder, content: Content, *, cut: bool) -> None:
    if not content.head.strip(_SPACE):
        return  # nothing was answered: whether it would have been a stream is what the request said
    body, flaw = parse(content, cut=cut)
    if body is None:
        decoder.response_bytes(content.head)
        return
    decoder.exchange.stream = decoder.exchange.stream and decoder.streams_lines
    if flaw:
        decoder.exchange.fail_decoding(flaw)
    decoder.response(body)
    if decoder.exchange.operation not in (Operation.OTHER, Operation.UNKNOWN):
        decoder.take_error(body)  # with status 200
    decoder.exchange.mark(content.arrival(len(content.head)))


def _read_error(decoder: Decoder, content: Content, framing: Framing | None) -> None:
    data = content.head
    if framing is not None:
        pieces = [*framing.feed(data[:_FEED_BYTES]), *framing.eof()]
        data = pieces[0].data if pieces else b""
    body, _ = parse(Content(data), cut=True)
    decoder.error(data[:_FEED_BYTES].decode("utf-8", "replace") if body is None else body)
