"""Cohere chat v2 and v1, text generation, embeddings."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.wire.capture import Capture
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import assert_cut_anywhere, assert_split_anywhere, capture, lines, sse, without_times

USAGE = {"billed_units": {"input_tokens": 7, "output_tokens": 4}, "tokens": {"input_tokens": 71, "output_tokens": 12}}
ASK = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}]}
V1 = {
    "model": "command-r",
    "message": "So?",
    "preamble": "Be terse.",
    "chat_history": [{"role": "CHATBOT", "message": "Yes."}],
}


def tool_call(index: int, kind: str, **call: Any) -> dict[str, Any]:
    return {"type": f"tool-call-{kind}", "index": index, "delta": {"message": {"tool_calls": call}}}


def text(content: str) -> dict[str, Any]:
    return {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": content}}}}


START = {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant", "content": []}}}
SAID = [
    START,
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    text("Grü"),
    {"type": "citation-start", "index": 0, "delta": {"message": {"citations": {"start": 0, "end": 3, "text": "Grü"}}}},
    {"type": "citation-end", "index": 0},
    text("ezi!"),
    {"type": "content-end", "index": 0},
    {"type": "message-end", "id": "m1", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
]
SAID_WHOLE = {
    "id": "m1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Grüezi!"}], "citations": []},
    "usage": USAGE,
}
CALLED = [
    START,
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will "}}},
    {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "look."}}},
    tool_call(0, "start", id="f_1", type="function", function={"name": "f", "arguments": ""}),
    tool_call(0, "delta", function={"arguments": '{"a"'}),
    tool_call(0, "delta", function={"arguments": ": 1}"}),
    {"type": "tool-call-end", "index": 0},
    tool_call(1, "start", id="g_1", type="function", function={"name": "g", "arguments": ""}),
    tool_call(1, "delta", function={"arguments": "{}"}),
    {"type": "tool-call-end", "index": 1},
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": USAGE}},
]
CALLED_WHOLE = {
    "id": "m1",
    "finish_reason": "TOOL_CALL",
    "message": {
        "role": "assistant",
        "tool_plan": "I will look.",
        "tool_calls": [
            {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "g_1", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    },
    "usage": USAGE,
}


def chat(events: list[Any]) -> Capture:
    captured = capture("/v2/chat", {**ASK, "stream": True}, sse(*events, named=True) + b"data: [DONE]\n\n")
    ends = [len(sse(*events[:n], named=True)) for n in range(1, len(events) + 1)]
    return replace(captured, response=replace(captured.response, chunks=tuple((end, 1.0) for end in ends)))


@pytest.mark.parametrize(("events", "whole"), [(SAID, SAID_WHOLE), (CALLED, CALLED_WHOLE)])
def test_streamed_and_whole_are_equal(events: list[Any], whole: dict[str, Any]) -> None:
    streamed, plain = decode(chat(events)), decode(capture("/v2/chat", ASK, whole))
    assert replace(without_times(streamed), stream=False) == without_times(plain)
    assert plain.usage == Usage(UsageSource.PROVIDER, input=71, output=12)
    assert (plain.format, plain.provider, plain.response_id) == ("cohere", "cohere", "m1")
    assert plain.request_model == "command-a-03-2025"
    assert_split_anywhere(chat(events))
    assert_cut_anywhere(chat(events))


def test_text_and_calls() -> None:
    assert decode(chat(SAID)).choices[0].text == "Grüezi!"
    (choice,) = decode(chat(CALLED)).choices
    assert (choice.reasoning, choice.finish_reason) == ("I will look.", "TOOL_CALL")
    assert choice.tool_calls == (ToolCall("f_1", "f", '{"a": 1}'), ToolCall("g_1", "g", "{}"))


def test_thinking() -> None:
    block = {"type": "thinking", "thinking": "Hm."}
    whole = {**SAID_WHOLE, "message": {"content": [block, {"type": "text", "text": "Yes"}]}}
    thought = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": "Hm."}}}}
    for exchange in (decode(capture("/v2/chat", ASK, whole)), decode(chat([START, thought, text("Yes"), SAID[-1]]))):
        assert (exchange.choices[0].reasoning, exchange.choices[0].text) == ("Hm.", "Yes")


def test_messages_of_a_prompt() -> None:
    call = {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    found = {"type": "document", "document": {"data": '{"t": 21}'}}
    ask = {
        "model": "command-a",
        "messages": [
            {"role": "system", "content": "Be terse."},
            {"role": "user", "content": [{"type": "text", "text": "See"}, image]},
            {"role": "assistant", "tool_plan": "Plan.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "f_1", "content": [found]},
        ],
        "documents": [{"id": "d1", "data": {"title": "T", "snippet": "S"}}, "Plain."],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "temperature": 0.3,
    }
    exchange = decode(capture("/v2/chat", ask, SAID_WHOLE))
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "See", media=(Media("image", "image/png", 3),)),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("f_1", "f", '{"a":1}'),), reasoning="Plan."),
        Message(Role.TOOL, '{"t": 21}', tool_call_id="f_1"),
        Message(Role.TOOL, '{"title":"T","snippet":"S"}', tool_call_id="d1"),
        Message(Role.TOOL, "Plain."),
    )
    assert (exchange.tools, exchange.parameters) == (("f",), (("temperature", "0.3"),))


def test_error_at_the_end_of_a_stream() -> None:
    end = {"type": "message-end", "delta": {"error": "internal", "finish_reason": "ERROR"}}
    exchange = decode(chat([START, text("He"), end]))
    assert exchange.error == ProviderError("error", "internal", in_stream=True)
    assert exchange.choices[0].finish_reason == "ERROR"


def test_error_answer() -> None:
    exchange = decode(capture("/v2/chat", ASK, {"id": "1", "message": "invalid api token"}, status=401))
    assert exchange.error == ProviderError("401", "invalid api token")


def test_v1_chat_streamed_and_whole() -> None:
    whole = {
        "response_id": "r1",
        "text": "Grüezi!",
        "finish_reason": "COMPLETE",
        "tool_calls": [{"name": "f", "parameters": {"a": 1}}],
        "meta": USAGE,
    }
    events = [
        {"is_finished": False, "event_type": "stream-start", "generation_id": "g"},
        {"is_finished": False, "event_type": "text-generation", "text": "Grü"},
        {"is_finished": False, "event_type": "text-generation", "text": "ezi!"},
        {"is_finished": False, "event_type": "tool-calls-generation", "tool_calls": whole["tool_calls"]},
        {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole},
    ]
    plain = decode(capture("/v1/chat", V1, whole))
    streamed = decode(capture("/v1/chat", {**V1, "stream": True}, lines(*events)))
    assert replace(without_times(streamed), stream=False) == without_times(plain)
    assert (plain.format, plain.operation) == ("cohere-v1", Operation.CHAT)
    assert plain.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.ASSISTANT, "Yes."),
        Message(Role.USER, "So?"),
    )
    assert plain.choices[0].tool_calls == (ToolCall(None, "f", '{"a":1}'),)
    assert plain.usage == Usage(UsageSource.PROVIDER, input=71, output=12)


def test_v1_generate() -> None:
    generations = [{"id": "1", "text": "A", "finish_reason": "COMPLETE"}, {"id": "2", "text": "B"}]
    ask = {"prompt": "Hi", "num_generations": 2}
    exchange = decode(capture("/v1/generate", ask, {"id": "g", "generations": generations, "meta": USAGE}))
    assert [choice.text for choice in exchange.choices] == ["A", "B"]
    assert exchange.messages == (Message(Role.USER, "Hi"),)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_embeddings(version: str) -> None:
    ask = {"model": "embed-v4.0", "texts": ["a", "b"], "input_type": "search_query"}
    answer = {"id": "e", "embeddings": {"float": [[0.1]]}, "meta": {"billed_units": {"input_tokens": 2}}}
    exchange = decode(capture(f"/{version}/embed", ask, answer))
    assert (exchange.operation, exchange.choices) == (Operation.EMBEDDINGS, ())
    assert exchange.messages == (Message(Role.USER, "a"), Message(Role.USER, "b"))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=2)
