"""Realtime sessions: both directions of a WebSocket, in the order of arrival."""

import json
import zlib

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from sidecar.wire.capture import Body, Capture
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource

SESSION = {"instructions": "Be brief.", "voice": "alloy", "tools": [{"type": "function", "name": "f"}]}
CLIENT = [
    (1.0, {"type": "session.update", "session": SESSION}),
    (1.5, {"type": "session.update", "session": SESSION}),
    (2.0, {"type": "conversation.item.create", "item": {
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}}),
    (2.1, {"type": "response.create"}),
    (5.0, {"type": "input_audio_buffer.append", "audio": "AAAA"}),
    (5.1, {"type": "input_audio_buffer.append", "audio": "AAAA"}),
    (9.0, {"type": "conversation.item.create", "item": {
        "type": "function_call_output", "call_id": "c", "output": "42"}}),
    (9.1, {"type": "response.create", "response": {"instructions": "Now rhyme."}}),
]  # fmt: skip
SERVER = [
    (0.5, {"type": "session.created", "session": {"model": "gpt-realtime-1"}}),
    (2.5, {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}}),
    (3.0, {"type": "response.output_audio_transcript.delta", "response_id": "r1", "output_index": 0, "delta": "Hi "}),
    (3.0, {"type": "response.output_audio.delta", "output_index": 0, "delta": "AAAAAAAA"}),
    (3.5, {"type": "response.output_audio_transcript.delta", "response_id": "r1", "output_index": 0, "delta": "you"}),
    (4.0, {"type": "response.done", "response": {
        "id": "r1", "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_audio", "transcript": "Hi you"}]}],
        "usage": {"input_tokens": 5, "output_tokens": 6, "input_token_details": {"cached_tokens": 2}}}}),
    (6.0, {"type": "input_audio_buffer.committed", "item_id": "i"}),
    (6.5, {"type": "conversation.item.input_audio_transcription.completed", "transcript": "What time?"}),
    (7.0, {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}),
    (8.0, {"type": "response.done", "response": {
        "id": "r2", "status": "incomplete", "status_details": {"reason": "max_output_tokens"},
        "output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
        "usage": {"input_tokens": 10, "output_tokens": 1}}}),
    (10.0, {"type": "response.text.delta", "output_index": 0, "delta": "It is ti"}),
]  # fmt: skip


def direction(timed, *, mask, extensions=()):
    frames = [
        (at, Frame(Opcode.TEXT, json.dumps(data).encode()).serialize(mask=mask, extensions=list(extensions)))
        for at, data in timed
    ]
    head, chunks = b"", []
    for at, data in frames:
        head += data
        chunks.append((len(head), at))
    return Body(head, b"", len(head), tuple(chunks))


@pytest.fixture
def session(capture_of):
    def decoded(client=CLIENT, server=SERVER, extensions=(), headers=()):
        return decode(
            capture_of(
                direction(server, mask=False, extensions=extensions),
                direction(client, mask=True, extensions=extensions),
                target="/v1/realtime?model=gpt-realtime",
                method="GET",
                status=101,
                upgraded=True,
                response_headers=headers,
            )
        )

    return decoded


def test_a_session_of_three_answers(session):
    exchange = session()
    assert exchange.format == "openai-realtime"
    assert exchange.operation is Operation.REALTIME
    assert exchange.request_model == "gpt-realtime"
    assert exchange.response_model == "gpt-realtime-1"
    assert exchange.decode_error is None
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "Hello"),
        Message(Role.USER, media=(Media("audio", None, 6),)),
        Message(Role.USER, "What time?"),
        Message(Role.TOOL, "42", tool_call_id="c"),
        Message(Role.SYSTEM, "Now rhyme."),
    )
    assert exchange.choices == (
        Choice(0, text="Hi you", finish_reason="completed", media=(Media("audio", None, 6),)),
        Choice(1, tool_calls=(ToolCall("c", "f", "{}"),), finish_reason="max_output_tokens"),
        Choice(2, text="It is ti"),
    )
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=15, output=7, cached_input=2)
    assert exchange.tools == ("f",)
    assert exchange.timings.output_chunk_seconds == (3.0, 3.5, 7.0, 10.0)


@pytest.mark.parametrize("takeover", [True, False])
def test_a_compressed_session_is_the_same(session, takeover):
    terms = "permessage-deflate" + ("" if takeover else "; server_no_context_takeover; client_no_context_takeover")

    def packed(timed, *, mask):
        deflate = PerMessageDeflate(not takeover, not takeover, 15, 15)
        return direction(timed, mask=mask, extensions=[deflate])

    capture = Capture(
        id="1",
        route="default",
        method="GET",
        target="/v1/realtime?model=gpt-realtime",
        request=packed(CLIENT, mask=True),
        status=101,
        response_headers=(("Sec-WebSocket-Extensions", terms),),
        response=packed(SERVER, mask=False),
        upgraded=True,
        ended_seconds=100.0,
    )
    assert decode(capture) == session()


def test_a_translation(session):
    client = [(1.0, {"type": "session.input_audio_buffer.append", "audio": "AAAA"})]
    words = [("input", "Gu"), ("input", "ten Tag"), ("output", "Good "), ("output", "day")]
    server = [
        (2.0 + n, {"type": f"session.{side}_transcript.delta", "delta": text}) for n, (side, text) in enumerate(words)
    ]
    exchange = session(client=client, server=server)
    assert exchange.messages == (Message(Role.USER, media=(Media("audio", None, 3),)), Message(Role.USER, "Guten Tag"))
    assert exchange.choices == (Choice(text="Good day"),)
    assert exchange.timings.output_chunk_seconds == (4.0, 5.0)


def test_an_error_of_the_server(session):
    error = {"type": "error", "error": {"type": "invalid_request_error", "code": "c", "message": "m"}}
    assert session(server=[(1.0, error)]).error == ProviderError("invalid_request_error", "m", in_stream=True)


@pytest.mark.parametrize(
    "message",
    [None, 1, "text", [], {}, {"type": 1}, {"type": "session.update"},
     {"type": "session.update", "session": {"tools": 1}},
     {"type": "conversation.item.create", "item": 1}, {"type": "input_audio_buffer.append", "audio": 1},
     {"type": "response.done"}, {"type": "response.done", "response": []}, {"type": "response.create", "response": 1}],
)  # fmt: skip
def test_odd_messages_are_no_failure(message, session):
    assert session(client=[(1.0, message)], server=[(1.0, message)]).decode_error is None


def test_broken_frames_are_said_to_be_broken(capture_of):
    deflated = b"\xc1\x04" + zlib.compress(b"x")[:4]
    exchange = decode(
        capture_of(
            deflated,
            b"\x83\x00",
            target="/v1/realtime",
            status=101,
            upgraded=True,
            response_headers=(("Sec-WebSocket-Extensions", "permessage-deflate"),),
        )
    )
    assert exchange.decode_error == "bad_frame"
