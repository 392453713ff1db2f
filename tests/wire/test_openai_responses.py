"""The Responses API: whole, streamed, cut, in the background and over a WebSocket."""

import dataclasses
import json

import pytest
from websockets.frames import Frame, Opcode

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

TARGET = "/v1/responses"
OUTPUT = [
    {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "think"}], "encrypted_content": "xx"},
    {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}},
    {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "Hello ", "annotations": []},
            {"type": "output_text", "text": "you"},
        ],
    },
    {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
    {"type": "custom_tool_call", "id": "ct", "call_id": "c2", "name": "sql", "input": "SELECT 1"},
    {"type": "image_generation_call", "id": "ig", "result": "AAAA", "output_format": "png"},
]
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 17,
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m1",
    "output": OUTPUT,
    "usage": USAGE,
}
CHOICE = Choice(
    text="Hello you",
    reasoning="think",
    tool_calls=(
        ToolCall("ws", "web_search_call", '{"type":"search","query":"q"}'),
        ToolCall("c1", "f", '{"a":1}'),
        ToolCall("c2", "sql", "SELECT 1"),
    ),
    finish_reason="completed",
    media=(Media("image", "image/png", 3),),
)


def events(*, ended=True):
    """Give the events of RESPONSE as OpenAI streams them."""
    started = RESPONSE | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": started}
    for index, item in enumerate(OUTPUT):
        at = {"output_index": index, "item_id": item["id"]}
        empty = {
            key: value for key, value in item.items() if key not in ("content", "summary", "input", "action", "result")
        }
        yield {
            "type": "response.output_item.added",
            **at,
            "item": empty | ({"arguments": ""} if "name" in item else {}),
        }
        for part, content in enumerate(item.get("content", [])):
            for letter in content["text"]:
                yield {"type": "response.output_text.delta", **at, "content_index": part, "delta": letter}
            yield {"type": "response.output_text.done", **at, "content_index": part, "text": content["text"]}
        for part in item.get("summary", []):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": part["text"], "obfuscation": "x"}
        if item["type"] == "function_call":
            yield {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]}
        if item["type"] == "custom_tool_call":
            yield {"type": "response.custom_tool_call_input.delta", **at, "delta": item["input"]}
        yield {"type": "response.output_item.done", **at, "item": item}
    if ended:
        yield {"type": "response.completed", "response": RESPONSE}


def stream(some):
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in some).encode()


@pytest.fixture
def answered(capture_of):
    def decoded(response, request=None, **more):
        body = json.dumps(response).encode() if isinstance(response, dict) else response
        return decode(capture_of(body, request or {"model": "gpt", "input": "hi"}, **({"target": TARGET} | more)))

    return decoded


def test_a_whole_answer(answered):
    exchange = answered(RESPONSE)
    assert exchange.choices == (CHOICE,)
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=10, output=7, cached_input=4, reasoning=3)
    assert (exchange.response_id, exchange.response_model, exchange.request_model) == ("resp_1", "m1", "gpt")
    assert (exchange.format, exchange.operation, exchange.stream) == ("openai-responses", Operation.CHAT, False)


def test_a_streamed_answer_is_equal(answered):
    streamed = dataclasses.replace(answered(stream(events())), timings=Timings(), stream=False)
    assert streamed == dataclasses.replace(answered(RESPONSE), timings=Timings())


def test_a_cut_stream_is_read_from_its_deltas(answered):
    exchange = answered(stream(events(ended=False)), ending=Ending.UPSTREAM_BROKEN)
    assert exchange.choices == (dataclasses.replace(CHOICE, finish_reason=None),)
    assert not exchange.complete
    assert exchange.usage.source is UsageSource.MISSING


def test_a_stream_cut_anywhere_is_a_beginning_of_it(answered):
    data = stream(events())
    for at in range(0, len(data), 11):
        exchange = answered(data[:at], {"model": "gpt", "stream": True}, ending=Ending.CLIENT_GONE)
        assert exchange.decode_error is None
        assert exchange.stream
        assert "Hello you".startswith(exchange.choices[0].text if exchange.choices else "")


