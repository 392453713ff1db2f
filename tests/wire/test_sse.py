"""Server-sent events: every trap of the line syntax, whole and cut anywhere."""

import pytest

from sidecar.wire.framing import Piece
from sidecar.wire.sse import SseReader


def read(pieces, max_bytes=1_000_000):
    reader = SseReader(max_bytes)
    return [piece for data in pieces for piece in reader.feed(data)] + reader.eof(), reader.flaw


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"a", ""), (b"b", "")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", ""), (b"b", "")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", ""), (b"b", "")]),
        (b"data: a\r\n\ndata: b\n\r\n", [(b"a", ""), (b"b", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "")]),
        (b": comment\n\n: keep-alive\r\ndata: a\n:another\n\n", [(b"a", "")]),
        (b"data: one\ndata: two\ndata\ndata:three\n\n", [(b"one\ntwo\n\nthree", "")]),
        (b"data:a\n\ndata:  a\n\n", [(b"a", ""), (b" a", "")]),
        (b"event: ping\ndata: {}\n\ndata: x\n\n", [(b"{}", "ping"), (b"x", "")]),
        (b"event: lonely\n\ndata: x\n\n", [(b"x", "")]),
        (b"id: 7\nretry: 10\nfoo: bar\ndata: x\n\n", [(b"x", "")]),
        (b"data: cut off", [(b"cut off", "")]),
        (b"data: a\n\ndata: last\nevent: e\n", [(b"a", ""), (b"last", "e")]),
        ("data: 你好 🌍 — é\n\n".encode(), [("你好 🌍 — é".encode(), "")]),
        (b"data: line\xe2\x80\xa8separator\x0b\x0c\x1c\x85\n\n", [(b"line\xe2\x80\xa8separator\x0b\x0c\x1c\x85", "")]),
        (b"\n\n\n\ndata: a\n\n\n\n", [(b"a", "")]),
        (b"", []),
        (b"\xef\xbb\xbf", []),
    ],
)
def test_reads_events_however_they_are_cut(stream, expected, cuts):
    whole, flaw = read([stream])
    assert [(piece.data, piece.name) for piece in whole] == expected
    assert flaw == ""
    for pieces in cuts(stream):
        assert read(pieces) == (whole, "")


def test_an_event_ends_with_the_first_byte_of_its_blank_lines_end():
    pieces, _ = read([b"data: a\r\n\r\ndata: b\n\ndata: c"])
    assert pieces == [Piece(10, b"a"), Piece(20, b"b"), Piece(27, b"c")]


@pytest.mark.parametrize("cut_at", range(1, 40))
def test_an_event_that_is_too_long_is_left_out_and_the_next_one_read(cut_at):
    stream = b"data: ok\n\ndata: " + b"x" * 30 + b"\n\ndata: on\n\n"
    pieces, flaw = read([stream[:cut_at], stream[cut_at:]], max_bytes=20)
    assert [piece.data for piece in pieces] == [b"ok", b"on"]
    assert flaw == "event_too_long"


def test_after_a_gap_reading_goes_on_at_the_next_event():
    reader = SseReader()
    assert [piece.data for piece in reader.feed(b"data: a\n\ndata: los")] == [b"a"]
    reader.gap()
    assert reader.feed(b"t in the gap\n\ndata: z\n\n") == [Piece(41, b"z")]


def test_a_line_without_end_costs_linear_time():
    reader = SseReader()
    for _ in range(200_000):
        reader.feed(b"x" * 10)
    assert reader.eof() == []
