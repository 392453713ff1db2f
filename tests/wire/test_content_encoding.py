"""Content-encodings: all of them, stacked, mislabelled, cut anywhere, hostile."""

import gzip
import time
import zlib

import brotli
import pytest
import zstandard

from sidecar.wire.content_encoding import MAX_MEMBERS, unpack

TEXT = ('data: {"delta": "Héllo 🌍"}\n\n' * 50).encode()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_unpacks_however_it_is_cut(name, body_of, cuts):
    packed = PACKERS[name](TEXT)
    for pieces in cuts(packed):
        content = unpack(body_of(pieces), [name])
        assert (content.head, content.complete, content.flaw) == (TEXT, True, "")


def test_unpacks_raw_deflate_however_it_is_cut(body_of, cuts):
    for pieces in cuts(raw_deflate(TEXT)):
        assert unpack(body_of(pieces), ["deflate"]).head == TEXT


@pytest.mark.parametrize("names", [["gzip", "br"], ["zstd", "gzip"], ["deflate", "zstd", "br", "gzip"]])
def test_unpacks_stacked_encodings(names, body_of, cuts):
    packed = TEXT
    for name in names:
        packed = PACKERS[name](packed)
    for pieces in cuts(packed, random_cuts=5):
        content = unpack(body_of(pieces), names)
        assert (content.head, content.complete) == (TEXT, True)


@pytest.mark.parametrize("name", PACKERS)
def test_a_cut_stream_gives_what_was_there(name, body_of):
    packed = PACKERS[name](TEXT)
    for at in range(len(packed) - 1):
        content = unpack(body_of([packed[:at]]), [name])
        if at == 0:
            assert content.head == b""
            continue
        assert TEXT.startswith(content.head) or at < 4  # fewer bytes than a mark has: taken as they are
        assert not content.complete or name in ("gzip", "x-gzip", "zstd")


def test_a_flushed_stream_gives_each_event_its_own_time(body_of):
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b"data: %d\n\n" % n) + packer.flush(zlib.Z_SYNC_FLUSH) for n in range(5)]
    content = unpack(body_of(pieces), ["gzip"])
    assert content.head == b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n"
    assert [content.arrival(end) for end in (1, 9, 10, 18, 19, 45, 99)] == [1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 5.0]
    assert not content.complete  # no trailer yet


def test_times_of_a_plain_body_are_those_of_its_pieces(body_of):
    content = unpack(body_of([b"ab", b"", b"cde"]), [])
    assert [content.arrival(end) for end in (1, 2, 3, 5)] == [1.0, 1.0, 3.0, 3.0]
    assert unpack(body_of([]), []).arrival(1) is None


@pytest.mark.parametrize("names", [[""], ["identity"], [" Identity ", ""], []])
def test_identity_changes_nothing(names, body_of):
    content = unpack(body_of([TEXT], tail=b"end", size=10_000), names)
    assert (content.head, content.tail, content.complete, content.flaw) == (TEXT, b"end", False, "")


def test_an_unknown_encoding_leaves_the_bytes(body_of):
    content = unpack(body_of([b"abc"]), ["compress"])
    assert (content.head, content.flaw) == (b"abc", "unknown_encoding")
    assert unpack(body_of([b"abc"]), ["gzip"] * 5).flaw == "unknown_encoding"


@pytest.mark.parametrize("name", PACKERS)
def test_what_is_not_packed_is_taken_as_it_is(name, body_of):
    content = unpack(body_of([b'{"a": 1}']), [name])
    assert content.head == b'{"a": 1}'
    assert content.tail == b""


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_what_is_packed_without_saying_so_is_unpacked(name, body_of):
    assert unpack(body_of([PACKERS[name](TEXT)]), []).head == TEXT
    assert unpack(body_of([PACKERS[name](TEXT)]), ["br"]).head == TEXT


def test_several_members_and_frames_follow_one_another(body_of, cuts):
    for pieces in cuts(gzip.compress(b"one ") + gzip.compress(b"two")):
        assert unpack(body_of(pieces), ["gzip"]).head == b"one two"
    for pieces in cuts(zstandard.compress(b"one ") + zstandard.compress(b"two")):
        assert unpack(body_of(pieces), ["zstd"]).head == b"one two"


def test_padding_after_the_end_is_nothing(body_of):
    assert unpack(body_of([gzip.compress(TEXT) + b"\x00" * 100]), ["gzip"]).head == TEXT
    assert unpack(body_of([zlib.compress(TEXT) + b"junk"]), ["deflate"]).head == TEXT


def test_broken_data_gives_what_came_before(body_of):
    packed = bytearray(gzip.compress(TEXT * 10, compresslevel=0))
    packed[-8] ^= 1  # the checksum
    content = unpack(body_of([bytes(packed)]), ["gzip"])
    assert content.flaw == "bad_encoding"
    assert not content.complete
    assert (TEXT * 10).startswith(content.head)
    assert len(content.head) > len(TEXT) * 9


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_stopped_at_the_limit(name, body_of):
    zeros = b"\0" * 100_000_000
    bomb = brotli.compress(zeros, quality=1) if name == "br" else PACKERS[name](zeros)
    start = time.perf_counter()
    for pieces in ([bomb], [bomb[at : at + 100] for at in range(0, len(bomb), 100)]):
        content = unpack(body_of(pieces), [name], 1_000_000)
        assert len(content.head) == 1_000_000
        assert content.flaw == "too_large"
        assert not content.complete
    assert time.perf_counter() - start < 3


def test_a_bomb_inside_an_encoding_is_stopped(body_of):
    inner = gzip.compress(b"\0" * 50_000_000)
    content = unpack(body_of([gzip.compress(inner)]), ["gzip", "gzip"], 1_000_000)
    assert len(content.head) == 1_000_000
    hollow = raw_deflate(b"\x00\x00\x00\xff\xff" * 10_000_000)  # 50 MB of empty blocks, which unpack to nothing
    content = unpack(body_of([hollow]), ["deflate", "deflate"], 1_000_000)
    assert content.head == b"" or content.flaw
    assert content.flaw == "too_large"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_flood_of_empty_members_is_given_up(name, body_of):
    flood = PACKERS[name](b"") * (MAX_MEMBERS * 10)
    start = time.perf_counter()
    assert unpack(body_of([flood]), [name]).flaw == "bad_encoding"
    assert time.perf_counter() - start < 3


def test_a_large_plain_body_is_cut_at_the_limit(body_of):
    content = unpack(body_of([b"x" * 100], tail=b"y", size=200), [], 50)
    assert (content.head, content.tail, content.flaw, content.complete) == (b"x" * 50, b"", "too_large", False)