def test_deltas_have_times_and_the_last_event_has_none_of_its_own(capture_of):
    pieces = [stream([event]) for event in events()]
    exchange = decode(capture_of(pieces, {"model": "gpt"}, target=TARGET))
    # The deltas: one of reasoning, nine of text, two of arguments.
    assert exchange.timings.output_chunk_seconds == (3.0, *map(float, range(8, 14)), 15.0, 16.0, 17.0, 21.0, 24.0)
    assert exchange.timings.first_token_seconds == 3.0


def test_reads_the_whole_request(answered):
    request = {
        "model": "gpt",
        "instructions": "Be brief.",
        "previous_response_id": "resp_0",
        "user": "u",
        "max_output_tokens": 7,
        "input": [
            {"role": "developer", "content": "And kind."},
            {"role": "user", "content": [
                {"type": "input_text", "text": "What is "},
                {"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA"},
                {"type": "input_file", "file_data": "AAAAAAAA"},
                {"type": "input_text", "text": "this?"},
            ]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A cat."}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
            {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "43"}]},
            {"type": "computer_call_output", "call_id": "e", "output": {"type": "input_image", "image_url": "https://x"}},
            {"type": "shell_call_output", "call_id": "g", "output": [{"stdout": "out", "stderr": ""}]},
            {"type": "item_reference", "id": "i"},
        ],
        "tools": [
            {"type": "function", "name": "f", "parameters": {}},
            {"type": "custom", "name": "sql"},
            {"type": "web_search"},
            {"type": "mcp", "server_label": "files", "server_url": "https://x"},
        ],
        "prompt": {"id": "p", "variables": {"name": "Ada", "age": 7}},
    }  # fmt: skip
    exchange = answered(b"", request)
    assert exchange.messages == (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "Ada"),
        Message(Role.SYSTEM, "And kind."),
        Message(Role.USER, "What is this?", media=(Media("image", "image/jpeg", 3), Media("file", None, 6))),
        Message(Role.ASSISTANT, "A cat."),
        Message(Role.ASSISTANT, reasoning="hm"),
        Message(Role.ASSISTANT, tool_calls=(ToolCall("c", "f", "{}"),)),
        Message(Role.TOOL, "42", tool_call_id="c"),
        Message(Role.TOOL, "43", tool_call_id="d"),
        Message(Role.TOOL, tool_call_id="e", media=(Media("image"),)),
        Message(Role.TOOL, '[{"stdout":"out","stderr":""}]', tool_call_id="g"),
    )
    assert exchange.tools == ("f", "sql", "web_search", "files")
    assert exchange.conversation_id == "resp_0"
    assert exchange.parameters == (("max_output_tokens", "7"),)
    assert exchange.user == "u"


def test_why_an_answer_ended(answered):
    incomplete = RESPONSE | {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert answered(incomplete).choices[0].finish_reason == "max_output_tokens"
    failed = RESPONSE | {"status": "failed", "output": [], "error": {"code": "server_error", "message": "m"}}
    assert answered(failed).error == ProviderError("server_error", "m")
    assert answered(failed).choices[0].finish_reason == "failed"
    queued = {"id": "resp_1", "object": "response", "status": "queued", "output": [], "usage": None}
    assert answered(queued).choices == ()  # it is still to be made: nothing was answered, nothing used
    assert answered(queued).response_id == "resp_1"


def test_tokens_of_mcp_servers_are_not_kept(answered):
    tool = {"type": "mcp", "server_label": "s", "authorization": "sesame", "headers": {"Authorization": "sesame"}}
    exchange = answered(RESPONSE, {"model": "m", "input": "x", "tools": [tool]})
    assert (exchange.tools, exchange.tool_definitions) == (("s",), '[{"type":"mcp","server_label":"s"}]')


def test_calls_of_hosted_tools(answered):
    output = [
        {"type": "program", "call_id": "p", "code": "print(1)"},
        {"type": "mcp_approval_request", "id": "a", "name": "delete", "arguments": "{}"},
        {"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"]}},
    ]
    assert answered(RESPONSE | {"output": output}).choices[0].tool_calls == (
        ToolCall("p", "program", "print(1)"),
        ToolCall("a", "delete", "{}"),
        ToolCall("s", "shell_call", '{"commands":["ls"]}'),
    )
    cut = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "shell_call", "call_id": "s"}},
        {"type": "response.shell_call_command.delta", "output_index": 0, "command_index": 0, "delta": "ls "},
        {"type": "response.shell_call_command.delta", "output_index": 0, "command_index": 0, "delta": "-a"},
    ]
    assert answered(stream(cut)).choices[0].tool_calls == (ToolCall("s", "shell_call", "ls -a"),)


