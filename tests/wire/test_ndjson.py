"""JSON lines, whole and cut anywhere."""

from sidecar.wire.framing import Piece
from sidecar.wire.ndjson import LineReader


def read(pieces, max_bytes=1_000_000):
    reader = LineReader(max_bytes)
    return [piece for data in pieces for piece in reader.feed(data)] + reader.eof(), reader.flaw


def test_reads_lines_however_they_are_cut(cuts):
    stream = '{"a":1}\n\n{"b":"é"}\r\n   \n{"c":3}'.encode()
    expected = [Piece(8, b'{"a":1}'), Piece(21, '{"b":"é"}'.encode()), Piece(32, b'{"c":3}')]
    for pieces in cuts(stream):
        assert read(pieces) == (expected, "")


def test_a_line_that_is_too_long_is_left_out_and_the_next_one_read(cuts):
    for pieces in cuts(b"ok\n" + b"x" * 30 + b"\non\n"):
        lines, flaw = read(pieces, max_bytes=20)
        assert [line.data for line in lines] == [b"ok", b"on"]
        assert flaw == "line_too_long"


def test_after_a_gap_reading_goes_on_at_the_next_line():
    reader = LineReader()
    assert [piece.data for piece in reader.feed(b'{"a":1}\n{"lost')] == [b'{"a":1}']
    reader.gap()
    assert reader.feed(b'":1}\n{"z":1}\n') == [Piece(27, b'{"z":1}')]
