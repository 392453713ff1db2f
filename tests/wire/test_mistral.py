"""Mistral's own on the OpenAI formats: typed content chunks, whole calls in one delta, fill-in-the-middle."""

from dataclasses import replace
from typing import Any

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import capture, sse, without_times

ASK = {"model": "magistral-medium-latest", "messages": [{"role": "user", "content": "Hi"}]}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
HOST = "api.mistral.ai"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "m1", "object": "chat.completion.chunk", "model": "magistral", "choices": [choice], **more}


def test_thinking_in_typed_chunks_streamed_and_whole() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    reference = {"type": "reference", "reference_ids": [1]}
    content = [thought, {"type": "text", "text": "Grüezi"}, reference, {"type": "text", "text": "!"}]
    message = {"role": "assistant", "content": content}
    whole = {
        "id": "m1",
        "object": "chat.completion",
        "model": "magistral",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    events = [
        chunk({"role": "assistant", "content": [thought]}),
        chunk({"content": [{"type": "text", "text": "Grüezi"}]}),
        chunk({"content": "!"}, "stop", usage=USAGE),
        "[DONE]",
    ]
    plain = decode(capture("/v1/chat/completions", ASK, whole), upstream_host=HOST)
    stream = decode(capture("/v1/chat/completions", {**ASK, "stream": True}, sse(*events)), upstream_host=HOST)
    assert replace(without_times(stream), stream=False) == without_times(plain)
    assert (plain.provider, plain.choices[0].reasoning, plain.choices[0].text) == ("mistral_ai", "Hm.", "Grüezi!")
    assert plain.usage == Usage(UsageSource.PROVIDER, input=5, output=7)


def test_a_call_comes_whole_in_one_delta() -> None:
    calls = [{"id": f"D681PevK{n}", "function": {"name": "f", "arguments": '{"a": 1}'}, "index": n} for n in (0, 1)]
    exchange = decode(capture("/v1/chat/completions", ASK, sse(chunk({"tool_calls": calls}, "tool_calls"))))
    assert exchange.choices[0].tool_calls == tuple(ToolCall(f"D681PevK{n}", "f", '{"a": 1}') for n in (0, 1))


def test_fill_in_the_middle_answers_as_chat() -> None:
    ask = {"model": "codestral-latest", "prompt": "def f(", "suffix": "return a", "max_tokens": 9}
    answer = {
        "object": "chat.completion",
        "model": "codestral-latest",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a):"}, "finish_reason": "model_length"}],
        "usage": USAGE,
    }
    exchange = decode(capture("/v1/fim/completions", ask, answer), upstream_host=HOST)
    assert (exchange.operation, exchange.provider) == (Operation.TEXT_COMPLETION, "mistral_ai")
    assert (exchange.choices[0].text, exchange.choices[0].finish_reason) == ("a):", "model_length")
    assert exchange.messages[0] == Message(Role.USER, "def f(")


def test_sound_as_base64_by_itself() -> None:
    content = [{"type": "input_audio", "input_audio": "A" * 400}, {"type": "input_audio", "input_audio": "https://x/a"}]
    exchange = decode(capture("/v1/chat/completions", {"messages": [{"role": "user", "content": content}]}, {}))
    assert exchange.messages[0].media == (Media("audio", None, 300), Media("audio"))
