"""What a gateway, a load balancer or a quick upstream may do to any format: errors with status 200, pings, odd starts."""

from typing import Any

import pytest

from sidecar.wire.capture import Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import capture, lines, sse

FAILED = {"error": {"type": "overloaded_error", "message": "busy"}}
ASKS: dict[str, tuple[str, Any]] = {
    "openai-chat": ("/v1/chat/completions", {"model": "m", "messages": []}),
    "openai-completions": ("/v1/completions", {"model": "m", "prompt": "x"}),
    "openai-responses": ("/v1/responses", {"model": "m", "input": "x"}),
    "openai-embeddings": ("/v1/embeddings", {"model": "m", "input": "x"}),
    "anthropic": ("/v1/messages", {"model": "m", "messages": []}),
    "anthropic-complete": ("/v1/complete", {"model": "m", "prompt": "x"}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": []}),
    "bedrock-converse": ("/model/m/converse", {"messages": []}),
    "cohere": ("/v2/chat", {"model": "m", "messages": []}),
    "cohere-v1": ("/v1/chat", {"model": "m", "message": "x"}),
    "ollama": ("/api/chat", {"model": "m", "messages": []}),
    "tgi": ("/generate_stream", {"inputs": "x"}),
    "sglang": ("/generate", {"text": "x", "sampling_params": {}}),
}


def delta(text: str, reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


@pytest.mark.parametrize("name", ASKS)
def test_an_error_with_status_200(name: str) -> None:
    target, ask = ASKS[name]
    exchange = decode(capture(target, ask, FAILED))
    assert exchange.format == name
    assert exchange.error is not None
    assert (exchange.error.type, exchange.error.message) == ("overloaded_error", "busy")
    assert exchange.choices == ()  # so that no tokens are estimated for it


@pytest.mark.parametrize("name", [name for name in ASKS if name not in ("openai-embeddings", "ollama")])
def test_an_error_in_any_stream(name: str) -> None:
    target, ask = ASKS[name]
    exchange = decode(capture(target, ask, sse({"type": "none"}, FAILED)))
    assert exchange.error == ProviderError("overloaded_error", "busy", in_stream=True)


@pytest.mark.parametrize("name", [name for name in ASKS if name not in ("openai-embeddings", "ollama")])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        ('{"message": "busy", "code": 503}', ProviderError("503", "busy", in_stream=True)),
        ('{"detail": "busy"}', ProviderError("error", "busy", in_stream=True)),
        ("upstream connect error", ProviderError("error", "upstream connect error", in_stream=True)),
    ],
)
def test_an_event_called_error_is_one_whatever_its_data(name: str, data: str, error: ProviderError) -> None:
    target, ask = ASKS[name]
    exchange = decode(capture(target, ask, sse({"type": "none"}) + f"event: error\ndata: {data}\n\n".encode()))
    assert (exchange.error is not None, exchange.decode_error) == (True, None)
    if name in ("openai-chat", "anthropic"):
        assert exchange.error == error


