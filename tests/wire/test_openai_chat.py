"""Chat Completions and its dialects: streamed and whole answers that say the same give equal Exchanges."""

import dataclasses
import json

import pytest

from sidecar.wire.capture import Ending
from sidecar.wire.decode import decode
from sidecar.wire.exchange import (
    Choice,
    Media,
    Message,
    Operation,
    ProviderError,
    Role,
    Timings,
    ToolCall,
    Usage,
    UsageSource,
)

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def chunk(delta=None, finish=None, index=0, **more):
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m1", "choices": choices, **more}


def whole(*messages, finish="stop", **more):
    choices = [{"index": n, "message": message, "finish_reason": finish} for n, message in enumerate(messages)]
    return {"id": "c1", "object": "chat.completion", "model": "m1", "choices": choices, **more}


def timeless(exchange):
    return dataclasses.replace(exchange, timings=Timings(), stream=False)


@pytest.fixture
def streamed(capture_of, sse):
    return lambda *chunks, **more: decode(capture_of(sse(*chunks), ASK | {"stream": True}, **more))


@pytest.fixture
def answered(capture_of):
    return lambda body, **more: decode(capture_of(json.dumps(body).encode(), ASK, **more))


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 2}}

SAME = {
    "text": (
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "He"}),
            chunk({"content": "y"}),
            chunk({}, "stop"),
        ],
        whole({"role": "assistant", "content": "Hey"}),
    ),
    "usage": (
        [chunk({"content": "a"}, usage=None), chunk({}, "stop", usage=None), chunk(None, usage=USAGE)],
        whole({"role": "assistant", "content": "a"}, usage=USAGE),
    ),
    "continuous usage": (
        [
            chunk({"content": "a"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
            chunk({"content": "b"}, usage={"prompt_tokens": 9, "completion_tokens": 3}),
            chunk({}, "stop", usage=USAGE),
        ],
        whole({"content": "ab"}, usage=USAGE),
    ),
    "interleaved choices": (
        [
            chunk({"content": "a"}, index=1),
            chunk({"content": "b"}),
            chunk({"content": "c"}, "stop", index=1),
            chunk({}, "stop"),
        ],
        whole({"content": "b"}, {"content": "ac"}),
    ),
    "refusal": (
        [chunk({"refusal": "I "}), chunk({"refusal": "can't"}), chunk({}, "stop")],
        whole({"content": None, "refusal": "I can't"}),
    ),
    "reasoning_content": (
        [chunk({"reasoning_content": "th"}), chunk({"reasoning_content": "ink"}), chunk({"content": "so"}, "stop")],
        whole({"reasoning_content": "think", "content": "so"}),
    ),
    "reasoning": (
        [chunk({"reasoning": "th"}), chunk({"reasoning": "ink"}), chunk({"content": "so"}, "stop")],
        whole({"reasoning": "think", "content": "so"}),
    ),
    "reasoning_details": (
        [
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "th"}]}),
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "ink"}]}),
            chunk({"content": "so"}, "stop"),
        ],
        whole({"reasoning_details": [{"type": "reasoning.text", "text": "think"}], "content": "so"}),
    ),
    "mistral thinking": (
        [
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "th"}]}]}),
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "ink"}]}]}),
            chunk({"content": [{"type": "text", "text": "so"}, {"type": "reference", "reference_ids": [1]}]}, "stop"),
        ],
        whole(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "think"}]},
                    {"type": "text", "text": "so"},
                ]
            }
        ),
    ),
    "legacy function": (
        [
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"a"'}}),
            chunk({"function_call": {"arguments": ": 1}"}}),
            chunk({}, "function_call"),
        ],
        whole({"content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}}, finish="function_call"),
    ),
    "audio": (
        [
            chunk({"audio": {"id": "a", "transcript": "Hel"}}),
            chunk({"audio": {"transcript": "lo"}}),
            chunk({"audio": {"data": "AAAA"}}),
            chunk({"audio": {"data": "AAA="}}),
            chunk({"audio": {"expires_at": 1}}),
            chunk({}, "stop"),
        ],
        whole({"content": None, "audio": {"id": "a", "transcript": "Hello", "data": "AAAAAAA=", "expires_at": 1}}),
    ),
    "half characters": (
        [chunk({"content": "a \ud83d"}), chunk({"content": "\ude00 b"}), chunk({}, "stop")],
        whole({"content": "a 😀 b"}),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_streamed_and_whole_answers_are_equal(case, capture_of):
    chunks, body = SAME[case]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode() + b"data: [DONE]\n\n"
    one = decode(capture_of(stream, ASK))
    two = decode(capture_of(json.dumps(body).encode(), ASK))
    assert timeless(one) == timeless(two)
    assert (one.stream, two.stream) == (True, False)
    assert one.choices
    assert one.decode_error is None


CALLS = (ToolCall("i1", "f", '{"a":1}'), ToolCall("i2", "g", '{"b":2}'))


def call(index=None, call_id=None, name=None, arguments=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    found = {"index": index, "id": call_id, "type": "function", "function": function}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(
    "deltas",
    [
        # OpenAI: the first piece of an index has id and name
        [[call(0, "i1", "f", "")], [call(0, None, None, '{"a"')], [call(0, None, None, ":1}")],
         [call(1, "i2", "g", "")], [call(1, None, None, '{"b":2}')]],
        # interleaved
        [[call(0, "i1", "f", "")], [call(1, "i2", "g", "")],
         [call(0, None, None, '{"a":1}'), call(1, None, None, '{"b":2}')]],
        # Mistral: whole calls in one delta
        [[call(0, "i1", "f", '{"a":1}'), call(1, "i2", "g", '{"b":2}')]],
        # Ollama: every call has index 0
        [[call(0, "i1", "f", '{"a":1}'), call(0, "i2", "g", '{"b":2}')]],
        [[call(0, "i1", "f", '{"a":1}')], [call(0, "i2", "g", '{"b":2}')]],
        # id and name repeated with every piece
        [[call(0, "i1", "f", '{"a"')], [call(0, "i1", "f", ":1}")],
         [call(1, "i2", "g", '{"b":')], [call(1, "i2", "g", "2}")]],
        # no index
        [[call(None, "i1", "f", '{"a":1}'), call(None, "i2", "g", '{"b":2}')]],
        # arguments as objects
        [[call(0, "i1", "f", {"a": 1})], [call(1, "i2", "g", {"b": 2})]],
    ],
)  # fmt: skip
def test_tool_calls_of_every_dialect(deltas, streamed, answered):
    exchange = streamed(*(chunk({"tool_calls": delta}) for delta in deltas), chunk({}, "tool_calls"))
    assert exchange.choices == (Choice(tool_calls=CALLS, finish_reason="tool_calls"),)
    calls = [call(None, "i1", "f", '{"a":1}'), call(None, "i2", "g", '{"b":2}')]
    body = answered(whole({"content": None, "tool_calls": calls}, finish="tool_calls"))
    assert timeless(body) == timeless(exchange)


def test_tool_calls_without_ids_and_as_a_single_object(streamed):
    exchange = streamed(
        chunk({"tool_calls": call(0, "", "f", '{"a"')}),
        chunk({"tool_calls": call(0, "", None, ":1}")}),
        chunk({"tool_calls": call(0, "", "g", '{"b":2}')}),
    )
    assert exchange.choices[0].tool_calls == (ToolCall(None, "f", '{"a":1}'), ToolCall(None, "g", '{"b":2}'))


def test_custom_tool_calls(answered):
    calls = [{"id": "i", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]
    assert answered(whole({"tool_calls": calls})).choices[0].tool_calls == (ToolCall("i", "sql", "SELECT 1"),)


def test_reads_the_whole_request(capture_of):
    request = {
        "model": "gpt-4o",
        "temperature": 0.5,
        "stop": ["a"],
        "seed": None,
        "user": "someone",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "bob", "content": [
                {"type": "text", "text": "What "},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
                {"type": "text", "text": "is this?"},
                {"type": "input_audio", "input_audio": {"data": "AAAAAAAA", "format": "wav"}},
                {"type": "file", "file": {"filename": "x.pdf", "file_data": "data:application/pdf;base64,AAAAAAA="}},
            ]},
            {"role": "assistant", "content": None, "tool_calls": [call(None, "i1", "f", '{"a":1}')]},
            {"role": "tool", "tool_call_id": "i1", "content": [{"type": "text", "text": "42"}]},
            {"role": "function", "name": "old", "content": "43"},
            {"role": "assistant", "content": "It is", "refusal": None, "reasoning_content": "hm"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "user", "content": ""},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}},
            {"type": "custom", "custom": {"name": "sql"}},
            {"type": "web_search"},
        ],
        "functions": [{"name": "legacy"}],
    }  # fmt: skip
    exchange = decode(capture_of(b"", request))
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be brief."),
        Message(
            Role.USER,
            "What is this?",
            media=(
                Media("image", "image/png", 3),
                Media("image"),
                Media("audio", "audio/wav", 6),
                Media("file", "application/pdf", 5),
            ),
        ),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("i1", "f", '{"a":1}'),)),
        Message(Role.TOOL, "42", tool_call_id="i1"),
        Message(Role.TOOL, "43", tool_call_id="old"),
        Message(Role.ASSISTANT, "It is", reasoning="hm"),
        Message(Role.ASSISTANT, "No."),
    )
    assert exchange.tools == ("f", "sql", "web_search", "legacy")
    assert exchange.parameters == (("stop", '["a"]'), ("temperature", "0.5"))
    assert exchange.user == "someone"
    assert exchange.request_model == "gpt-4o"
    assert exchange.operation is Operation.CHAT
    assert '"description":"d"' in exchange.tool_definitions


