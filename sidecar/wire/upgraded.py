"""An upgraded exchange: WebSocket messages of both directions, given to the decoder in the order they arrived."""

from typing import Final

from sidecar.wire import json_text, websocket
from sidecar.wire.content_encoding import Content
from sidecar.wire.decoder import Decoder
from sidecar.wire.framing import MAX_PIECES, Piece
from sidecar.wire.websocket import WebSocketReader

_FEED_BYTES: Final = 65_536  # so that a flood of empty messages is noticed before all of them are objects

Arrived = tuple[float, bool, Piece]  # seconds, from the server, the message


def read(decoder: Decoder, client: Content, server: Content) -> None:
    """Read both directions. Where times are not known, all that the client sent comes first."""
    extensions = decoder.call.response_headers.get("sec-websocket-extensions", "")
    messages = [
        *_messages(decoder, client, extensions, from_server=False),
        *_messages(decoder, server, extensions, from_server=True),
    ]
    messages.sort(key=lambda arrived: arrived[0])  # stable: of the same moment, the client's come first
    decoder.exchange.stream = True
    for seconds, from_server, piece in messages:
        _give(decoder, piece, from_server=from_server)
        decoder.exchange.mark(seconds if from_server and server.ends else None)


def _messages(decoder: Decoder, content: Content, extensions: str, *, from_server: bool) -> list[Arrived]:
    reader = WebSocketReader(websocket.negotiated(extensions, "server" if from_server else "client"))
    pieces: list[Piece] = []
    for start in range(0, len(content.head), _FEED_BYTES):
        pieces += reader.feed(content.head[start : start + _FEED_BYTES])
        if len(pieces) > MAX_PIECES:
            decoder.exchange.fail_decoding("too_many_events")
            break
    if content.tail:
        reader.gap()
        pieces += reader.feed(content.tail)
    if reader.flaw:
        decoder.exchange.fail_decoding(reader.flaw)
    return [(content.arrival(piece.end) or 0.0, from_server, piece) for piece in pieces[:MAX_PIECES]]


def _give(decoder: Decoder, piece: Piece, *, from_server: bool) -> None:
    if piece.name == "close" or not piece.data:
        return
    parsed = json_text.maybe_load(piece.data)
    data = piece.data.decode("utf-8", "replace") if parsed is None else parsed
    if from_server:
        decoder.server_message(data)
    else:
        decoder.client_message(data)
