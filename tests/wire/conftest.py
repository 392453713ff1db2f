"""What the decoders' tests share: captures made of bytes, golden captures, and ways to cut bytes."""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sidecar.wire.capture import Body, Capture, Ending

GOLDEN = Path(__file__).parent / "golden"
JSON_HEADERS = (("Content-Type", "application/json"),)


def body_of(pieces: Sequence[bytes], *, tail: bytes = b"", size: int | None = None) -> Body:
    """Return a body that arrived in `pieces`, the n-th at n seconds (from 1)."""
    head = b"".join(pieces)
    ends = itertools.accumulate(len(piece) for piece in pieces)
    chunks = tuple((end, float(second)) for second, end in enumerate(ends, 1))
    return Body(head, tail, len(head) + len(tail) if size is None else size, chunks)


def capture_of(
    response: bytes | Sequence[bytes] | Body = b"",
    request: bytes | dict[str, Any] | Body = b"",
    *,
    target: str = "/v1/chat/completions",
    method: str = "POST",
    status: int | None = 200,
    request_headers: tuple[tuple[str, str], ...] = JSON_HEADERS,
    response_headers: tuple[tuple[str, str], ...] = JSON_HEADERS,
    ending: Ending = Ending.COMPLETE,
    upgraded: bool = False,
) -> Capture:
    """Return a capture; a dict as request is sent as JSON, a list as response arrived in these pieces."""
    if isinstance(request, dict):
        request = json.dumps(request).encode()
    if isinstance(request, bytes):
        request = Body(request, b"", len(request))
    if not isinstance(response, Body):
        response = body_of([response] if isinstance(response, bytes) else response)
    return Capture(
        id="1",
        route="default",
        method=method,
        target=target,
        request_headers=request_headers,
        request=request,
        status=status,
        response_headers=response_headers,
        response=response,
        ending=ending,
        upgraded=upgraded,
        ended_seconds=100.0,
    )


def sse(*events: Any, done: bool = True) -> bytes:
    """Return an event stream as OpenAI writes it."""
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def cuts(data: bytes, *, random_cuts: int = 20) -> Iterator[list[bytes]]:
    """Give `data` whole, byte by byte, at every single split (few when it is long), and in random pieces."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    step = max(len(data) // 400, 1)
    for at in range(1, len(data), step):
        yield [data[:at], data[at:]]
    chance = random.Random(20)
    for _ in range(random_cuts):
        borders = sorted(chance.sample(range(len(data) + 1), min(chance.randint(2, 12), len(data))))
        yield [data[start:end] for start, end in itertools.pairwise([0, *borders, len(data)])]


@dataclass(frozen=True)
class Golden:
    """One recorded exchange and what a right decoder says about it."""

    name: str
    request: bytes
    response: bytes
    meta: dict[str, Any]

    @property
    def format(self) -> str:
        return self.name.partition("/")[0]

    @property
    def decoded(self) -> dict[str, Any]:
        decoded: dict[str, Any] = self.meta["decoded"]
        return decoded

    def pieces(self) -> list[bytes]:
        """Return the response in the pieces that it was sent in."""
        ends = [0, *itertools.accumulate(self.meta["chunks"])]
        return [self.response[start:end] for start, end in itertools.pairwise(ends)]

    def capture(self, pieces: Sequence[bytes] | None = None, *, encoding: str | None = None) -> Capture:
        """Return it as captured, in its own pieces or in others."""
        headers = tuple((name, value) for name, value in self.meta["response_headers"])
        return capture_of(
            self.pieces() if pieces is None else pieces,
            self.request,
            method=self.meta["method"],
            target=self.meta["target"],
            status=self.meta["status"],
            request_headers=tuple((name, value) for name, value in self.meta["request_headers"]),
            response_headers=(*headers, ("Content-Encoding", encoding)) if encoding else headers,
        )


def _read(meta_path: Path) -> Golden:
    base = meta_path.name.removesuffix(".meta.json")
    meta = json.loads(meta_path.read_text())
    request = (meta_path.parent / f"{base}.request.json").read_bytes()
    response = (meta_path.parent / meta["response_file"]).read_bytes()
    return Golden(f"{meta_path.parent.name}/{base}", request, response, meta)


GOLDENS = [_read(path) for path in sorted(GOLDEN.glob("*/*.meta.json"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" in metafunc.fixturenames:
        metafunc.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])


@pytest.fixture(name="goldens", scope="session")
def _goldens() -> list[Golden]:
    return GOLDENS


@pytest.fixture(name="capture_of", scope="session")
def _capture_of() -> Callable[..., Capture]:
    return capture_of


@pytest.fixture(name="body_of", scope="session")
def _body_of() -> Callable[..., Body]:
    return body_of


@pytest.fixture(name="sse", scope="session")
def _sse() -> Callable[..., bytes]:
    return sse


@pytest.fixture(name="cuts", scope="session")
def _cuts() -> Callable[..., Iterator[list[bytes]]]:
    return cuts
