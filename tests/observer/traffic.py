"""What observer tests share: a worker that speaks the channel over a real socket, captures and small real watchers."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sidecar.channel import Close, FrameReader, Hello, Histogram, Kind, Open, ResponseHead, Settled, Totals, frame
from sidecar.wire.capture import Body, Capture
from watchers.watcher import Direction, Judgement, Origin, Record, Role, Span, Verdict

EMPTY = Histogram([0] * 15, 0.0)


@dataclass(slots=True)
class Worker:
    """A proxy worker's end of the channel."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: FrameReader = field(default_factory=FrameReader)
    settled: list[Settled] = field(default_factory=list)

    def send(self, kind: Kind, number: int, seconds: float, payload: object) -> None:
        self.writer.write(frame(kind, number, seconds, payload))  # type: ignore[arg-type]

    @staticmethod
    def greeting(worker: int = 0, pid: int = 100, version: int = 1) -> Hello:
        return Hello(version, worker, pid)

    def hello(self, worker: int = 0, pid: int = 100) -> None:
        self.send(Kind.HELLO, 0, 0.0, self.greeting(worker, pid))

    def exchange(self, number: int, request: bytes, response: bytes, **close: object) -> None:
        """Send one whole exchange of OpenAI's chat API."""
        self.send(Kind.OPEN, number, 0.0, opened())
        self.send(Kind.REQUEST_DATA, number, 0.01, request)
        self.send(Kind.RESPONSE_HEAD, number, 0.2, ResponseHead(200, [("Content-Type", "application/json")]))
        self.send(Kind.RESPONSE_DATA, number, 0.25, response)
        self.send(Kind.CLOSE, number, 0.3, Close("complete", 200, len(request), len(response), **close))  # type: ignore[arg-type]

    async def settlements(self, exchanges: int) -> dict[str, int]:
        """Wait until so many exchanges are settled; return the sum of their ledgers."""
        while sum(len(settled.exchanges) for settled in self.settled) < exchanges:
            data = await asyncio.wait_for(self.reader.read(65_536), 20)
            assert data, "the observer closed the channel"
            self.settled += [payload for kind, _, _, payload in self.frames.feed(data) if kind is Kind.SETTLED]
        ledger: dict[str, int] = {}
        for settled in self.settled:
            for key, count in settled.ledger.items():
                ledger[key] = ledger.get(key, 0) + count
        return ledger

    async def closed(self) -> None:
        """Wait until the observer has closed the connection."""
        while await asyncio.wait_for(self.reader.read(65_536), 20):
            pass


def opened(**changes: object) -> Open:
    values = {
        "route": "default",
        "method": "POST",
        "target": "/v1/chat/completions?trace=1",
        "headers": [("Content-Type", "application/json"), ("X-Tenant", "acme")],
        "started_unix_seconds": 1_700_000_000.5,
    }
    return Open(**(values | changes))  # type: ignore[arg-type]


def totals(**changes: object) -> Totals:
    values = {
        "worker": 0,
        "pid": 100,
        "seen": 0,
        "in_flight": 0,
        "traffic": [],
        "dropped": {},
        "ledger": {},
        "added_seconds": Histogram([0] * 14, 0.0),
        "upstream_connects": {},
        "client_connections": 0,
        "observer_losses": 0,
        "channel_bytes": 0,
    }
    return Totals(**(values | changes))  # type: ignore[arg-type]


def chat(*messages: tuple[str, str], **more: object) -> bytes:
    """Return a chat request: (role, text) pairs."""
    turns = [{"role": role, "content": text} for role, text in messages]
    return orjson.dumps({"model": "gpt-4o", "messages": turns} | more)


def answer(text: str, **more: object) -> bytes:
    """Return a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06", "choices": [choice]}
    return orjson.dumps({**body, "usage": usage, **more})


def capture(request: bytes, response: bytes, **changes: object) -> Capture:
    """Return a whole chat exchange's capture."""
    values = {
        "id": "c-1",
        "route": "default",
        "method": "POST",
        "target": "/v1/chat/completions?trace=1",
        "request_headers": (("Content-Type", "application/json"), ("X-Tenant", "acme")),
        "request": Body(request, size=len(request), chunks=((len(request), 0.01),)),
        "status": 200,
        "response_headers": (("Content-Type", "application/json"),),
        "response": Body(response, size=len(response), chunks=((len(response), 0.25),)),
        "started_unix_seconds": 1_700_000_000.5,
        "ended_seconds": 0.3,
        "request_sha256": hashlib.sha256(request).hexdigest(),
    }
    return Capture(**(values | changes))  # type: ignore[arg-type]


def record(text: str, position: int = 0, **changes: object) -> Record:
    values = {
        "exchange": "c-1",
        "position": position,
        "text": text,
        "role": Role.USER,
        "origin": Origin.USER,
        "direction": Direction.PROMPT,
    }
    return Record(**(values | changes))  # type: ignore[arg-type]


class Words:
    """A real, tiny watcher: flags one word, with its places as spans."""

    model = "words-1"

    def __init__(self, name: str, word: str, label: str = "word") -> None:
        self.name, self.word, self.label = name, word, label
        self.labels: Mapping[str, float] = {label: 0.5}
        self.batches: list[int] = []

    def watch(self, records: Sequence[Record]) -> list[Judgement]:
        self.batches.append(len(records))
        return [Judgement((self._verdict(each.text),)) for each in records]

    def _verdict(self, text: str) -> Verdict:
        starts = [i for i in range(len(text)) if text.startswith(self.word, i)]
        spans = tuple(Span(start, start + len(self.word), self.label, 1.0) for start in starts)
        return Verdict(self.name, self.label, float(bool(spans)), 0.5, bool(spans), self.model, spans)
