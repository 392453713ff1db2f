"""Texts of any API, with bounds."""

import time

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Operation
from sidecar.wire.unknown import MAX_CHARACTERS, MAX_TEXTS


def test_finds_texts_in_wire_order(capture_of):
    request = {"query": "What is this?", "id": "q-1", "type": "question", "deep": [{"a": ["first", "second"]}], "n": 3}
    exchange = decode(capture_of(b'{"answer": {"text": "It is that."}, "ok": true}', request, target="/ask"))
    assert exchange.format == "unknown"
    assert exchange.operation is Operation.UNKNOWN
    assert exchange.text_found == ("What is this?", "first", "second", "It is that.")
    assert exchange.decode_error is None


def test_joins_the_pieces_of_a_stream(capture_of, sse):
    events = [{"token": "Hel", "lang": "en"}, {"token": "lo ", "lang": "en"}, {"token": "you", "lang": "en"}]
    exchange = decode(capture_of(sse(*events), target="/ask"))
    assert exchange.stream
    assert exchange.text_found == ("Hello you", "en")


def test_reads_plain_text_on_both_sides(capture_of):
    exchange = decode(capture_of(b"An answer.", b"A question?", target="/ask"))
    assert exchange.text_found == ("A question?", "An answer.")
    exchange = decode(capture_of(b"data: one \n\ndata: two\n\n", target="/ask"))
    assert exchange.text_found == ("one two",)


def test_leaves_binary_and_base64_alone(capture_of):
    request = {"image": "iVBORw0KGgo" * 100, "note": "a picture"}
    exchange = decode(capture_of(b"\x89PNG\x00\x01\xff\xfe" * 50, request, target="/ask"))
    assert exchange.text_found == ("a picture",)


def test_is_bounded_in_number_size_and_time(capture_of):
    start = time.perf_counter()
    many = decode(capture_of(b"{}", {f"k{n}": f"text {n}" for n in range(10_000)}, target="/ask"))
    assert len(many.text_found) == MAX_TEXTS
    long = decode(capture_of(b"{}", {"a": "word " * 100_000}, target="/ask"))
    assert sum(map(len, long.text_found)) == MAX_CHARACTERS
    deep = b'{"a":' * 900 + b"[" + b'"x y",' * 100_000 + b'"z"]' + b"}" * 900
    assert len(decode(capture_of(b"{}", deep, target="/ask")).text_found) == MAX_TEXTS
    assert time.perf_counter() - start < 5
