"""The channel's frames: whole, byte by byte, at every split, and refused when they are not frames."""

import pytest

from sidecar.channel import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    ChannelError,
    Close,
    FrameReader,
    Hello,
    Kind,
    Open,
    Settled,
    frame,
)

OPEN = Open("default", "POST", "/v1/chat/completions", [("Host", "api")], 1_700_000_000.5)
CLOSE = Close("complete", 200, 3, 2, request_end_seconds=0.25, proxy_seconds=0.0001)
STREAM = b"".join(
    [
        frame(Kind.HELLO, 0, 0.0, Hello(1, 0, 42)),
        frame(Kind.OPEN, 7, 0.0, OPEN),
        frame(Kind.REQUEST_DATA, 7, 0.125, b"abc"),
        frame(Kind.RESPONSE_DATA, 7, 0.5, b""),
        frame(Kind.CLOSE, 7, 0.75, CLOSE),
    ]
)
FRAMES = [
    (Kind.HELLO, 0, 0.0, Hello(1, 0, 42)),
    (Kind.OPEN, 7, 0.0, OPEN),
    (Kind.REQUEST_DATA, 7, 0.125, b"abc"),
    (Kind.RESPONSE_DATA, 7, 0.5, b""),
    (Kind.CLOSE, 7, 0.75, CLOSE),
]


def test_frames_come_back_as_they_were_sent() -> None:
    assert FrameReader().feed(STREAM) == FRAMES


def test_frames_do_not_depend_on_where_the_stream_is_cut() -> None:
    for cut in range(len(STREAM) + 1):
        reader = FrameReader()
        assert reader.feed(STREAM[:cut]) + reader.feed(STREAM[cut:]) == FRAMES


def test_frames_come_byte_by_byte() -> None:
    reader = FrameReader()
    assert [one for byte in STREAM for one in reader.feed(bytes([byte]))] == FRAMES


def test_the_observer_answers_with_what_it_settled() -> None:
    settled = Settled([7, 8], {"pii\0clean\0": 2})
    assert FrameReader().feed(frame(Kind.SETTLED, 0, 0.0, settled)) == [(Kind.SETTLED, 0, 0.0, settled)]


@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(0, 99, 0, 0.0),
        HEADER.pack(MAX_PAYLOAD_BYTES + 1, Kind.REQUEST_DATA, 0, 0.0),
        HEADER.pack(3, Kind.OPEN, 1, 0.0) + b"\xc1\xc1\xc1",
    ],
    ids=["unknown kind", "too long", "malformed struct"],
)
def test_what_is_not_a_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ChannelError):
        FrameReader().feed(data)
