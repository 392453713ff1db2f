"""Captures for the decoders' tests: from literals, from the golden files, and as AWS event-stream messages."""

import gzip
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

from sidecar.wire.capture import Body, Capture, Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange, Role, Timings

GOLDEN = Path(__file__).parent / "golden"


def body(data: bytes, step: int = 0) -> Body:
    """Return a body that arrived in chunks of `step` bytes (0: at once), one millisecond apart."""
    ends = [*range(step, len(data), step), len(data)] if step else [len(data)]
    return Body(data, size=len(data), chunks=tuple((end, n / 1000) for n, end in enumerate(ends, 1)))


def capture(
    target: str, request: Any, response: Any, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any
) -> Capture:
    """Return a Capture; `request` and `response` are bytes, text, or values that are sent as JSON."""
    return Capture(
        id="1",
        route="r",
        method="POST",
        target=target,
        request=body(_bytes(request)),
        status=status,
        response_headers=tuple((headers or {}).items()),
        response=body(_bytes(response)),
        **more,
    )


def _bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content, ensure_ascii=False).encode()


def sse(*events: Any, named: bool = False) -> bytes:
    """Return server-sent events of JSON values; text stays as it is. `named`: with the value's type as event name."""
    lines = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        lines.append((f"event: {event['type']}\n" if named else "") + f"data: {data}\n\n")
    return "".join(lines).encode()


def lines(*values: Any) -> bytes:
    return b"".join(_bytes(value) + b"\n" for value in values)


def message(name: str, payload: Any, kind: str = "event") -> bytes:
    """Return one message of an AWS event stream."""
    data = _bytes(payload)
    named = f":{kind}-type" if kind != "error" else ":error-code"
    headers = b"".join(_header(*pair) for pair in ((named, name), (":message-type", kind)))
    prelude = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + data
    return whole + struct.pack(">I", crc32(whole))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def golden_names(*formats: str) -> list[str]:
    """Return the cases of the golden captures, as `format/case`."""
    metas = [path for name in formats for path in sorted((GOLDEN / name).glob("*.meta.json"))]
    return [f"{path.parent.name}/{path.name.removesuffix('.meta.json')}" for path in metas]


def golden(case: str) -> tuple[Capture, dict[str, Any]]:
    """Return a golden capture, in its own chunks, and what a correct decoder reports."""
    folder, name = case.split("/")
    meta = json.loads((GOLDEN / folder / f"{name}.meta.json").read_text())
    data = (GOLDEN / folder / meta["response_file"]).read_bytes()
    ends = [sum(meta["chunks"][: n + 1]) for n in range(len(meta["chunks"]))]
    found = Capture(
        id="1",
        route="r",
        method=meta["method"],
        target=meta["target"],
        request=body((GOLDEN / folder / f"{name}.request.json").read_bytes()),
        status=meta["status"],
        response_headers=tuple((k, v) for k, v in meta["response_headers"]),
        response=Body(data, size=len(data), chunks=tuple((end, float(n)) for n, end in enumerate(ends, 1))),
    )
    return found, meta["decoded"]


def facts(exchange: Exchange) -> dict[str, Any]:
    """Return an Exchange in the words of the golden files, without usage."""
    prompt = [message for message in exchange.messages if message.role is not Role.SYSTEM]
    calls = [call for choice in exchange.choices for call in choice.tool_calls]
    return {
        "request_model": exchange.request_model,
        "response_model": exchange.response_model,
        "stream": exchange.stream,
        "completion": [choice.text for choice in exchange.choices],
        "reasoning": [choice.reasoning for choice in exchange.choices if choice.reasoning],
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": json.loads(call.arguments)} for call in calls],
        "finish": [choice.finish_reason for choice in exchange.choices],
        "prompt": {
            "system": [message.text for message in exchange.messages if message.role is Role.SYSTEM],
            "messages": [[message.role.value, message.text] for message in prompt],
            "tools": list(exchange.tools),
        },
    }


def wanted(decoded: dict[str, Any]) -> dict[str, Any]:
    """Return the golden facts without usage; tool arguments parsed, because white space is not theirs."""
    facts = {name: value for name, value in decoded.items() if name not in ("api", "usage", "refusal")}
    for call in facts["tool_calls"]:
        call["arguments"] = json.loads(call["arguments"])
    return facts


def without_times(exchange: Exchange) -> Exchange:
    return replace(exchange, timings=Timings())


def assert_split_anywhere(whole: Capture) -> None:
    """Decode `whole` cut byte by byte, plain and in gzip: always the same Exchange."""
    expected = without_times(decode(whole))
    data = whole.response.head
    for step in (1, 7):
        assert without_times(decode(replace(whole, response=body(data, step)))) == expected
    packed = replace(
        whole,
        response=body(gzip.compress(data), 1),
        response_headers=(*whole.response_headers, ("Content-Encoding", "gzip")),
    )
    assert without_times(decode(packed)) == expected


def assert_cut_anywhere(whole: Capture) -> None:
    """Decode `whole` cut after each of its chunks and in the middle of each: partial, never complete, no surprise."""
    text = "".join(choice.text for choice in decode(whole).choices)
    for end in sorted({at for border, _ in whole.response.chunks[:-1] for at in (border, border - 3)}):
        cut = replace(whole, response=body(whole.response.head[:end]), ending=Ending.UPSTREAM_BROKEN)
        partial = decode(cut)
        assert not partial.complete
        assert partial.decode_error in (None, "truncated_message")
        assert text.startswith("".join(choice.text for choice in partial.choices))
