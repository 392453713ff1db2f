"""Lines to a pipe whose reader may be slow, stuck or gone."""

import os
import threading
from collections.abc import Iterator

import pytest

from sidecar.observer.line_writer import LineWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_come_whole_and_in_order(pipe: tuple[int, int]) -> None:
    errors: list[str] = []
    writer = LineWriter(pipe[1], errors.append)
    lines = [f"{number}:{'x' * 20_000}\n".encode() for number in range(50)]
    read = bytearray()

    def drain() -> None:
        while len(read) < sum(map(len, lines)):
            read.extend(os.read(pipe[0], 65_536))

    reading = threading.Thread(target=drain)
    reading.start()
    for line in lines:
        writer.write(line)
    assert writer.close(20)
    reading.join(20)
    assert bytes(read) == b"".join(lines)
    assert errors == []


def test_a_reader_that_stops_costs_lines_and_never_blocks(pipe: tuple[int, int]) -> None:
    errors: list[str] = []
    writer = LineWriter(pipe[1], errors.append, queue_bytes=100_000)
    for _ in range(1_000):
        writer.write(b"x" * 9_999 + b"\n")
    assert set(errors) == {"full"}
    assert 970 < len(errors) < 1_000
    assert not writer.close(0.05)


def test_a_reader_that_is_gone_is_counted(pipe: tuple[int, int]) -> None:
    errors: list[str] = []
    os.close(pipe[0])
    writer = LineWriter(pipe[1], errors.append)
    writer.write(b"one\n")
    writer.write(b"two\n")
    assert writer.close(20)
    assert errors == ["BrokenPipeError", "BrokenPipeError"]


def test_a_descriptor_that_someone_made_non_blocking_still_gets_whole_lines(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    errors: list[str] = []
    writer = LineWriter(pipe[1], errors.append)
    line = b"y" * 300_000 + b"\n"
    writer.write(line)
    read = b""
    while len(read) < len(line):
        read += os.read(pipe[0], 65_536)
    assert read == line
    assert writer.close(20)
    assert errors == []