def test_tool_definitions_are_bounded(capture_of):
    tools = [{"type": "function", "function": {"name": f"f{n}", "description": "x" * 1000}} for n in range(200)]
    exchange = decode(capture_of(b"", ASK | {"tools": tools}))
    assert len(exchange.tools) == 200
    assert len(exchange.tool_definitions) == 65_536


def test_azure(capture_of, sse):
    exchange = decode(
        capture_of(
            sse(
                {"choices": [], "id": "", "model": "", "object": "", "prompt_filter_results": [{"prompt_index": 0}]},
                chunk({"content": "ok"}, "stop"),
            ),
            {"messages": [{"role": "user", "content": "hi"}]},
            target="/openai/deployments/my%2Ddeployment/chat/completions?api-version=2024-10-21",
            response_headers=(("apim-request-id", "r-1"),),
        )
    )
    assert (exchange.provider, exchange.request_model, exchange.response_model) == (
        "azure.ai.openai",
        "my-deployment",
        "m1",
    )
    assert exchange.choices == (Choice(text="ok", finish_reason="stop"),)
    assert exchange.request_id == "r-1"


def test_deepseek_keep_alives(capture_of, sse):
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}
    body = b": keep-alive\n\n: keep-alive\n\n" + sse(chunk({"content": "x"}, "stop", usage=usage))
    exchange = decode(capture_of(body, ASK))
    assert exchange.choices[0].text == "x"
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=9, output=2, cached_input=4)
    waited = decode(capture_of(b"\n" * 3000 + b'{"choices": [{"message": {"content": "x"}}]}', ASK))
    assert (waited.choices[0].text, waited.stream) == ("x", False)


