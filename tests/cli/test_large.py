"""Bodies of 200 MB through the real processes, each way: what proxy and observer hold at the most stays what it was."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZE = 200 * 1_048_576
BLOCK = bytes(range(256)) * 1024
GROWN_AT_MOST_MB = 12  # buffers of 64 KiB in either direction, the channel's and the allocator's
OBSERVER_GROWN_AT_MOST_MB = (
    100  # heads of 4 MiB and tails of 256 KiB of two bodies, while they are put together and decoded
)


class Warehouse:
    """An upstream that takes a body of any size, tells its hash, and gives as much back."""

    def __init__(self) -> None:
        self.taken = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        peer, _ = self._server.accept()
        with peer, peer.makefile("rb") as incoming:
            while (line := incoming.readline()) != b"\r\n":
                assert line
            self.taken = digest(incoming.read(65_536) for _ in range(SIZE // 65_536))
            peer.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % SIZE
            )
            for _ in range(SIZE // len(BLOCK)):
                peer.sendall(BLOCK)

    def close(self) -> None:
        self._server.close()


def digest(blocks: Iterator[bytes]) -> bytes:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.digest()


def peak_mb(pid: int) -> float:
    """Return the most memory that the process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    made = Warehouse()
    yield made
    made.close()


def test_200_mb_pass_each_way_in_little_memory(sidewatch, warehouse):
    running = sidewatch("--upstream", warehouse.url, "--watchers", "none").up()
    proxy, observer = running.process.pid, running.children()["sidecar.observer"]
    before, observer_before = peak_mb(proxy), peak_mb(observer)
    host, port = running.proxy.split(":")
    sent = digest(BLOCK for _ in range(SIZE // len(BLOCK)))
    with socket.create_connection((host, int(port)), timeout=60) as client, client.makefile("rb") as incoming:
        client.sendall(b"POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            client.sendall(BLOCK)
        while incoming.readline() != b"\r\n":
            pass
        got = digest(incoming.read(65_536) for _ in range(SIZE // 65_536))
    assert (warehouse.taken, got) == (sent, sent)
    line = running.out.event("exchange")
    assert (line["request_bytes"], line["response_bytes"]) == (SIZE, SIZE)
    assert line["request_sha256"] == sent.hex()
    assert peak_mb(proxy) - before < GROWN_AT_MOST_MB
    assert running.children()["sidecar.observer"] == observer
    assert peak_mb(observer) - observer_before < OBSERVER_GROWN_AT_MOST_MB
    print(
        f"proxy {before:.1f} -> {peak_mb(proxy):.1f} MB, observer {observer_before:.1f} -> {peak_mb(observer):.1f} MB"
    )