def test_a_refusal(answered):
    output = [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]
    assert answered(RESPONSE | {"output": output}).choices[0].refusal == "No."
    deltas = [
        {"type": "response.refusal.delta", "output_index": 0, "delta": "N"},
        {"type": "response.refusal.delta", "output_index": 0, "delta": "o."},
    ]
    assert answered(stream(deltas)).choices[0].refusal == "No."


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "error", "code": "server_error", "message": "m"}, ProviderError("server_error", "m", in_stream=True)),
        ({"type": "error", "error": {"type": "t", "message": "m"}}, ProviderError("t", "m", in_stream=True)),
        (
            {"type": "response.failed", "response": {"status": "failed", "error": {"code": "c", "message": "m"}}},
            ProviderError("c", "m", in_stream=True),
        ),
    ],
)
def test_errors_in_a_stream(event, error, answered):
    exchange = answered(stream([*list(events())[:12], event]))
    assert exchange.error == error
    assert exchange.choices[0].text
    assert exchange.choices[0].reasoning == "think"


def test_an_answer_that_was_made_in_the_background(answered):
    exchange = answered(RESPONSE, b"", method="GET", target="/v1/responses/resp_1?include=x")
    assert exchange.choices == (CHOICE,)
    resumed = answered(stream(list(events())[20:]), b"", method="GET", target="/v1/responses/resp_1?stream=true")
    assert resumed.choices == (CHOICE,)


@pytest.mark.parametrize(
    ("changes", "operation", "choices", "tokens"),
    [
        ({"background": True}, Operation.CHAT, 1, 7),
        ({"background": True, "status": "queued", "output": [], "usage": None}, Operation.OTHER, 0, None),
        ({"background": True, "status": "in_progress", "output": [], "usage": None}, Operation.OTHER, 0, None),
        ({"background": False}, Operation.OTHER, 1, None),  # stored, and read again: its tokens were counted
    ],
)
def test_asking_for_an_answer_counts_it_once(answered, changes, operation, choices, tokens):
    exchange = answered(RESPONSE | changes, b"", method="GET", target="/v1/responses/resp_1")
    assert (exchange.operation, len(exchange.choices), exchange.usage.output) == (operation, choices, tokens)


def test_calls_that_generate_nothing(answered):
    counted = answered({"object": "response.input_tokens", "input_tokens": 11}, target="/v1/responses/input_tokens")
    assert (counted.operation, counted.usage.input, counted.choices) == (Operation.COUNT_TOKENS, 11, ())
    listed = answered({"object": "list", "data": []}, b"", method="GET", target="/v1/responses/r/input_items")
    assert (listed.format, listed.operation, listed.choices) == ("openai-responses", Operation.OTHER, ())


def frames(messages, *, mask):
    return [Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=mask) for message in messages]


