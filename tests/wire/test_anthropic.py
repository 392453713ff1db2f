"""Anthropic Messages and legacy completions."""

import json
from dataclasses import replace

import pytest

from sidecar.wire.decode import decode
from sidecar.wire.exchange import Choice, Media, Message, Operation, ProviderError, Role, ToolCall, Usage, UsageSource
from tests.wire.captures import (
    assert_cut_anywhere,
    assert_split_anywhere,
    capture,
    facts,
    golden,
    golden_names,
    lines,
    sse,
    wanted,
    without_times,
)

CASES = golden_names("anthropic")
WHOLE = [case for case in CASES if "error" not in case]
ASK = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude-x-1",
        "content": [],
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1},
    },
}
STOP = {"type": "message_stop"}


def delta(index: int, **fields: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


@pytest.mark.parametrize("case", WHOLE)
def test_golden_facts(case: str) -> None:
    captured, decoded = golden(case)
    exchange = decode(captured)
    usage = decoded["usage"]
    assert facts(exchange) == wanted(decoded)
    assert exchange.usage == Usage(
        UsageSource.PROVIDER,
        input=usage["input"] + usage["cached"] + usage["cache_write"],
        output=usage["output"],
        cached_input=usage["cached"],
        cache_write_input=usage["cache_write"],
    )
    assert (exchange.format, exchange.provider, exchange.operation) == ("anthropic", "anthropic", Operation.CHAT)
    assert (exchange.response_id, exchange.request_id) == ("msg_01rig", "req_011rig")
    assert exchange.complete
    assert exchange.decode_error is None


@pytest.mark.parametrize("case", CASES)
def test_splits_do_not_matter(case: str) -> None:
    assert_split_anywhere(golden(case)[0])


@pytest.mark.parametrize("case", [case for case in WHOLE if "stream" in case])
def test_cut_streams_are_partial(case: str) -> None:
    assert_cut_anywhere(golden(case)[0])


def test_streamed_and_whole_are_equal() -> None:
    streamed, whole = (without_times(decode(golden(f"anthropic/{name}")[0])) for name in ("tools-stream", "tools"))
    assert replace(streamed, stream=False) == whole


def test_error_in_the_middle_of_a_stream() -> None:
    exchange = decode(golden("anthropic/error-mid-stream")[0])
    assert exchange.error == ProviderError("overloaded_error", "Overloaded", in_stream=True)
    assert exchange.choices[0].text == "Héllo"
    assert not exchange.complete
    assert exchange.usage.output is None  # the start's count is a placeholder
    assert exchange.usage.input == 60


def test_error_answer() -> None:
    answer = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
    exchange = decode(capture("/v1/messages", ASK, answer, status=529))
    assert exchange.error == ProviderError("overloaded_error", "Overloaded")
    assert exchange.choices == ()


def test_output_chunks_have_their_times() -> None:
    exchange = decode(golden("anthropic/stream")[0])
    assert exchange.timings.first_token_seconds == 4.0  # start, block start and ping come before
    assert len(exchange.timings.output_chunk_seconds) == 14


def test_blocks_of_a_prompt() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAAAAA="}}
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Paper."}}
    found = {
        "type": "search_result",
        "source": "https://x",
        "title": "X",
        "content": [{"type": "text", "text": "Found."}],
    }
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "21 °C"}, image]}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    call = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Zürich"}}
    hidden = {"type": "redacted_thinking", "data": "EncryptedThought"}
    ask = {
        **ASK,
        "system": [{"type": "text", "text": "Be "}, {"type": "text", "text": "terse."}],
        "metadata": {"user_id": "u-1"},
        "temperature": 0.5,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look: "}, image, paper, found]},
            {"role": "assistant", "content": [thought, hidden, call]},
            {"role": "user", "content": [answer, {"type": "text", "text": "So?"}]},
            {"role": "assistant", "content": "It is"},
        ],
    }
    exchange = decode(capture("/v1/messages", ask, b""))
    png = Media("image", "image/png", 5)
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be terse."),
        Message(Role.USER, "Look: Paper.Found.", media=(png,)),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("t1", "get_weather", '{"city":"Zürich"}'),), reasoning="Hm."),
        Message(Role.TOOL, "21 °C", tool_call_id="t1", media=(png,)),
        Message(Role.USER, "So?"),
        Message(Role.ASSISTANT, "It is"),
    )
    assert exchange.user == "u-1"
    assert exchange.parameters == (("max_tokens", "9"), ("temperature", "0.5"))