def test_xai_leaves_reasoning_out_of_the_output(answered):
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 35,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    assert answered(whole({"content": "x"}, usage=usage)).usage == Usage(
        UsageSource.PROVIDER, input=10, output=25, reasoning=20
    )
    usage["total_tokens"] = 15
    assert answered(whole({"content": "x"}, usage=usage)).usage.output == 5


def test_groq_and_moonshot_put_usage_elsewhere(streamed):
    exchange = streamed(chunk({"content": "x"}), chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=9, output=4, cached_input=2)
    assert exchange.provider == "groq"
    late = chunk({}, "stop")
    late["choices"][0]["usage"] = USAGE
    assert streamed(chunk({"content": "x"}), late).usage.output == 4


def test_logprobs_are_added_up(answered, streamed):
    tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.25}]
    body = whole({"content": "ab"})
    body["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    first, second = chunk({"content": "a"}), chunk({"content": "b"}, "stop")
    first["choices"][0]["logprobs"] = {"content": tokens[:1]}
    second["choices"][0]["logprobs"] = {"content": tokens[1:]}
    assert answered(body).choices[0].logprob_sum == -0.75
    assert answered(body).choices[0].logprob_tokens == 2
    assert streamed(first, second).choices == answered(body).choices


@pytest.mark.parametrize(
    ("event", "type_", "message"),
    [
        ({"error": {"message": "m", "type": "server_error", "code": None}}, "server_error", "m"),
        ({"error": "plain"}, "error", "plain"),
        ({"object": "error", "message": "m", "type": "BadRequestError", "code": 400}, "BadRequestError", "m"),
        (chunk({"content": ""}, "error", error={"code": 502, "message": "m"}), "502", "m"),
    ],
)
def test_errors_inside_a_stream(event, type_, message, streamed):
    exchange = streamed(chunk({"content": "par"}), event)
    assert exchange.error == ProviderError(type_, message, in_stream=True)
    assert exchange.choices[0].text == "par"


def test_an_error_in_a_whole_answer_of_status_200(answered):
    assert answered({"error": {"message": "m", "code": 502}}).error == ProviderError("502", "m")


def test_a_blocked_prompt(answered):
    body = {"error": {"message": "filtered", "type": None, "code": "content_filter", "status": 400}}
    assert answered(body, status=400).error == ProviderError("content_filter", "filtered")


def test_an_error_that_is_not_json(capture_of):
    exchange = decode(capture_of(b"<html>Bad gateway</html>", ASK, status=502))
    assert exchange.error == ProviderError("502", "<html>Bad gateway</html>")
    assert exchange.decode_error is None


def test_think_tags_stay_in_the_text(answered):
    assert answered(whole({"content": "<think>a</think>b"})).choices[0].text == "<think>a</think>b"


def test_a_stored_completion_is_no_generation(answered):
    for method in ("GET", "POST", "DELETE"):  # read, given other metadata, deleted
        exchange = answered(whole({"content": "x"}), method=method, target="/v1/chat/completions/c1")
        assert (exchange.operation, exchange.usage.source) == (Operation.OTHER, UsageSource.MISSING)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"choices": None},
        {"choices": {}},
        {"choices": [None, 1, "x", []]},
        {"choices": [{"message": None, "finish_reason": 7}]},
        {"choices": [{"message": {"content": 5, "tool_calls": None}}]},
        {
            "choices": [
                {"message": {"tool_calls": [None, {"function": None}, {"function": {"name": 1, "arguments": []}}]}}
            ]
        },
        {"choices": [{"index": -1, "message": {"content": "x"}}, {"index": "1", "delta": []}]},
        {"choices": [{"logprobs": {"content": [{"logprob": "x"}, None], "token_logprobs": [None, "x"]}}]},
        {"usage": [], "model": 7, "id": None},
        {"usage": {"prompt_tokens": "9", "completion_tokens": -1, "prompt_tokens_details": None}},
        {"usage": {"prompt_tokens": 10**30, "completion_tokens": 1.5}},
        {"error": []},
        {"x_groq": 1},
    ],
)
def test_odd_answers_are_no_failure(body, answered, streamed):
    assert answered(body).decode_error is None
    assert streamed(body).decode_error is None