def test_several_answers_over_one_web_socket(capture_of, body_of):
    creates = [{"type": "response.create", "model": "gpt", "input": text} for text in ("one", "two")]
    second = [{"type": "response.completed", "response": RESPONSE | {"id": "resp_2"}}]
    exchange = decode(
        capture_of(
            body_of(frames([*events(), *second], mask=False)),
            body_of(frames([*creates, {"type": "response.cancel"}], mask=True)),
            target=TARGET,
            method="GET",
            status=101,
            upgraded=True,
        )
    )
    assert exchange.stream
    assert exchange.choices == (CHOICE, dataclasses.replace(CHOICE, index=1))
    assert exchange.messages == (Message(Role.USER, "one"), Message(Role.USER, "two"))
    assert exchange.usage == Usage(UsageSource.PROVIDER, input=20, output=14, cached_input=8, reasoning=6)
    assert exchange.response_id == "resp_2"


@pytest.mark.parametrize(
    "body",
    [
        {"output": None, "object": "response"},
        {
            "output": [
                None,
                1,
                {},
                {"type": 1},
                {"type": "message", "content": None},
                {"type": "reasoning", "summary": "x"},
            ]
        },
        {"output": {"type": "message", "content": {"type": "output_text", "text": "single"}}},
        {"usage": {"input_tokens": None, "input_tokens_details": 1}, "status": 1, "error": "x"},
        {"output": [{"type": "_call"}, {"type": "function_call", "arguments": {"a": 1}, "name": []}]},
    ],
)
def test_odd_answers_are_no_failure(body, answered):
    assert answered(body).decode_error is None
    assert answered(stream([{"type": "response.completed", "response": body}])).decode_error is None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "output_index": "0", "delta": None},
        {"type": "response.output_text.delta", "output_index": 10**9, "delta": "x"},
        {"type": "response.output_item.added", "item": None},
        {"type": "response.output_item.done", "item": []},
        {"type": "response.completed", "response": None},
        {"type": ["x"]},
        {"type": "error"},
    ],
)
def test_odd_events_are_no_failure(event, answered):
    assert (
        answered(stream([{"type": "response.in_progress"}]) + f"data: {json.dumps(event)}\n\n".encode()).decode_error
        is None
    )


def test_pictures_that_tools_answer_are_summarised_and_never_kept(capture_of):
    url = "data:image/png;base64," + "A" * 40
    items = [
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_image", "image_url": url}]},
        {"type": "computer_call_output", "call_id": "b", "output": {"type": "computer_screenshot", "image_url": url}},
        {"type": "image_generation_call", "id": "c", "result": "A" * 40, "output_format": "webp"},
    ]
    exchange = decode(capture_of(b"{}", {"model": "m", "input": items}, target=TARGET))
    png = Media("image", "image/png", 30)
    assert exchange.messages == (
        Message(Role.TOOL, tool_call_id="a", media=(png,)),
        Message(Role.TOOL, tool_call_id="b", media=(png,)),
        Message(Role.ASSISTANT, media=(Media("image", "image/webp", 30),)),
    )


def test_what_tools_of_the_server_answered_is_read_in_prompts_and_in_answers(capture_of, sse):
    items = [
        {"type": "mcp_call", "id": "a", "name": "f", "arguments": "{}", "output": "tool says"},
        {"type": "code_interpreter_call", "id": "b", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
        {"type": "file_search_call", "id": "c", "queries": ["q"], "results": [{"text": "found"}, {"text": "more"}]},
    ]
    tools = (
        Message(Role.TOOL, "tool says", tool_call_id="a"),
        Message(Role.TOOL, "2", tool_call_id="b"),
        Message(Role.TOOL, "found\nmore", tool_call_id="c"),
    )
    asked = decode(capture_of(b"{}", {"input": items}, target=TARGET))
    assert tuple(message for message in asked.messages if message.role is Role.TOOL) == tools
    done = {"type": "response.completed", "response": {"status": "completed", "output": items}}
    streamed = decode(capture_of(sse(done, done=False), {"input": "x"}, target=TARGET))
    whole = decode(capture_of(json.dumps(done["response"]).encode(), {"input": "x"}, target=TARGET))
    assert streamed.messages == whole.messages == (Message(Role.USER, "x"), *tools)