def test_server_tools_and_a_call_without_arguments() -> None:
    search = {"type": "server_tool_use", "id": "srv1", "name": "web_search", "input": {}}
    plain = {"type": "tool_use", "id": "t2", "name": "now", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srv1", "content": [{"title": "X", "url": "https://x"}]}
    events = [
        START,
        {"type": "content_block_start", "index": 0, "content_block": search},
        delta(0, type="input_json_delta", partial_json='{"query": '),
        delta(0, type="input_json_delta", partial_json='"Zürich"}'),
        {"type": "content_block_start", "index": 1, "content_block": result},
        {"type": "content_block_start", "index": 2, "content_block": plain},
        delta(2, type="input_json_delta", partial_json=""),
        {"type": "content_block_start", "index": 3, "content_block": {"type": "text", "text": ""}},
        delta(3, type="text_delta", text="Sunny."),
        delta(3, type="citations_delta", citation="c"),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "cache_read_input_tokens": 8}},
        STOP,
    ]
    offered = {**ASK, "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}
    exchange = decode(capture("/v1/messages", offered, sse(*events, named=True)))
    (choice,) = exchange.choices
    assert choice.text == "Sunny."
    assert choice.tool_calls == (ToolCall("srv1", "web_search", '{"query":"Zürich"}'), ToolCall("t2", "now", "{}"))
    assert choice.finish_reason == "tool_use"
    assert exchange.tools == ("web_search",)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=13, output=9, cached_input=8)


def test_arguments_that_are_no_json_stay_as_the_model_wrote_them() -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    events = [
        START,
        {"type": "content_block_start", "index": 0, "content_block": block},
        delta(0, type="input_json_delta", partial_json='{"a": '),
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 3}},
        STOP,
    ]
    exchange = decode(capture("/v1/messages", {**ASK, "stream": True}, sse(*events)))
    assert exchange.choices[0].tool_calls == (ToolCall("t", "f", '{"a": '),)
    assert exchange.complete


@pytest.mark.parametrize(
    ("target", "provider"),
    [
        ("/anthropic/v1/messages", "anthropic"),
        ("/v1/messages?beta=true", "anthropic"),
        (
            "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x%40001:streamRawPredict",
            "gcp.vertex_ai",
        ),
    ],
)
def test_other_mounts(target: str, provider: str) -> None:
    ask = {key: value for key, value in ASK.items() if key != "model"} if "publishers" in target else ASK
    events = [
        START,
        delta(0, type="text_delta", text="Hi"),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ]
    exchange = decode(capture(target, ask, sse(*events, STOP, named=True)))
    assert (exchange.format, exchange.provider) == ("anthropic", provider)
    assert exchange.request_model == ("claude-x@001" if "publishers" in target else "claude-x")
    assert exchange.choices[0].text == "Hi"
    assert exchange.complete


def test_token_count_is_no_generation() -> None:
    exchange = decode(capture("/v1/messages/count_tokens", ASK, {"input_tokens": 14}))
    assert exchange.operation is Operation.COUNT_TOKENS
    assert exchange.messages == (Message(Role.USER, "Hi"),)
    assert exchange.choices == ()
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=14)  # as said; no metric or cost counts it
    vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict"
    counted = decode(capture(vertex, ASK | {"model": "claude"}, {"input_tokens": 14}))
    assert (counted.operation, counted.request_model, counted.choices) == (Operation.COUNT_TOKENS, "claude", ())


def test_batches_show_their_texts_without_usage() -> None:
    batch = {"requests": [{"custom_id": "a", "params": ASK}, {"custom_id": "b", "params": ASK}]}
    created = decode(capture("/v1/messages/batches", batch, {"id": "msgbatch_1", "type": "message_batch"}))
    assert created.operation is Operation.OTHER
    assert created.messages == (Message(Role.USER, "Hi"), Message(Role.USER, "Hi"))
    answer = {"content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "usage": {"output_tokens": 3}}
    results = lines(
        {"custom_id": "a", "result": {"type": "succeeded", "message": answer}},
        {"custom_id": "b", "result": {"type": "errored", "error": {"type": "invalid_request"}}},
    )
    exchange = decode(replace(capture("/v1/messages/batches/msgbatch_1/results", b"", results), method="GET"))
    assert [choice.text for choice in exchange.choices] == ["Hello", ""]
    assert exchange.usage == Usage()
    single = decode(replace(capture("/v1/messages/batches/b/results", b"", results.splitlines()[0]), method="GET"))
    assert [choice.text for choice in single.choices] == ["Hello"]


def test_legacy_completion_streamed_and_whole() -> None:
    ask = {"model": "claude-2.1", "prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 9}
    answer = {
        "type": "completion",
        "id": "c1",
        "completion": " Hello",
        "stop_reason": "stop_sequence",
        "model": "claude-2.1",
    }
    events = [
        {"type": "completion", "id": "c1", "completion": " Hel", "stop_reason": None, "model": "claude-2.1"},
        {"type": "ping"},
        {"type": "completion", "id": "c1", "completion": "lo", "stop_reason": "stop_sequence", "model": "claude-2.1"},
    ]
    whole = decode(capture("/v1/complete", ask, answer))
    streamed = decode(capture("/v1/complete", {**ask, "stream": True}, sse(*events, named=True)))
    assert (whole.format, whole.operation) == ("anthropic-complete", Operation.TEXT_COMPLETION)
    assert whole.choices[0].text == " Hello"
    assert whole.messages == (Message(Role.USER, "\n\nHuman: Hi\n\nAssistant:"),)
    assert without_times(replace(streamed, stream=False)) == without_times(whole)


def test_a_flood_of_block_starts_ends_in_time() -> None:
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f"}}
    piece = delta(0, type="input_json_delta", partial_json="1" * 100)
    flood = (sse(start) + sse(piece)) * 8000
    exchange = decode(capture("/v1/messages", {**ASK, "stream": True}, flood))
    assert len(exchange.choices[0].tool_calls) == 1
    assert len(exchange.choices[0].tool_calls[0].arguments) == 800_000


def test_nested_documents_end_in_time() -> None:
    block: dict[str, object] = {"type": "text", "text": "deep"}
    for _ in range(300):
        block = {"type": "document", "source": {"type": "content", "content": [block]}}
    ask = {**ASK, "messages": [{"role": "user", "content": [block]}]}
    exchange = decode(capture("/v1/messages", json.dumps(ask), b""))
    assert exchange.decode_error is None


FETCHED = {
    "type": "web_fetch_tool_result",
    "tool_use_id": "t",
    "content": {
        "type": "web_fetch_result",
        "url": "https://x",
        "content": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "PAGE"}},
    },
}
RAN = {
    "type": "code_execution_tool_result",
    "tool_use_id": "u",
    "content": {"type": "code_execution_result", "stdout": "OUT", "stderr": "ERR", "return_code": 0},
}
SEARCHED = {
    "type": "web_search_tool_result",
    "tool_use_id": "v",
    "content": [{"type": "web_search_result", "title": "Title", "url": "https://x", "encrypted_content": "zz"}],
}
MCP = {"type": "mcp_tool_result", "tool_use_id": "w", "content": [{"type": "text", "text": "MCP"}], "is_error": False}
TOOL_TEXTS = (
    Message(Role.TOOL, "PAGE", tool_call_id="t"),
    Message(Role.TOOL, "OUTERR", tool_call_id="u"),
    Message(Role.TOOL, "Title\n", tool_call_id="v"),
    Message(Role.TOOL, "MCP", tool_call_id="w"),
)


