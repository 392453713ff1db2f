"""Conversations: Mistral's answer, OpenAI's are stored."""

from dataclasses import replace

import pytest

from sidecar.wire.capture import Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import assert_split_anywhere, capture, sse, without_times

TARGET = "/v1/conversations"
REQUEST = {"model": "mistral-medium", "inputs": "Hallo", "instructions": "Be terse.", "tools": [{"type": "web_search"}]}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "connector_tokens": None}
WHOLE = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [
        {"type": "tool.execution", "id": "t1", "name": "web_search", "arguments": '{"query": "x"}'},
        {"type": "function.call", "id": "e1", "tool_call_id": "f1", "name": "g", "arguments": '{"a": 1}'},
        {
            "type": "message.output",
            "id": "m1",
            "model": "mistral-medium-2505",
            "content": [
                {"type": "text", "text": "Grüß "},
                {"type": "tool_reference", "tool": "x"},
                {"type": "text", "text": "dich"},
            ],
        },
    ],
    "usage": USAGE,
}
EVENTS = [
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {"type": "tool.execution.started", "id": "t1", "name": "web_search", "arguments": '{"query": "x"}', "output_index": 0},
    {"type": "tool.execution.done", "id": "t1", "name": "web_search", "output_index": 0},
    {"type": "function.call.delta", "id": "e1", "tool_call_id": "f1", "name": "g", "arguments": '{"a":', "output_index": 1},
    {"type": "function.call.delta", "id": "e1", "tool_call_id": "f1", "name": "g", "arguments": " 1}", "output_index": 1},
    {"type": "message.output.delta", "id": "m1", "model": "mistral-medium-2505", "content": "Grüß ", "output_index": 2},
    {"type": "message.output.delta", "id": "m1", "content": {"type": "tool_reference", "tool": "x"}, "output_index": 2},
    {"type": "message.output.delta", "id": "m1", "content": {"type": "text", "text": "dich"}, "output_index": 2},
    {"type": "conversation.response.done", "usage": USAGE},
]  # fmt: skip


def test_a_whole_answer() -> None:
    exchange = decode(capture(TARGET, REQUEST, WHOLE))
    assert (exchange.format, exchange.provider, exchange.operation) == ("conversations", "mistral_ai", Operation.CHAT)
    assert exchange.messages == (Message(Role.SYSTEM, "Be terse."), Message(Role.USER, "Hallo"))
    calls = (ToolCall("t1", "web_search", '{"query": "x"}'), ToolCall("f1", "g", '{"a": 1}'))
    assert exchange.choices == (Choice(text="Grüß dich", tool_calls=calls),)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=5, output=7)
    assert (exchange.request_model, exchange.response_model) == ("mistral-medium", "mistral-medium-2505")
    assert (exchange.conversation_id, exchange.tools) == ("conv_1", ("web_search",))


@pytest.mark.parametrize("target", [TARGET, f"{TARGET}/conv_1", f"{TARGET}/conv_1/restart"])
def test_streamed_and_whole_are_equal(target: str) -> None:
    whole = decode(capture(target, REQUEST, WHOLE))
    stream = capture(target, REQUEST | {"stream": True}, sse(*EVENTS, named=True))
    assert without_times(decode(stream)) == replace(without_times(whole), stream=True)
    assert_split_anywhere(stream)


def test_a_cut_stream_and_an_error_in_a_stream() -> None:
    cut = capture(TARGET, REQUEST, sse(*EVENTS[:6]), ending=Ending.CLIENT_GONE)
    assert (decode(cut).complete, decode(cut).choices[0].text) == (False, "Grüß ")
    failed = {"type": "conversation.response.error", "code": 3000, "message": "late"}
    assert decode(capture(TARGET, REQUEST, sse(*EVENTS[:6], failed))).error == ProviderError("3000", "late", True)


def test_entries_of_a_prompt() -> None:
    inputs = [
        {"type": "message.input", "role": "user", "content": [{"type": "text", "text": "a"}]},
        {"type": "message.output", "role": "assistant", "content": "b"},
        {"type": "function.call", "tool_call_id": "f", "name": "g", "arguments": {"a": 1}},
        {"type": "function.result", "tool_call_id": "f", "result": "42"},
    ]
    assert decode(capture(TARGET, {"agent_id": "ag", "inputs": inputs}, WHOLE)).messages == (
        Message(Role.USER, "a"),
        Message(Role.ASSISTANT, "b"),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("f", "g", '{"a":1}'),)),
        Message(Role.TOOL, "42", tool_call_id="f"),
    )


def test_what_is_stored_is_no_generation() -> None:
    items = {"items": [{"type": "message", "role": "user", "content": "remember the milk"}], "metadata": {}}
    created = decode(capture(TARGET, items, {"id": "conv_1", "object": "conversation"}))
    assert (created.format, created.operation, created.choices) == ("conversations", Operation.OTHER, ())
    assert created.text_found == ("remember the milk",)
    for ending in ("", "/history", "/messages"):
        listed = decode(replace(capture(f"{TARGET}/conv_1{ending}", b"", WHOLE), method="GET"))
        assert (listed.operation, listed.choices, listed.usage) == (Operation.OTHER, (), Usage())