def test_a_word_names_an_error_before_a_number() -> None:
    azure = {"error": {"message": "filtered", "type": None, "param": "prompt", "code": "content_filter", "status": 400}}
    google = {"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}
    number = {"error": {"message": "no", "code": 402}}
    found = [decode(capture("/v1/chat/completions", {}, body, status=400)).error for body in (azure, google, number)]
    assert [error.type for error in found if error] == ["content_filter", "INVALID_ARGUMENT", "402"]


@pytest.mark.parametrize(
    "ping", ["event: ping\ndata: ping\n\n", "event: keepalive\ndata: \n\n", ": ping\n\n", "data:  \n\n"]
)
def test_pings_are_no_bad_events(ping: str) -> None:
    exchange = decode(capture("/v1/chat/completions", {"stream": True}, ping.encode() + sse(delta("x", "stop"))))
    assert exchange.decode_error is None
    assert exchange.choices == (Choice(text="x", finish_reason="stop"),)


def test_done_among_blanks_is_the_end() -> None:
    exchange = decode(capture("/v1/chat/completions", {}, sse(delta("x")) + b"data:  [DONE] \n\n"))
    assert (exchange.decode_error, exchange.complete) == (None, True)


def test_a_chat_stream_that_just_stops_is_not_complete() -> None:
    """The transport may end cleanly (close-delimited, a gateway's own end) where the answer did not."""
    assert not decode(capture("/v1/chat/completions", {}, sse(delta("x")))).complete
    assert decode(capture("/v1/chat/completions", {}, sse(delta("x", "stop")))).complete  # [DONE] may be missing


def test_a_response_that_just_stops_is_not_complete() -> None:
    created = {"type": "response.created", "response": {"id": "r", "model": "m-1", "status": "in_progress"}}
    text = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel"}
    exchange = decode(capture("/v1/responses", {"stream": True}, sse(created, text, named=True)))
    assert (exchange.complete, exchange.choices) == (False, (Choice(text="Hel"),))
    assert not decode(capture("/v1/responses", {"stream": True}, sse(created, named=True))).complete


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\n" * 3000, b"\xef\xbb\xbf\r\n"])
def test_marks_and_blanks_before_an_answer(start: bytes) -> None:
    part = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
    array = decode(capture("/v1beta/models/m:streamGenerateContent", {}, start + b"[" + lines(part) + b"]"))
    assert array.choices == (Choice(text="hi", finish_reason="STOP"),)
    assert array.stream
    spoken = {"message": {"content": "a"}, "done": False}, {"message": {"content": "b"}, "done": True}
    streamed = decode(capture("/api/chat", {"model": "m"}, start + lines(*spoken)))
    assert (streamed.choices, streamed.decode_error) == ((Choice(text="ab"),), None)
    whole = decode(capture("/v1/chat/completions", {}, start + b'{"choices":[{"message":{"content":"x"}}]}'))
    assert (whole.choices, whole.stream) == ((Choice(text="x"),), False)


def test_quoted_counts() -> None:
    usage = {"prompt_tokens": "12", "completion_tokens": "3", "total_tokens": "9" * 40}
    exchange = decode(capture("/v1/chat/completions", {}, {"choices": [], "usage": usage}))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=12, output=3)


def test_a_redirect_is_no_answer() -> None:
    exchange = decode(capture("/v1/chat/completions", {"model": "m"}, "<html>moved</html>", status=307))
    assert (exchange.decode_error, exchange.error, exchange.choices) == (None, None, ())


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
def test_a_preflight_asks_no_model(method: str, capture_of: Any) -> None:
    exchange = decode(capture_of(method=method, status=204))
    assert exchange.operation is Operation.OTHER


def test_an_error_that_cut_the_stream_keeps_what_came() -> None:
    data = sse(delta("He"), FAILED)
    exchange = decode(capture("/v1/chat/completions", {}, data, ending=Ending.UPSTREAM_BROKEN))
    assert (exchange.choices, exchange.complete) == ((Choice(text="He"),), False)
    assert exchange.error == ProviderError("overloaded_error", "busy", in_stream=True)


def test_agents_of_mistral_chat() -> None:
    ask = {"agent_id": "a", "messages": [{"role": "user", "content": "hi"}]}
    exchange = decode(capture("/v1/agents/completions", ask, {"choices": [{"message": {"content": "yo"}}]}))
    assert (exchange.format, exchange.operation) == ("openai-chat", Operation.CHAT)
    assert exchange.messages == (Message(Role.USER, "hi"),)


def test_calls_stand_in_the_order_of_their_index() -> None:
    def piece(index: int, **call: Any) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, **call}]}}]}

    events = (
        piece(2, id="b", function={"name": "g", "arguments": ""}),
        piece(0, id="a", function={"name": "f", "arguments": "{"}),
        piece(2, function={"arguments": "{}"}),
        piece(0, function={"arguments": "}"}),
    )
    exchange = decode(capture("/v1/chat/completions", {}, sse(*events)))
    assert exchange.choices[0].tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


def test_a_vertex_path_names_the_model() -> None:
    target = "/v1/projects/p/locations/l/publishers/mistralai/models/mistral-large@2411:streamRawPredict"
    exchange = decode(capture(target, {"messages": []}, {"choices": []}))
    assert (exchange.request_model, exchange.provider) == ("mistral-large@2411", "gcp.vertex_ai")
