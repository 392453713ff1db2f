import pytest

from sidecar.proxy.chunked import ChunkError, ChunkReader

WIRE = b'5\r\nhello\r\n1;ext="a b"\r\n!\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: \xe9\r\n\r\n'
BODY = b"hello!0123456789"


def feed(*parts: bytes) -> tuple[bytes, int, bool]:
    reader, pieces, used = ChunkReader(), [], 0
    for part in parts:
        used += reader.feed(part, pieces)
    return b"".join(pieces), used, reader.done


def test_whole() -> None:
    assert feed(WIRE) == (BODY, len(WIRE), True)


def test_the_next_message_is_left_alone() -> None:
    assert feed(WIRE + b"GET / HTTP/1.1") == (BODY, len(WIRE), True)


@pytest.mark.parametrize("cut", range(1, len(WIRE)))
def test_split_anywhere(cut: int) -> None:
    assert feed(WIRE[:cut], WIRE[cut:] + b"NEXT") == (BODY, len(WIRE), True)


def test_byte_by_byte() -> None:
    assert feed(*(WIRE[i : i + 1] for i in range(len(WIRE)))) == (BODY, len(WIRE), True)


def test_without_trailers() -> None:
    assert feed(b"0\r\n\r\n") == (b"", 5, True)
    assert feed(b"0\r", b"\n\r", b"\n") == (b"", 5, True)


BAD = {
    "no size": b"\r\nhello\r\n",
    "size with a sign": b"+5\r\nhello\r\n",
    "size with 0x": b"0x5\r\nhello\r\n",
    "size with a space before": b" 5\r\nhello\r\n",
    "size with a space after": b"5 \r\nhello\r\n",
    "size with an underscore": b"1_0\r\n",
    "size not hexadecimal": b"G\r\n",
    "size of 16 digits": b"1234567890123456\r\n",
    "size negative": b"-1\r\n",
    "bare LF after the size": b"5\nhello\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n",
    "NUL in an extension": b"5;\0\r\nhello\r\n",
    "extension without an end": b"5;" + b"a" * 2000,
    "longer than its size": b"5\r\nhello!\r\n",
    "shorter than its size": b"5\r\nhell\r\n\r\n0\r\n\r\n",
    "bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "malformed trailer": b"0\r\nX : 1\r\n\r\n",
    "folded trailer": b"0\r\nX: 1\r\n b\r\n\r\n",
    "bare LF in a trailer": b"0\r\nX: 1\nY: 2\r\n\r\n",
    "length in a trailer": b"0\r\nContent-Length: 1\r\n\r\n",
    "coding in a trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "host in a trailer": b"0\r\nHost: b\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X: 1\r\n" * 12_000,
}


@pytest.mark.parametrize("wire", BAD.values(), ids=BAD.keys())
def test_broken_framing_is_refused(wire: bytes) -> None:
    with pytest.raises(ChunkError):
        feed(wire)


@pytest.mark.parametrize("wire", BAD.values(), ids=BAD.keys())
def test_broken_framing_is_refused_byte_by_byte(wire: bytes) -> None:
    with pytest.raises(ChunkError):
        feed(*(wire[i : i + 1] for i in range(len(wire))))