def test_what_tools_of_the_server_answered_is_read_in_prompts_and_in_answers() -> None:
    blocks = [FETCHED, RAN, SEARCHED, MCP]
    asked = decode(capture("/v1/messages", {"messages": [{"role": "assistant", "content": blocks}]}, {}))
    assert asked.messages == TOOL_TEXTS
    said = [{"type": "text", "text": "So."}]
    whole = decode(capture("/v1/messages", ASK, {"type": "message", "content": [*blocks, *said]}))
    assert whole.messages == (Message(Role.USER, "Hi"), *TOOL_TEXTS)
    events = [{"type": "message_start", "message": {"content": []}}]
    for index, block in enumerate([*blocks, *said]):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    streamed = decode(capture("/v1/messages", ASK, sse(*events, {"type": "message_stop"}, named=True)))
    assert (streamed.messages, streamed.choices) == (whole.messages, whole.choices)


def test_counts_of_the_cache_by_time_and_of_thinking() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 5},
    }
    expected = Usage(UsageSource.PROVIDER, input=17, output=9, cache_write_input=7, cache_write_1h_input=4, reasoning=5)
    assert decode(capture("/v1/messages", ASK, {"content": [], "usage": usage})).usage == expected
    start = {"type": "message_start", "message": {"content": [], "usage": {**usage, "output_tokens": 1}}}
    end = {
        "type": "message_delta",
        "delta": {},
        "usage": {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}},
    }
    streamed = decode(capture("/v1/messages", ASK, sse(start, end, {"type": "message_stop"}, named=True)))
    assert streamed.usage == expected


def test_a_compaction_is_what_the_model_thought() -> None:
    block = {"type": "compaction", "content": "before", "encrypted_content": "zz"}
    asked = decode(
        capture("/v1/messages", {"messages": [{"role": "assistant", "content": [block]}]}, {"content": [block]})
    )
    assert asked.messages == (Message(Role.ASSISTANT, reasoning="before"),)
    assert asked.choices[0].reasoning == "before"


def test_tokens_of_mcp_servers_are_not_kept_and_contexts_of_documents_are() -> None:
    document = {"type": "document", "context": "Mailed in.", "source": {"type": "text", "data": "Hello"}}
    request = {
        "messages": [{"role": "user", "content": [document]}],
        "mcp_servers": [{"type": "url", "name": "docs", "url": "https://x", "authorization_token": "sesame"}],
    }
    exchange = decode(capture("/v1/messages", request, {"type": "message", "content": []}))
    assert exchange.parameters == (("mcp_servers", '["docs"]'),)
    assert exchange.messages == (Message(Role.USER, "Mailed in.\nHello"),)


def test_why_it_refused_streamed_and_whole() -> None:
    details = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "Not that."}}
    whole = decode(capture("/v1/messages", ASK, {"type": "message", "content": [], **details}))
    events = [
        {"type": "message_start", "message": {"content": []}},
        {"type": "message_delta", "delta": details, "usage": {}},
        {"type": "message_stop"},
    ]
    stream = decode(capture("/v1/messages", ASK, sse(*events, named=True)))
    assert stream.choices == whole.choices == (Choice(refusal="Not that.", finish_reason="refusal"),)
