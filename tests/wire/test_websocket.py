"""WebSocket frames of both directions, as two independent libraries would write them."""

import random
import struct
import zlib

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from sidecar.wire.framing import Piece
from sidecar.wire.websocket import Deflate, WebSocketReader, negotiated


def frame(opcode: int, data: bytes, *, masked: bool = False, fin: bool = True, extensions=()) -> bytes:
    return Frame(Opcode(opcode), data, fin).serialize(mask=masked, extensions=list(extensions))


def read(pieces, deflate=None, max_bytes=1_000_000):
    reader = WebSocketReader(deflate, max_bytes)
    return [piece for data in pieces for piece in reader.feed(data)] + reader.eof(), reader.flaw


@pytest.mark.parametrize("masked", [False, True])
def test_reads_messages_however_they_are_cut(masked, cuts):
    stream = (
        frame(1, "Héllo".encode(), masked=masked)
        + frame(9, b"ping", masked=masked)
        + frame(1, b"one ", masked=masked, fin=False)
        + frame(10, b"pong", masked=masked)
        + frame(0, b"two ", masked=masked, fin=False)
        + frame(0, b"three", masked=masked)
        + frame(2, b"\x00\x01", masked=masked)
        + frame(1, b"", masked=masked)
        + frame(1, b"x" * 200, masked=masked)
        + frame(8, struct.pack(">H", 3001) + b"why", masked=masked)
    )
    expected = [
        ("text", "Héllo".encode()),
        ("text", b"one two three"),
        ("binary", b"\x00\x01"),
        ("text", b""),
        ("text", b"x" * 200),
        ("close", b"\x0b\xb9why"),
    ]
    for pieces in cuts(stream):
        messages, flaw = read(pieces)
        assert [(piece.name, piece.data) for piece in messages] == expected
        assert messages[-1].end == len(stream)
        assert flaw == ""


def test_reads_large_frames(cuts):
    data = random.Random(1).randbytes(70_000)
    messages, flaw = read([frame(2, data, masked=True)])
    assert (messages, flaw) == ([Piece(len(data) + 14, data, "binary")], "")


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("masked", [False, True])
def test_unpacks_deflated_messages(takeover, masked, cuts):
    deflate = PerMessageDeflate(not takeover, not takeover, 15, 15)
    texts = [b'{"type": "delta", "text": "hello"}', b'{"type": "delta", "text": "hello again"}', b"", b"plain " * 50]
    stream = b"".join(frame(1, text, masked=masked, extensions=[deflate]) for text in texts)
    for pieces in cuts(stream):
        messages, flaw = read(pieces, Deflate(takeover))
        assert [piece.data for piece in messages] == texts
        assert flaw == ""


def test_unpacks_fragments_of_a_deflated_message(cuts):
    packer = zlib.compressobj(wbits=-15)
    packed = (packer.compress(b"a long message " * 20) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    first = bytearray(frame(1, packed[:10], fin=False))
    first[0] |= 0x40
    for pieces in cuts(bytes(first) + frame(9, b"") + frame(0, packed[10:])):
        assert [piece.data for piece in read(pieces, Deflate())[0]] == [b"a long message " * 20]


def test_a_deflate_bomb_ends_the_reading():
    deflate = PerMessageDeflate(False, False, 15, 15)
    stream = frame(1, b"\0" * 10_000_000, extensions=[deflate]) + frame(1, b"next", extensions=[deflate])
    assert read([stream], Deflate(), max_bytes=100_000) == ([], "too_large")


def test_broken_deflate_data_ends_the_reading():
    stream = bytearray(frame(1, b"\xff\xff\xff\xff"))
    stream[0] |= 0x40
    assert read([bytes(stream)], Deflate()) == ([], "bad_encoding")


def test_an_unknown_opcode_or_a_giant_frame_ends_the_reading():
    assert read([frame(1, b"a") + b"\x83\x00" + frame(1, b"b")])[1] == "bad_frame"
    assert read([b"\x81\x7f" + struct.pack(">Q", 2**62)]) == ([], "message_too_long")


def test_fragments_without_end_are_bounded():
    stream = frame(1, b"x" * 1000, fin=False) + frame(0, b"x" * 1000, fin=False) * 5
    assert read([stream], max_bytes=3000) == ([], "message_too_long")


@pytest.mark.parametrize("masked", [False, True])
def test_after_a_gap_reading_goes_on_where_frames_lead_to_the_end(masked, monkeypatch):
    # One mask in some hundreds makes the lost part look like frames that happen to lead to the end too.
    monkeypatch.setattr("websockets.frames.secrets.token_bytes", lambda size: b"mask"[:size])
    first = frame(1, b'{"a":1}', masked=masked)
    lost = frame(1, b"\x81" * 300, masked=masked)
    rest = [frame(1, b'{"n":%d}' % n, masked=masked) for n in range(3)]
    reader = WebSocketReader()
    assert [piece.data for piece in reader.feed(first + lost[:9])] == [b'{"a":1}']
    reader.gap()
    found = reader.feed(lost[250:] + b"".join(rest))
    assert [piece.data for piece in found] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert found[-1].end == len(first) + 9 + len(lost[250:]) + sum(map(len, rest))


def test_after_a_gap_in_a_shared_context_nothing_more_can_be_read():
    reader = WebSocketReader(Deflate(context_takeover=True))
    reader.gap()
    assert reader.feed(frame(1, b'{"n":1}')) == []


@pytest.mark.parametrize(
    ("extensions", "client", "server"),
    [
        ("", None, None),
        ("x-other", None, None),
        ("permessage-deflate", Deflate(True), Deflate(True)),
        ("permessage-deflate; server_no_context_takeover; client_max_window_bits=12", Deflate(True), Deflate(False)),
        ("foo, Permessage-Deflate;client_no_context_takeover", Deflate(False), Deflate(True)),
    ],
)
def test_reads_what_was_negotiated(extensions, client, server):
    assert negotiated(extensions, "client") == client
    assert negotiated(extensions, "server") == server
