"""Gemini Live: JSON in binary WebSocket messages."""

import json
import struct
from typing import Any

from sidecar.wire.capture import Body, Capture, Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Exchange, Message, Operation, Role, ToolCall, Usage, UsageSource

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=REDACTED"
MASK = b"\x11\x22\x33\x44"


def frame(value: Any, *, masked: bool) -> bytes:
    data = json.dumps(value, ensure_ascii=False).encode()
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    if not masked:
        return b"\x82" + length + data
    hidden = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))
    return b"\x82" + bytes([length[0] | 0x80]) + length[1:] + MASK + hidden


def session(*turns: tuple[str, Any], ending: Ending = Ending.COMPLETE) -> Exchange:
    """Decode a session of ("client" | "server", message) pairs, one second apart."""
    bodies: dict[str, tuple[bytearray, list[tuple[int, float]]]] = {
        "client": (bytearray(), []),
        "server": (bytearray(), []),
    }
    for second, (side, value) in enumerate(turns, 1):
        data, chunks = bodies[side]
        data += frame(value, masked=side == "client")
        chunks.append((len(data), float(second)))
    client, server = (Body(bytes(data), size=len(data), chunks=tuple(chunks)) for data, chunks in bodies.values())
    return decode(
        Capture("1", "r", "GET", PATH, request=client, status=101, response=server, upgraded=True, ending=ending)
    )


SETUP = {
    "setup": {
        "model": "models/gemini-live-2.5-flash",
        "generationConfig": {"responseModalities": ["TEXT"]},
        "systemInstruction": {"parts": [{"text": "Be terse."}]},
        "tools": [{"functionDeclarations": [{"name": "get_weather"}]}],
    }
}
ASK = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Wie warm?"}]}], "turnComplete": True}}


def said(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": list(parts)}, **more}}


def test_a_session_with_a_tool() -> None:
    call = {"toolCall": {"functionCalls": [{"id": "c1", "name": "get_weather", "args": {"city": "Zürich"}}]}}
    reply = {"toolResponse": {"functionResponses": [{"id": "c1", "name": "get_weather", "response": {"t": 21}}]}}
    exchange = session(
        ("client", SETUP),
        ("server", {"setupComplete": {}}),
        ("client", ASK),
        ("server", call),
        ("server", {"usageMetadata": {"promptTokenCount": 10, "responseTokenCount": 5}}),
        ("server", {"serverContent": {"turnComplete": True}}),
        ("client", reply),
        ("server", said({"text": "21 "})),
        ("server", said({"text": "Grad."})),
        (
            "server",
            {
                "serverContent": {"turnComplete": True},
                "usageMetadata": {"promptTokenCount": 20, "responseTokenCount": 3},
            },
        ),
    )
    assert (exchange.format, exchange.operation, exchange.provider) == ("gemini-live", Operation.REALTIME, "gcp.gemini")
    assert exchange.request_model == "gemini-live-2.5-flash"
    assert exchange.tools == ("get_weather",)
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "Wie warm?"),
        Message(Role.TOOL, '{"t":21}', tool_call_id="c1"),
    )
    assert [choice.text for choice in exchange.choices] == ["", "21 Grad."]
    assert exchange.choices[0].tool_calls == (ToolCall("c1", "get_weather", '{"city":"Zürich"}'),)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=30, output=8)
    assert exchange.timings.first_token_seconds == 4.0


def test_spoken_turns_are_read_from_their_transcripts() -> None:
    sound = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}
    exchange = session(
        ("client", SETUP),
        ("client", {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "AAAA"}}}),
        ("server", {"serverContent": {"inputTranscription": {"text": "Guten "}}}),
        ("server", {"serverContent": {"inputTranscription": {"text": "Tag"}}}),
        ("server", said(sound, outputTranscription={"text": "Grüezi"})),
        ("server", {"serverContent": {"interrupted": True}}),
        ("client", {"realtimeInput": {"text": "Stop"}}),
    )
    assert exchange.messages[1:] == (Message(Role.USER, "Guten Tag"), Message(Role.USER, "Stop"))
    assert (exchange.choices[0].text, exchange.choices[0].finish_reason) == ("Grüezi", "interrupted")
    assert exchange.choices[0].media[0].kind == "audio"


def test_nonsense_is_passed_over() -> None:
    exchange = session(
        ("client", [1]),
        ("client", {"setup": 5, "clientContent": {"turns": 7}}),
        ("server", {"serverContent": []}),
        ("server", 3),
    )
    assert exchange.decode_error is None
    assert (exchange.messages, exchange.choices) == ((), ())
