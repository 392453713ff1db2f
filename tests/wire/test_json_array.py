"""A streamed JSON array, whole and cut anywhere."""

import pytest

from sidecar.wire.framing import Piece
from sidecar.wire.json_array import ArrayReader


def read(pieces, max_bytes=1_000_000):
    reader = ArrayReader(max_bytes)
    return [piece for data in pieces for piece in reader.feed(data)] + reader.eof(), reader.flaw


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ('[{"a": "x]}\\",[é"}\r\n,\r\n{"b": [1, {"c": 2}]}]', ['{"a": "x]}\\",[é"}', '{"b": [1, {"c": 2}]}']),
        ("[1, 2,3]", ["1", "2", "3"]),
        ('["a,b", null, []]', ['"a,b"', "null", "[]"]),
        ("  [ ]  ", []),
        ("[{}] trailing {}", ["{}"]),
        ('[{"whole":1},{"cut', ['{"whole":1}']),
        ('["\\\\",{"a":1}]', ['"\\\\"', '{"a":1}']),
    ],
)
def test_reads_items_however_they_are_cut(stream, expected, cuts):
    whole, flaw = read([stream.encode()])
    assert [piece.data.decode() for piece in whole] == expected
    assert flaw == ""
    for pieces in cuts(stream.encode()):
        assert read(pieces) == (whole, "")


def test_an_item_is_there_with_its_last_byte():
    reader = ArrayReader()
    assert reader.feed(b'[{"a":1') == []
    assert reader.feed(b"}") == [Piece(8, b'{"a":1}')]
    assert reader.feed(b',{"b":2}') == [Piece(16, b'{"b":2}')]


def test_an_item_that_is_too_long_is_left_out(cuts):
    for pieces in cuts(b'[{"a":1},{"b":"' + b"x" * 30 + b'"},{"c":3}]'):
        items, flaw = read(pieces, max_bytes=20)
        assert [item.data for item in items] == [b'{"a":1}', b'{"c":3}']
        assert flaw == "item_too_long"


def test_nesting_without_end_is_given_up(cuts):
    items, flaw = read([b"[" * 100_000])
    assert items == []
    assert flaw == "json_too_deep"


def test_after_a_gap_reading_goes_on_at_the_next_item():
    reader = ArrayReader()
    assert [piece.data for piece in reader.feed(b'[{"a":{"b":1}},{"lost":{')] == [b'{"a":{"b":1}}']
    reader.gap()
    assert reader.feed(b'"x":[{},{"y":1}],"q":"},{"}\r\n,\r\n{"z":1},{"end":2}]') == [
        Piece(63, b'{"z":1}'),
        Piece(73, b'{"end":2}'),
    ]