@pytest.mark.parametrize(
    "request_body",
    [
        {"messages": None},
        {"messages": "bare"},
        {"messages": {"role": "user", "content": "one"}},
        {"messages": [None, 1, [], "text", {"role": 7, "content": {"type": "text", "text": 1}}]},
        {"messages": [{"role": "user", "content": [None, "s", {"type": "image_url", "image_url": 7}, {"type": []}]}]},
        {"messages": [{"content": [{"type": "file"}, {"type": "input_audio", "input_audio": "x"}]}], "tools": {}},
        {"tools": [{"type": 7}, {}, None, {"function": []}], "functions": "x", "model": [], "user": {}},
    ],
)
def test_odd_requests_are_no_failure(request_body, capture_of):
    assert decode(capture_of(b"{}", request_body)).decode_error is None


def test_a_cut_stream_is_a_partial_answer(capture_of, sse):
    stream = sse(chunk({"content": "one "}), chunk({"content": "two "}), chunk({"content": "three"}))
    for at in range(len(stream)):
        exchange = decode(capture_of(stream[:at], ASK | {"stream": True}, ending=Ending.CLIENT_GONE))
        assert exchange.decode_error is None
        assert not exchange.complete
        assert exchange.stream
        assert "one two three".startswith(exchange.choices[0].text if exchange.choices else "")


def test_a_stream_too_long_to_be_kept_has_its_end(capture_of, body_of, sse):
    words = [chunk({"content": f"w{n} "}) for n in range(100)]
    stream = sse(*words, chunk({}, "length"), chunk(None, usage=USAGE))
    for at in range(400, 800, 7):
        for back in range(400, 900, 31):
            body = body_of([stream[:at]], tail=stream[-back:], size=len(stream))
            exchange = decode(capture_of(body, ASK))
            assert exchange.choices[0].text.startswith("w0 ")
            assert exchange.choices[0].finish_reason == "length"
            assert exchange.usage.output == 4
            assert not exchange.complete
            assert exchange.decode_error is None


def test_an_answer_too_long_to_be_kept_has_its_end(capture_of, body_of):
    data = json.dumps(whole({"role": "assistant", "content": "word " * 1000}, finish="length", usage=USAGE)).encode()
    for back in range(200, 400):
        body = body_of([data[:500]], tail=data[-back:], size=len(data))
        exchange = decode(capture_of(body, ASK))
        assert exchange.choices[0].text.startswith("word word")
        assert exchange.choices[0].finish_reason == "length"
        assert exchange.usage.output == 4
        assert not exchange.complete
        assert exchange.decode_error is None
