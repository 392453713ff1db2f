"""The AWS binary event stream: checksums, headers, exceptions, cuts and gaps."""

import struct
from zlib import crc32

from sidecar.wire.event_stream import EventStreamReader, begins_message, read_headers


def header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def message(payload: bytes, **names: str) -> bytes:
    headers = b"".join(header(":" + name.replace("_", "-"), value) for name, value in names.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def event(payload: bytes, name: str = "chunk") -> bytes:
    return message(payload, message_type="event", event_type=name, content_type="application/json")


def read(pieces, max_bytes=1_000_000):
    reader = EventStreamReader(max_bytes)
    return [piece for data in pieces for piece in reader.feed(data)] + reader.eof(), reader.flaw


def test_reads_messages_however_they_are_cut(cuts):
    stream = (
        event(b'{"a":1}')
        + event(b"")
        + message(b'{"message":"slow"}', message_type="exception", exception_type="throttlingException")
        + message(b"", message_type="error", error_code="InternalError", error_message="broken")
    )
    expected = [
        (b'{"a":1}', "chunk", False),
        (b"", "chunk", False),
        (b'{"message":"slow"}', "throttlingException", True),
        (b"broken", "InternalError", True),
    ]
    for pieces in cuts(stream):
        messages, flaw = read(pieces)
        assert [(piece.data, piece.name, piece.failed) for piece in messages] == expected
        assert messages[-1].end == len(stream)
        assert flaw == ""


def test_a_wrong_message_checksum_drops_that_message_alone(cuts):
    broken = bytearray(event(b'{"b":2}'))
    broken[-6] ^= 1
    for pieces in cuts(event(b"one") + bytes(broken) + event(b"two")):
        messages, flaw = read(pieces)
        assert [piece.data for piece in messages] == [b"one", b"two"]
        assert flaw == "bad_crc"


def test_a_wrong_prelude_checksum_ends_the_reading(cuts):
    broken = bytearray(event(b'{"b":2}'))
    broken[9] ^= 1
    for pieces in cuts(event(b"one") + bytes(broken) + event(b"two")):
        messages, flaw = read(pieces)
        assert [piece.data for piece in messages] == [b"one"]
        assert flaw == "bad_crc"


def test_a_cut_message_is_said_to_be_cut():
    assert read([event(b"one") + event(b"two")[:-1]])[1] == "truncated_message"


def test_a_message_that_is_too_long_ends_the_reading():
    assert read([event(b"x" * 100)], max_bytes=64) == ([], "message_too_long")


def test_after_a_gap_reading_goes_on_at_the_next_message(cuts):
    first, lost, last = event(b"one"), event(b"\x00\x00\x00\x40\x00\x00lost"), event(b"last")
    for pieces in cuts(lost[20:] + last):
        reader = EventStreamReader()
        assert [piece.data for piece in reader.feed(first + lost[:5])] == [b"one"]
        reader.gap()
        found = [piece for data in pieces for piece in reader.feed(data)]
        assert [piece.data for piece in found] == [b"last"]
        assert found[0].end == len(first) + 5 + len(lost) - 20 + len(last)


def test_headers_that_are_not_text_are_passed_over():
    data = b"\x01b\x00" + b"\x01i\x04\x00\x00\x00\x07" + header(":event-type", "x") + b"\x01u\x09" + b"0" * 16
    assert read_headers(data) == {":event-type": "x"}


def test_broken_headers_give_what_was_read_before():
    assert read_headers(header("a", "1") + b"\x05b\x07") == {"a": "1"}
    assert read_headers(header("a", "1") + b"\x01b\x63xxxx") == {"a": "1"}
    assert read_headers(b"\xff") == {}


def test_text_is_not_taken_for_a_message():
    assert begins_message(event(b"{}"))
    assert not begins_message(b'data: {"a":1}\n\n')
    assert not begins_message(b"\x00\x00")
