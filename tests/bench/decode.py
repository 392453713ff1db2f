"""CPU time to decode one exchange, by shape: `python tests/bench/decode.py`.

Prints the median CPU-µs of a decode, and its ratio to parsing the same bytes with orjson alone (the floor).
"""

import gzip
import itertools
import json
import statistics
import time
import zlib
from collections.abc import Callable

import orjson

from sidecar.wire.capture import Body, Capture
from sidecar.wire.decode import decode

_TEXT = "the quick brown fox jumps over the lazy dog and says Grüße to 你好 in every language"
WORDS = _TEXT.split()
REQUEST = {
    "model": "gpt-4o",
    "temperature": 0.2,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant. " * 20},
        {"role": "user", "content": "What's the weather in Zürich tomorrow, and what should I wear? " * 5},
    ],
}
USAGE = {"prompt_tokens": 300, "completion_tokens": 300, "total_tokens": 600}


def chunk(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
    """Return a chunk as OpenAI writes it today, about 300 bytes."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-bench0001",
        "object": "chat.completion.chunk",
        "created": 1763863200,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_bench00001",
        "choices": [choice],
        "obfuscation": "rUk3pL9xQz7",
    }


def capture(request: object, pieces: list[bytes], encoding: str = "identity") -> Capture:
    """Return a capture whose response arrived in `pieces`, 10 ms apart."""
    body = json.dumps(request, ensure_ascii=False).encode()
    ends = itertools.accumulate(map(len, pieces))
    chunks = tuple((end, number / 100) for number, end in enumerate(ends, 1))
    head = b"".join(pieces)
    return Capture(
        id="1",
        route="default",
        method="POST",
        target="/v1/chat/completions",
        request_headers=(("Content-Type", "application/json"),),
        request=Body(body, b"", len(body)),
        status=200,
        response_headers=(("Content-Type", "application/json"), ("Content-Encoding", encoding)),
        response=Body(head, b"", len(head), chunks),
    )


def events(count: int) -> list[bytes]:
    deltas = [chunk({"content": word + " "}) for word in itertools.islice(itertools.cycle(WORDS), count)]
    return [b"data: " + orjson.dumps(each) + b"\n\n" for each in [*deltas, chunk({}, "stop")]] + [b"data: [DONE]\n\n"]


def packed(pieces: list[bytes]) -> list[bytes]:
    """Return the pieces as one gzip stream that is flushed after each."""
    packer = zlib.compressobj(wbits=31)
    return [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces] + [packer.flush()]


def whole_answer() -> bytes:
    message = {"role": "assistant", "content": " ".join(WORDS * 20), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return orjson.dumps(chunk({}) | {"object": "chat.completion", "choices": [choice], "usage": USAGE})


def large_request(size_bytes: int) -> dict[str, object]:
    """Return a request of a long conversation: many messages of some kilobytes each."""
    text = " ".join(WORDS * 40)
    messages = [
        {"role": ("user", "assistant")[n % 2], "content": text} for n in range(size_bytes // len(text.encode()))
    ]
    return {"model": "gpt-4o", "messages": messages}


def cpu_microseconds(run: Callable[[], object], seconds: float = 1.5) -> float:
    """Return the median CPU time of `run`: *Units* microseconds."""
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < 5:
        start = time.thread_time_ns()
        run()
        samples.append((time.thread_time_ns() - start) / 1000)
    return statistics.median(samples)


def parse_only(exchange: Capture) -> None:
    """Parse the same JSON and do nothing with it."""
    orjson.loads(exchange.request.head)
    data = exchange.response.head
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    for part in data.split(b"\n\n"):
        document = part.removeprefix(b"data: ")
        if document and document != b"[DONE]":
            orjson.loads(document)


CASES = {
    "JSON answer, 2 kB": capture(REQUEST, [whole_answer()]),
    "stream of 300 chunks": capture(REQUEST, events(300)),
    "stream of 300 chunks, gzip": capture(REQUEST, packed(events(300)), "gzip"),
    "stream of 3000 chunks": capture(REQUEST, events(3000)),
    "request of 5 MB": capture(large_request(5_000_000), [whole_answer()]),
}


def main() -> None:
    """Print one line a case."""
    print(f"{'case':<30}{'CPU-µs':>10}{'× parse only':>14}")
    for name, exchange in CASES.items():
        assert decode(exchange).decode_error is None
        decoding = cpu_microseconds(lambda: decode(exchange))  # noqa: B023 - run before the next turn
        parsing = cpu_microseconds(lambda: parse_only(exchange))  # noqa: B023
        print(f"{name:<30}{decoding:>10.0f}{decoding / parsing:>14.1f}")


if __name__ == "__main__":
    main()
